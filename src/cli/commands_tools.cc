// Commands around the pipeline: models, doctor, version, and the executor's side of `executor`.

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"
#include "core/process.h"

namespace baleen::cli {
namespace {

/// Columns of an error: its middle is often what one has to know.
constexpr std::size_t kMessageMax = 1000;

/// Of what the catalogue does not know the size.
std::string size_text(std::int64_t bytes) { return bytes > 0 ? human_bytes(bytes) : "-"; }

}  // namespace

void print_json(const json::value& value) { std::printf("%s\n", core::to_json(value).c_str()); }

void print_error(const GlobalOptions& options, const Error& error) {
  if (options.is_json) {
    print_json(json::object{{"error",
                             {{"code", std::string(error.name())},
                              {"message", error.message},
                              {"cause", std::string(error.info().cause)},
                              {"action", std::string(error.info().action)},
                              {"exit_status", error.info().exit_code}}}});
  }
  std::fprintf(stderr, "baleen: %s\n  why: %s\n  do:  %s\n",
               printable(error.to_string(), kMessageMax).c_str(),
               std::string(error.info().cause).c_str(), std::string(error.info().action).c_str());
}

Result<int> models_command(const GlobalOptions& options,
                           const Program& program,
                           const ModelCommand& command) {
  BALEEN_ASSIGN_OR_RETURN(const json::array models,
                          program.models(store::DataRoot{options.data}, command));
  if (options.is_json) {
    print_json(models);
    return 0;
  }
  Table table({"model", "task", "state", "size", "licence"});
  for (const json::value& value : models) {
    const json::object& model = value.as_object();
    table.add({core::get_string(model, "name"), core::get_string(model, "task"),
               core::get_string(model, "state"), size_text(core::get_int(model, "bytes")),
               core::get_string(model, "licence")});
  }
  std::printf("%s", table.to_string().c_str());
  if (command.verb == ModelCommand::Verb::list) {
    std::printf(
        "\nknown: `baleen models add FILE` installs it from its file; can be pulled: `baleen "
        "models "
        "pull NAME` does, too.\n");
  }
  return 0;
}

Result<int> doctor_command(const GlobalOptions& options, const Program& program) {
  BALEEN_ASSIGN_OR_RETURN(const Config config, load_config(options));
  const std::vector<Check> checks = program.checks(config, store::DataRoot{options.data});
  bool is_healthy = true;
  json::array list;
  Table table({"", "check", "found"});
  std::string advice;
  for (const Check& check : checks) {
    const char* word = check.state == Check::State::ok        ? "ok"
                       : check.state == Check::State::warning ? "note"
                                                              : "MISSING";
    is_healthy = is_healthy && check.state != Check::State::missing;
    list.push_back({{"name", check.name},
                    {"state", word},
                    {"finding", check.finding},
                    {"action", check.action}});
    table.add({word, check.name, printable(check.finding)});
    if (!check.action.empty()) advice += "  " + check.name + ": " + check.action + "\n";
  }
  if (options.is_json) {
    print_json(
        json::object{{"healthy", is_healthy}, {"checks", list}, {"settings", config.values()}});
  } else {
    std::printf("%s", table.to_string().c_str());
    if (!advice.empty()) std::printf("\nWhat to do:\n%s", advice.c_str());
  }
  return is_healthy ? 0 : 1;
}

Result<int> settings_command(const GlobalOptions& options, bool is_markdown) {
  BALEEN_ASSIGN_OR_RETURN(const Config config, load_config(options));
  if (options.is_json) {
    print_json(config.values());
    return 0;
  }
  if (is_markdown) {  // The table of docs/configuration.md.
    std::printf("| setting | environment | default | meaning |\n|---|---|---|---|\n");
    for (const ConfigKey& key : config_keys()) {
      std::printf("| `%s` | `%s` | `%s` | %s |\n", std::string(key.name).c_str(),
                  environment_names(key).c_str(), core::to_json(key.fallback).c_str(),
                  std::string(key.meaning).c_str());
    }
    return 0;
  }
  Table table({"setting", "value", "meaning"});
  for (const ConfigKey& key : config_keys()) {
    table.add({std::string(key.name),
               core::to_json(config.values().at({key.name.data(), key.name.size()})),
               std::string(key.meaning)});
  }
  std::printf("%s", table.to_string().c_str());
  return 0;
}

Result<int> version_command(const GlobalOptions& options) {
  const std::string version(core::version());
  if (options.is_json) {
    print_json(json::object{{"name", "baleen"}, {"version", version}});
  } else {
    std::printf("baleen %s\n", version.c_str());
  }
  return 0;
}

Result<int> executor_command(const GlobalOptions& options, const Program& program, int socket) {
  const core::Fd supervisor(socket);
  engine::ExecutorOptions executor;
  const auto begin = [&]() -> Result<engine::RecipeRegistry> {
    BALEEN_ASSIGN_OR_RETURN(const Config config, load_config(options));
    const store::DataRoot root{options.data};
    BALEEN_ASSIGN_OR_RETURN(executor.sandbox,
                            engine::parse_sandbox_mode(config.text("worker.sandbox")));
    executor.work_directory = root.work();
    executor.memory_bytes_max = config.integer("worker.executor_memory_max_mb") * 1'000'000;
    executor.file_bytes_max = config.integer("worker.executor_file_max_mb") * 1'000'000;
    executor.niceness = static_cast<int>(config.integer("worker.executor_nice"));
    BALEEN_ASSIGN_OR_RETURN(engine::RecipeRegistry recipes, program.recipes(config, root));
    BALEEN_RETURN_IF_ERROR(engine::confine_executor(executor));
    return recipes;
  };
  const Result<engine::RecipeRegistry> recipes = begin();
  if (!recipes.ok()) return engine::refuse_work(supervisor, recipes.error());
  return engine::run_executor(supervisor, executor, *recipes, program.probe, program.renderings);
}

}  // namespace baleen::cli
