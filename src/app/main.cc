// baleen: builds everything and registers the recipes. The only room that sees all others.

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <thread>

#include "app/annotations.h"
#include "app/export.h"
#include "app/metadata_table.h"
#include "app/probes.h"
#include "app/renderings.h"
#include "app/review.h"
#include "app/search.h"
#include "app/serve.h"
#include "app/sql.h"
#include "audio/probe.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "core/process.h"
#include "formats/duckdb.h"
#include "ml/model_store.h"
#include "ml/session.h"
#include "recipes/bioacoustics/recipe.h"
#include "recipes/bioacoustics/usual_encoding.h"
#include "recipes/ssis/recipe.h"

namespace baleen {
namespace {

constexpr double kFreeBytesWanted = 1e9;

Result<engine::RecipeRegistry> make_recipes(const cli::Config& config,
                                            const store::DataRoot& root) {
  ssis::SsisSettings settings;
  settings.min_duration_s = config.number("decode.min_duration_s");
  settings.max_duration_s = config.number("decode.max_duration_s");
  settings.chunk_s = config.number("decode.chunk_s");
  settings.expansion_max = config.number("decode.expansion_max");
  settings.embedding = config.text("features.embedding");
  settings.segmenter = config.text("segments.model");
  settings.vad = config.text("segments.vad");
  settings.preview_feature_spec_alias = config.text("preview.feature_spec_alias");
  settings.preview_window_s = config.number("preview.window_s");
  settings.preview_score_threshold = config.number("preview.score_threshold");
  engine::RecipeRegistry recipes;
  BALEEN_ASSIGN_OR_RETURN(engine::Recipe recipe, ssis::make_recipe(settings, root.models()));
  BALEEN_RETURN_IF_ERROR(recipes.add(std::move(recipe)));

  bioacoustics::BioacousticsSettings bioacoustics;
  bioacoustics.model = config.text("bioacoustics.model");
  bioacoustics.embed.expansion_max = settings.expansion_max;
  BALEEN_RETURN_IF_ERROR(recipes.add(bioacoustics::make_recipe(bioacoustics, root.models())));
  BALEEN_RETURN_IF_ERROR(
      recipes.add(bioacoustics::make_cluster_recipe(bioacoustics, root.models())));
  BALEEN_RETURN_IF_ERROR(recipes.add(bioacoustics::make_assign_recipe()));
  BALEEN_RETURN_IF_ERROR(recipes.add(bioacoustics::make_sweep_recipe(bioacoustics, root.models())));
  return recipes;
}

Result<json::object> usual_encoding(const store::DataRoot& /*root*/,
                                    store::Database& database,
                                    const json::object& request) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto usual,
      bioacoustics::find_usual_encoding(database, core::get_string(request, "collection_id")));
  if (!usual) return json::object();
  return json::object{{"params", usual->params}};
}

Result<json::object> probe(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const audio::AudioInfo info, audio::probe(path));
  json::object object{{"container", info.container},
                      {"codec", info.codec},
                      {"sample_rate_hz", info.sample_rate.value},
                      {"channels", info.channels}};
  if (info.duration_s) object["duration_s"] = *info.duration_s;
  return object;
}

json::object describe(const ml::ModelCard& card, std::string_view state, std::int64_t bytes) {
  return {{"name", card.name}, {"task", card.task},     {"state", std::string(state)},
          {"bytes", bytes},    {"sha256", card.sha256}, {"licence", card.licence},
          {"url", card.url}};
}

Result<json::array> models(const store::DataRoot& root, const cli::ModelCommand& command) {
  using Verb = cli::ModelCommand::Verb;
  ml::ModelStore store(root.models());
  json::array list;
  switch (command.verb) {
    case Verb::list: {
      BALEEN_ASSIGN_OR_RETURN(const std::vector<ml::ModelStatus> all, store.list());
      for (const ml::ModelStatus& status : all) {
        const bool is_intact = status.installed && status.installed->is_intact;
        const char* state = !status.installed
                                ? (status.card.url.empty() ? "known" : "can be pulled")
                            : !is_intact       ? "damaged"
                            : status.is_active ? "active"
                                               : "installed";
        list.push_back(describe(status.card, state, status.card.size_bytes));
      }
      return list;
    }
    case Verb::add: {
      BALEEN_ASSIGN_OR_RETURN(const ml::InstalledModel model,
                              store.add(command.argument, {command.name, "custom", command.card}));
      list.push_back(describe(model.card, "installed", model.card.size_bytes));
      return list;
    }
    case Verb::pull: {
      BALEEN_ASSIGN_OR_RETURN(const ml::InstalledModel model, store.pull(command.argument, {}));
      list.push_back(describe(model.card, "installed", model.card.size_bytes));
      return list;
    }
    case Verb::verify: {
      BALEEN_RETURN_IF_ERROR(store.verify(command.argument));
      BALEEN_ASSIGN_OR_RETURN(const std::vector<ml::ModelStatus> all, store.list());
      for (const ml::ModelStatus& status : all) {
        if (!status.installed ||
            (!command.argument.empty() && status.card.name != command.argument))
          continue;
        list.push_back(
            describe(status.installed->card, "verified", status.installed->card.size_bytes));
      }
      return list;
    }
  }
  return list;
}

cli::Check sandbox_check(const cli::Config& config) {
  using State = cli::Check::State;
  const engine::SandboxSupport support = engine::sandbox_support();
  const Result<engine::SandboxMode> mode =
      engine::parse_sandbox_mode(config.text("worker.sandbox"));
  if (!mode.ok())
    return {State::missing, "sandbox", mode.error().message, "correct worker.sandbox"};
  if (*mode == engine::SandboxMode::off) {
    return {State::warning, "sandbox", "OFF: what reads recordings may do all that you may",
            "leave out --sandbox=off, or worker.sandbox in baleen.toml"};
  }
  if (support.is_complete()) {
    return {State::ok, "sandbox",
            "on (" + support.to_string() +
                "): recordings are read without network or processes, "
                "and with no files but the task's",
            ""};
  }
  const bool is_needed = *mode == engine::SandboxMode::required;
  return {is_needed ? State::missing : State::warning, "sandbox",
          (is_needed ? "cannot start: " : "incomplete: ") + support.to_string(),
          is_needed ? "a newer kernel, or a container that allows Landlock and seccomp; "
                      "--sandbox=best-effort accepts the risk"
                    : "process only recordings that you trust"};
}

/// Of the library that `.tflite` models need: nothing where there is neither.
std::optional<cli::Check> tflite_check(const store::DataRoot& root) {
  using State = cli::Check::State;
  const Result<std::string> version = ml::tflite_version();
  if (version.ok()) return cli::Check{State::ok, "TensorFlow Lite", *version, ""};
  const Result<std::vector<ml::ModelStatus>> models = ml::ModelStore(root.models()).list();
  const bool is_needed = models.ok() && std::ranges::any_of(*models, [](const auto& model) {
                           return model.installed && model.installed->card.format == "tflite";
                         });
  if (!is_needed) return std::nullopt;
  return cli::Check{State::missing, "TensorFlow Lite", version.error().message,
                    "set BALEEN_TFLITE_LIBRARY to libtensorflowlite_c.so, or remove the model"};
}

std::vector<cli::Check> checks(const cli::Config& config, const store::DataRoot& root) {
  using State = cli::Check::State;
  std::vector<cli::Check> checks;
  checks.push_back({State::ok, "program", "baleen " + std::string(core::version()), ""});
  const Result<std::string> decoders = audio::decoder_versions();
  checks.push_back(decoders.ok() ? cli::Check{State::ok, "decoders", *decoders, ""}
                                 : cli::Check{State::missing, "decoders", decoders.error().message,
                                              "run scripts/setup, or install libavformat59"});
  const std::string runtime = ml::onnxruntime_version();
  checks.push_back(runtime.empty() ? cli::Check{State::warning, "ONNX Runtime",
                                                "not in this build: only built-in models run",
                                                "build again after scripts/setup"}
                                   : cli::Check{State::ok, "ONNX Runtime", runtime, ""});
  if (const auto check = tflite_check(root)) checks.push_back(*check);
  const Result<std::string> duckdb = formats::duckdb_version();
  checks.push_back(
      {State::ok, "DuckDB", duckdb.ok() ? *duckdb : "none: only `baleen sql` needs it", ""});
  if (const auto check = search_index_check(root)) checks.push_back(*check);
  checks.push_back({State::ok, "processors",
                    fmt::format("{}, {} executors", std::thread::hardware_concurrency(),
                                config.integer("worker.executors") > 0
                                    ? std::to_string(config.integer("worker.executors"))
                                    : std::string("as many")),
                    ""});
  checks.push_back(sandbox_check(config));
  std::error_code error;
  std::filesystem::path existing = std::filesystem::absolute(root.path, error);
  while (!existing.empty() && !std::filesystem::exists(existing, error))
    existing = existing.parent_path();
  struct statvfs disk {};
  if (::statvfs(existing.c_str(), &disk) == 0) {
    const double free_bytes =
        static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    const bool is_enough = free_bytes > kFreeBytesWanted;
    checks.push_back({is_enough ? State::ok : State::warning, "disk",
                      fmt::format("{:.1f} GB free", free_bytes / 1e9),
                      is_enough ? "" : "free some space: an hour of audio needs about 0.3 GB"});
  }
  const bool can_write = ::access(existing.c_str(), W_OK) == 0;
  checks.push_back({can_write ? State::ok : State::missing, "data directory",
                    std::filesystem::absolute(root.path, error).lexically_normal().string(),
                    can_write ? "" : "choose a directory you may write to: --data DIR"});
  const ml::ModelStore store(root.models());
  for (const auto& [task, name, role] : {std::tuple{"yamnet", "YAMNet", "embeddings"},
                                         std::tuple{"ina_smn", "INA network", "segments"}}) {
    const auto model = store.find_for_task(task);
    checks.push_back(model
                         ? cli::Check{State::ok, name, "installed: " + model->card.name, ""}
                         : cli::Check{State::warning, name,
                                      std::string("not installed: built-in ") + role + " are used",
                                      "`baleen models add FILE` installs it"});
  }
  return checks;
}

}  // namespace
}  // namespace baleen

int main(int argc, char** argv) {
  using namespace baleen;
  // A file that outgrows a limit is an error with a code, here and in executors, and no death.
  std::signal(SIGXFSZ, SIG_IGN);
  bioacoustics::OpenIndexes indexes;
  cli::Program program{.recipes = make_recipes,
                       .probe = {audio::load_decoders, probe},
                       .renderings = renderings(),
                       .models = models,
                       .checks = checks,
                       .search =
                           [&indexes](const cli::Config& config, const store::DataRoot& root,
                                      store::Database& database, const json::object& request) {
                             return search_collection(config, root, database, indexes, request);
                           },
                       .export_tables = export_tables,
                       .usual_encoding = usual_encoding,
                       .show_clusters = show_clusters,
                       .review_clusters = review_clusters,
                       .make_probe = make_probe,
                       .probe_windows = probe_windows,
                       .serve = {},
                       .import_annotations = import_annotations,
                       .export_one_table = export_one_table,
                       .write_metadata = write_metadata_table,
                       .read_metadata = read_metadata_table,
                       .sql = answer_sql};
  program.serve = [&program](
                      const cli::ServeOptions& options,
                      const cli::Session& session) -> Result<std::unique_ptr<cli::RunningService>> {
    BALEEN_ASSIGN_OR_RETURN(const engine::ExecutorCommand executor, session.executor_command());
    return start_service(options, session.config, session.root, session.queue_options(), executor,
                         program);
  };
  return cli::run(argc, argv, program);
}
