#include "cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string_view>
#include <utility>

#include "cli/command_line.h"
#include "cli/text.h"
#include "core/process.h"

namespace baleen::cli {
namespace {

constexpr int kExecutorsMax = 1024;

/// Of the program and of commands that have none of their own.
constexpr const char* kExamples =
    "  baleen run ssis recordings/            ingest, decode, waveform, features, segments, "
    "previews\n"
    "  baleen run bioacoustics deployment-7/ --collection deployment-7 --cluster\n"
    "                                         a vector for each window, and groups of what sounds "
    "alike\n"
    "  baleen explain whale.wav               what would run, and why\n"
    "  baleen show 3f2a                       an asset or run, by the beginning of its id\n"
    "  baleen retry --all                     try again what has failed\n";

/// Of commands over collections, which are used in this order.
constexpr std::pair<std::string_view, const char*> kExamplesOf[] = {
    {"cluster",
     "  baleen cluster deployment-7                                  as its recordings are "
     "embedded\n"
     "  baleen cluster deployment-7 --where tag_data.species=humpback\n"
     "  baleen cluster deployment-7 --sweep min_cluster_size=5,10,20 --sweep selection=eom,leaf\n"
     "  baleen cluster deployment-7 --assign-new                     after new recordings came\n"},
    {"search",
     "  baleen search whale.wav --at 1:05 --collection deployment-7\n"
     "  baleen search 3f2a --at 1:05 --until 1:12 --apart 60 --collection deployment-7\n"},
    {"clusters", "  baleen clusters deployment-7\n"},
    {"label",
     "  baleen label deployment-7 --cluster 7 --label song\n"
     "  baleen label deployment-7 --cluster 2 3 --label \"\"   takes the label of both away\n"
     "  baleen label deployment-7 --undo\n"},
    {"probe", "  baleen probe deployment-7 --label moan --precision 0.95 --out moans.csv\n"},
    {"export",
     "  baleen export deployment-7 --format raven --out tables\n"
     "  baleen export deployment-7 --format audacity --what annotations --out labels\n"},
    {"import",
     "  baleen import deployment-7 tables/*.selections.txt --skip-unknown\n"
     "  baleen import deployment-7 labels.txt --recording S4A03895_20190522_060000.wav\n"
     "  baleen import deployment-7 --list\n"},
    {"metadata",
     "  baleen metadata deployment-7 > known.csv         file,asset_id,tag_data.species,…\n"
     "  baleen metadata deployment-7 --set known.csv\n"},
    {"sql", "  baleen sql \"SELECT label, count(*) FROM labels GROUP BY label\" --csv\n"},
};

constexpr const char* kExitStatus =
    "\nExit status: 0 done, 1 failures of several kinds, 2 usage, 3 not found, 4 unusable input,\n"
    "5 conflict, 6 storage, 7 model, 8 memory, 9 passing trouble, 70 defect, 78 no sandbox, 130 "
    "stopped by "
    "Ctrl-C.\n";

std::string footer_of(std::string_view command) {
  const char* examples = kExamples;
  for (const auto& [name, text] : kExamplesOf)
    if (name == command) examples = text;
  return std::string("Examples:\n") + examples + kExitStatus;
}

}  // namespace

CommandLine::CommandLine(const Program& program) : program_(program) {
  app_.set_version_flag("--version", "baleen " + std::string(core::version()));
  app_.require_subcommand(1);
  app_.fallthrough();
  app_.footer(footer_of(""));
  app_.add_option("--data", args_.global.data, "Data directory")
      ->capture_default_str()
      ->envname("BALEEN_DATA")
      ->type_name("DIR");
  app_.add_option("--config", args_.global.config,
                  "Settings (default: ./baleen.toml if there is one)")
      ->type_name("FILE");
  app_.add_option("--sandbox", args_.global.sandbox,
                  "required (the default): refuse to work where executors cannot be confined; "
                  "best-effort; off")
      ->type_name("MODE");
  app_.add_flag("--json", args_.global.is_json, "Machine-readable output on standard output");
  app_.add_flag("-q,--quiet", args_.global.is_quiet, "No progress, and no summary if all is well");
  add_work_commands();
  add_look_commands();
  add_service_commands();
  add_tool_commands();
}

int CommandLine::run(int argc, char** argv) {
  if (argc == 1) {
    std::printf("%s", app_.help().c_str());
    return 0;
  }
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app_.exit(help);
  } catch (const CLI::Success& success) {
    return app_.exit(success);
  } catch (const CLI::ParseError& error) {
    const Error refused = usage_error(argc, argv, error.what());
    print_error(args_.global, refused);
    return refused.info().exit_code;
  }
  Result<int> status = action_();
  // What could not be written was not said: a script must not take it for done.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    status = core::errno_error(errno, "write to standard output");
  if (status.ok()) return *status;
  print_error(args_.global, status.error());
  return status.error().info().exit_code;
}

Result<void> CommandLine::check(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::Success&) {  // Help, or the version.
  } catch (const CLI::ParseError& error) {
    return usage_error(argc, argv, error.what());
  }
  return {};
}

CLI::App* CommandLine::command(const std::string& name, const std::string& help, Action action) {
  CLI::App* sub = app_.add_subcommand(name, help);
  sub->fallthrough();
  sub->footer(footer_of(name));
  sub->callback([this, action = std::move(action)] { action_ = action; });
  return sub;
}

void CommandLine::add_work_options(CLI::App* sub) {
  sub->add_option("--executors", args_.work.executors,
                  "Stages at once (default: one per processor)")
      ->check(CLI::Range(1, kExecutorsMax))
      ->type_name("N");
  sub->add_flag("--queue", args_.work.is_queue_only,
                "Only queue; leave the work to `baleen worker`");
}

void CommandLine::add_work_commands() {
  CLI::App* run =
      command("run", "Take files or folders through a recipe, here, until done",
              [this] { return run_command(args_.global, program_, args_.work, args_.paths); });
  run->add_option("recipe", args_.work.recipe, "Recipe: ssis, bioacoustics")
      ->required()
      ->type_name("RECIPE");
  run->add_option("paths", args_.paths, "Recordings, or folders of them")
      ->required()
      ->type_name("FILE|DIR");
  run->add_option("--owner", args_.work.owner, "Owner of the assets")->capture_default_str();
  add_work_options(run);
  add_encoding_options(run);
  run->add_option("--collection", args_.work.collection,
                  "Put the recordings into this collection, such as a deployment")
      ->type_name("NAME");
  run->add_flag("--cluster", args_.work.is_clustered,
                "bioacoustics: then group the windows of the collection");
  add_clustering_options(run);

  add_collection_commands();

  CLI::App* ingest = command("ingest", "Copy recordings in and queue a run for each", [this] {
    return ingest_command(args_.global, program_, args_.work, args_.paths);
  });
  ingest->add_option("paths", args_.paths, "Recordings, or folders of them")
      ->required()
      ->type_name("FILE|DIR");
  ingest->add_option("--owner", args_.work.owner, "Owner of the assets")->capture_default_str();
  ingest->add_option("--recipe", args_.work.recipe, "Recipe to queue")->capture_default_str();
  add_encoding_options(ingest);
  ingest
      ->add_option("--collection", args_.work.collection,
                   "Put the recordings into this collection, such as a deployment")
      ->type_name("NAME");

  CLI::App* worker = command("worker", "Work off the queue until stopped", [this] {
    return worker_command(args_.global, program_, args_.worker);
  });
  worker
      ->add_option("--executors", args_.worker.executors,
                   "Stages at once (default: one per processor)")
      ->check(CLI::Range(1, kExecutorsMax))
      ->type_name("N");
  worker->add_option("--stages", args_.worker.stages, "Only these stages, separated by commas")
      ->type_name("NAME,…");
  worker->add_option("--class", args_.worker.classes, "Only stages of these classes: cpu, net")
      ->type_name("NAME,…");
  worker->add_flag("--until-done", args_.worker.is_until_done, "Stop when the queue is empty");

  CLI::App* stage = command("stage", "Run one stage of an asset by hand", [this] {
    return stage_command(args_.global, program_, args_.work, args_.stage, args_.target,
                         args_.is_forced);
  });
  stage->add_option("name", args_.stage, "Stage: decode, waveform, features, segments, preview")
      ->required()
      ->type_name("NAME");
  stage->add_option("asset", args_.target, "Asset id, or its beginning")
      ->required()
      ->type_name("ASSET");
  stage->add_flag("--force", args_.is_forced, "Even if its artifact is up to date");
  stage->add_option("--recipe", args_.work.recipe, "Recipe the stage belongs to")
      ->capture_default_str();
  add_work_options(stage);

  CLI::App* rerun = command("rerun", "Make the artifacts of an asset or run again", [this] {
    return rerun_command(args_.global, program_, args_.work, args_.target, args_.stages);
  });
  rerun->add_option("target", args_.target, "Asset or run id, or its beginning")
      ->required()
      ->type_name("ASSET|RUN");
  rerun->add_option("--stage", args_.stages, "Only these stages, separated by commas")
      ->type_name("NAME,…");
  rerun->add_option("--recipe", args_.work.recipe, "Recipe, if an asset is named")
      ->capture_default_str();
  add_work_options(rerun);

  CLI::App* retry =
      command("retry", "Try again what has failed or been canceled", [this]() -> Result<int> {
        if (args_.target.empty() == !args_.is_all) {
          return fail(ErrorCode::invalid_argument, "name one run or asset, or say --all");
        }
        return retry_command(args_.global, program_, args_.work, args_.target, args_.is_all);
      });
  retry->add_option("target", args_.target, "Run or asset id, or its beginning")
      ->type_name("RUN|ASSET");
  retry->add_flag("--all", args_.is_all, "Every failed run");
  add_work_options(retry);

  CLI::App* cancel = command("cancel", "Stop a run; finished work is kept", [this] {
    return cancel_command(args_.global, program_, args_.target);
  });
  cancel->add_option("target", args_.target, "Run or asset id, or its beginning")
      ->required()
      ->type_name("RUN|ASSET");

  CLI::App* backfill = command(
      "backfill", "Bring every asset up to date (new models, new parameters)",
      [this] { return backfill_command(args_.global, program_, args_.work, args_.is_dry_run); });
  backfill->add_option("--recipe", args_.work.recipe, "Recipe")->capture_default_str();
  backfill->add_flag("--dry-run", args_.is_dry_run, "Only say what would run");
  add_work_options(backfill);
}

void CommandLine::add_look_commands() {
  command("status", "Backlog, failures by code, latest runs",
          [this] { return status_command(args_.global, program_); });
  CLI::App* show = command("show", "An asset or a run, with its artifacts and attempts",
                           [this] { return show_command(args_.global, program_, args_.target); });
  show->add_option("target", args_.target, "Id, or its beginning")
      ->required()
      ->type_name("ASSET|RUN");
  CLI::App* explain = command("explain", "What would run for a file or asset, and why", [this] {
    WorkOptions work = args_.work;
    work.recipe = args_.explained_recipe;
    return explain_command(args_.global, program_, work, args_.target);
  });
  explain->add_option("target", args_.target, "A recording, or an asset id")
      ->required()
      ->type_name("FILE|ASSET");
  explain->add_option("--recipe", args_.explained_recipe,
                      "Recipe (default: that of its newest run, or ssis)");
  explain->add_option("--owner", args_.work.owner, "Owner of the asset")->capture_default_str();
}

void CommandLine::add_serve_options(CLI::App* sub) {
  sub->add_option("--bind", args_.serve.bind, "Address to listen on")
      ->capture_default_str()
      ->type_name("ADDR");
  sub->add_option("--port", args_.serve.port, "Port to listen on; 0: any free one")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535))
      ->type_name("N");
  sub->add_option("--allow-host", args_.serve.allowed_hosts,
                  "Host name by which clients may call this service (several are possible)")
      ->type_name("NAME");
  sub->add_option("--ingest-root", args_.serve.ingest_roots,
                  "Folder that POST /v1/ingest/local may read from (several are possible)")
      ->type_name("DIR");
}

void CommandLine::add_service_commands() {
  CLI::App* up = command("up", "The service: API and worker, here, until stopped", [this] {
    return up_command(args_.global, program_, args_.serve, args_.worker);
  });
  add_serve_options(up);
  up->add_option("--executors", args_.worker.executors,
                 "Stages at once (default: one per processor)")
      ->check(CLI::Range(1, kExecutorsMax))
      ->type_name("N");
  CLI::App* serve = command("serve", "The API alone; workers run elsewhere",
                            [this] { return serve_command(args_.global, program_, args_.serve); });
  add_serve_options(serve);

  CLI::App* tokens = app_.add_subcommand("tokens", "Who may use the service");
  tokens->fallthrough();
  tokens->require_subcommand(1);
  const auto token_command = [&](const std::string& name, const std::string& help, Action action) {
    CLI::App* sub = tokens->add_subcommand(name, help);
    sub->fallthrough();
    sub->callback([this, action = std::move(action)] { action_ = action; });
    return sub;
  };
  CLI::App* add = token_command("add", "Make a token; it is printed once", [this] {
    return token_add_command(args_.global, program_, args_.token);
  });
  add->add_option("name", args_.token.name, "What it is for")->required()->type_name("NAME");
  add->add_option("--scope", args_.token.scope, "read, submit, operate or admin")
      ->capture_default_str();
  add->add_option("--owner", args_.token.owner, "Sees only this owner's assets")
      ->capture_default_str();
  add->add_flag("--all-owners", args_.token.is_for_all_owners, "Sees everybody's (admin only)");
  add->add_option("--days", args_.token.days, "Days until it expires; 0: never")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 36500.0));
  token_command("list", "All tokens, without their secrets",
                [this] { return token_list_command(args_.global, program_); });
  token_command("revoke", "End a token, at once",
                [this] { return token_revoke_command(args_.global, program_, args_.token); })
      ->add_option("token", args_.token.token_id, "Its id")
      ->required()
      ->type_name("ID");

  for (const bool is_pause : {true, false}) {
    CLI::App* sub = command(is_pause ? "pause" : "resume",
                            is_pause ? "Workers take nothing new until `resume`" : "Workers go on",
                            [this, is_pause] {
                              return pause_command(args_.global, program_, args_.pause_recipe,
                                                   args_.pause_stage, is_pause);
                            });
    sub->add_option("--recipe", args_.pause_recipe, "Of this recipe only");
    sub->add_option("--stage", args_.pause_stage, "Of this stage only");
  }
}

void CommandLine::add_tool_commands() {
  CLI::App* models = app_.add_subcommand("models", "Networks that replace the built-in ones");
  models->require_subcommand(1);
  models->fallthrough();
  const auto verb = [&](const char* name, const char* help, ModelCommand::Verb which) {
    CLI::App* sub = models->add_subcommand(name, help);
    sub->fallthrough();
    sub->callback([this, which] {
      args_.model.verb = which;
      action_ = [this] { return models_command(args_.global, program_, args_.model); };
    });
    return sub;
  };
  verb("list", "What is installed and what could be", ModelCommand::Verb::list);
  CLI::App* add = verb("add", "Install a model file that is here", ModelCommand::Verb::add);
  add->add_option("file", args_.model.argument, "Model file")->required()->type_name("FILE");
  add->add_option("--name", args_.model.name, "Name, for a file that the catalogue does not know");
  add->add_option("--card", args_.model.card,
                  "What such a file takes and gives (docs/formats/model_card.md)")
      ->type_name("CARD.json");
  verb("pull", "Download and install a model", ModelCommand::Verb::pull)
      ->add_option("name", args_.model.argument, "Name in the catalogue")
      ->required()
      ->type_name("NAME");
  verb("verify", "Read installed models again and compare their digests",
       ModelCommand::Verb::verify)
      ->add_option("name", args_.model.argument, "Only this one")
      ->type_name("NAME");

  command("doctor", "What is installed, what is missing, what to do",
          [this] { return doctor_command(args_.global, program_); });
  CLI::App* settings = command("settings", "All settings, with their present values", [this] {
    return settings_command(args_.global, args_.is_markdown);
  });
  settings->add_flag("--markdown", args_.is_markdown, "The table of docs/configuration.md");
  command("version", "The version of this program",
          [this] { return version_command(args_.global); });
  CLI::App* completions =
      command("completions", "Print the completion script of a shell", [this]() -> Result<int> {
        BALEEN_ASSIGN_OR_RETURN(const std::string script, completion_script(args_.shell));
        if (args_.global.is_json) {
          print_json(json::object{{"shell", args_.shell}, {"script", script}});
        } else {
          std::printf("%s", script.c_str());
        }
        return 0;
      });
  completions->add_option("shell", args_.shell, "bash, zsh or fish")
      ->required()
      ->type_name("SHELL");
  CLI::App* executor = command(
      "executor", "", [this] { return executor_command(args_.global, program_, args_.socket); });
  executor->add_option("socket", args_.socket, "")->required();
  executor->group("");  // Started by workers only.
}

Error CommandLine::usage_error(int argc, char** argv, std::string what) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app_.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  std::string hint;
  bool is_command_next = true;  // The first word that is no option, nor the value of one.
  const CLI::App* used = &app_;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (is_command_next && (word == "--data" || word == "--config" || word == "--sandbox")) {
      ++i;
      continue;
    }
    if (word.starts_with("--")) {
      const std::string flag = word.substr(0, word.find('='));
      const std::vector<std::string> known = flags_of(used);
      if (hint.empty() && std::ranges::find(known, flag) == known.end())
        hint = did_you_mean(flag, known);
    } else if (!word.starts_with('-') && is_command_next) {
      is_command_next = false;
      if (std::find(names.begin(), names.end(), word) == names.end()) {
        what = "there is no command '" + printable(word) + "'";
        hint = did_you_mean(word, names);
        break;
      }
      used = app_.get_subcommand(word);
    } else if (used != &app_) {  // `models add`
      const auto is_it = [&](const CLI::App* sub) { return sub->get_name() == word; };
      if (const auto deeper = used->get_subcommands(is_it); !deeper.empty()) used = deeper.front();
    }
  }
  return fail(ErrorCode::invalid_argument, "{}{}", what, hint);
}

std::vector<std::string> CommandLine::flags_of(const CLI::App* used) const {
  std::vector<std::string> flags;
  const auto collect = [&](const CLI::App* app) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    }
  };
  collect(&app_);
  if (used != &app_) collect(used);
  return flags;
}

int run(int argc, char** argv, const Program& program) {
  try {
    return CommandLine(program).run(argc, argv);
  } catch (const std::exception& exception) {
    print_error({}, fail(ErrorCode::internal, "{}", exception.what()));
    return core::error_info(ErrorCode::internal).exit_code;
  }
}

Result<void> check_arguments(int argc, char** argv) {
  return CommandLine(Program{}).check(argc, argv);
}

}  // namespace baleen::cli
