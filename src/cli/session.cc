#include "cli/session.h"

#include <fmt/format.h>

#include <mutex>
#include <thread>

#include "cli/text.h"
#include "core/log.h"
#include "core/sha256.h"
#include "engine/status.h"
#include "store/assets.h"
#include "store/schema.h"

namespace baleen::cli {

Result<Config> load_config(const GlobalOptions& options) {
  const bool is_named = !options.config.empty();
  BALEEN_ASSIGN_OR_RETURN(Config config,
                          Config::load(is_named ? options.config : "baleen.toml", is_named));
  if (!options.sandbox.empty())
    BALEEN_RETURN_IF_ERROR(config.set("worker.sandbox", json::value(options.sandbox), "--sandbox"));
  return config;
}

Session::Session(const GlobalOptions& options_in,
                 const Program& program_in,
                 Config config_in,
                 store::DataRoot root_in,
                 store::Database database_in,
                 engine::RecipeRegistry recipes_in)
    : options(options_in),
      program(program_in),
      config(std::move(config_in)),
      root(std::move(root_in)),
      database(std::move(database_in)),
      recipes(std::move(recipes_in)),
      queue(database, root, recipes, queue_options()) {}

Result<std::unique_ptr<Session>> Session::open(const GlobalOptions& options,
                                               const Program& program,
                                               bool may_create) {
  BALEEN_ASSIGN_OR_RETURN(Config config, load_config(options));
  store::DataRoot root{options.data};
  std::error_code error;
  if (!may_create && !std::filesystem::exists(root.database(), error)) {
    return fail(ErrorCode::not_found,
                "there is no data directory at '{}' yet; `baleen run ssis FILE` makes one",
                options.data);
  }
  BALEEN_ASSIGN_OR_RETURN(store::Database database, store::Database::open(root.database()));
  BALEEN_RETURN_IF_ERROR(store::migrate(database));
  // Once: a session of another thread writes to the same log.
  static std::once_flag is_log_open;
  std::call_once(is_log_open, [&] { core::open_log(root.logs()); });
  BALEEN_ASSIGN_OR_RETURN(engine::RecipeRegistry recipes, program.recipes(config, root));
  return std::unique_ptr<Session>(new Session(options, program, std::move(config), std::move(root),
                                              std::move(database), std::move(recipes)));
}

Result<const engine::Recipe*> Session::find_recipe(const std::string& name) const {
  Result<const engine::Recipe*> found = recipes.find(name);
  if (found.ok()) return found;
  std::vector<std::string> known;
  for (const auto& [other, recipe] : recipes.all())
    if (!recipe.is_of_collections) known.push_back(other);
  return fail(found.error().code, "{}{}", found.error().message, did_you_mean(name, known));
}

Result<std::unique_ptr<Session>> Session::open_for_work(const GlobalOptions& options,
                                                        const Program& program) {
  BALEEN_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, open(options, program, true));
  BALEEN_RETURN_IF_ERROR(session->executor_command());
  const engine::SandboxSupport support = engine::sandbox_support();
  if (!support.is_complete() && !options.is_quiet) {
    std::fprintf(stderr, "baleen: the sandbox is incomplete (%s): read only what you trust\n",
                 support.to_string().c_str());
  }
  return session;
}

Result<engine::ExecutorCommand> Session::executor_command() const {
  BALEEN_ASSIGN_OR_RETURN(const engine::SandboxMode mode,
                          engine::parse_sandbox_mode(config.text("worker.sandbox")));
  BALEEN_RETURN_IF_ERROR(engine::check_sandbox(mode, engine::sandbox_support()));
  std::vector<std::string> arguments = {"baleen", "--data", options.data};
  if (!options.config.empty()) {
    arguments.emplace_back("--config");
    arguments.push_back(options.config);
  }
  if (!options.sandbox.empty()) {
    arguments.emplace_back("--sandbox");
    arguments.push_back(options.sandbox);
  }
  arguments.emplace_back("executor");
  return engine::ExecutorCommand{arguments};
}

engine::QueueOptions Session::queue_options() const {
  engine::QueueOptions queue_options;
  queue_options.lease_ttl_s = config.number("worker.lease_ttl_s");
  queue_options.retry.attempts_max = static_cast<int>(config.integer("worker.attempts_max"));
  queue_options.retry.delays_s = config.numbers("worker.retry_delays_s");
  return queue_options;
}

int Session::executors() const {
  const auto configured = static_cast<int>(config.integer("worker.executors"));
  if (configured > 0) return configured;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Result<std::optional<std::string>> find_asset_of(Session& session,
                                                 const std::string& owner,
                                                 const std::string& target) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(target, error)) {
    Result<std::string> asset_id = engine::resolve_asset(session.database, target);
    if (asset_id.ok()) return std::optional<std::string>(std::move(*asset_id));
    if (asset_id.error().code != ErrorCode::not_found) return asset_id.error();
    return fail(ErrorCode::not_found, "there is neither a file nor an asset '{}'",
                printable(target));
  }
  BALEEN_ASSIGN_OR_RETURN(const std::string sha256, core::sha256_file(target));
  BALEEN_ASSIGN_OR_RETURN(const std::optional<store::Asset> asset,
                          store::find_asset_by_hash(session.database, owner, sha256));
  if (!asset) return std::optional<std::string>();
  return std::optional<std::string>(asset->asset_id);
}

Result<json::object> encoding_params(Session& session,
                                     const json::object& said,
                                     const store::Collection& collection) {
  json::object params = said;
  params.erase("time_expansion");
  if (!params.empty()) return params;
  BALEEN_ASSIGN_OR_RETURN(
      const json::object usual,
      session.program.usual_encoding(session.root, session.database,
                                     {{"collection_id", collection.collection_id}}));
  return core::get_object(usual, "params");
}

Result<store::Collection> find_collection_of(Session& session,
                                             const std::string& owner,
                                             const std::string& name) {
  BALEEN_ASSIGN_OR_RETURN(std::optional<store::Collection> collection,
                          store::find_collection_by_name(session.database, owner, name));
  if (collection) return std::move(*collection);
  BALEEN_ASSIGN_OR_RETURN(const auto known, store::list_collections(session.database, owner));
  std::vector<std::string> names;
  names.reserve(known.size());
  for (const store::Collection& one : known) names.push_back(one.name);
  return fail(ErrorCode::not_found, "there is no collection '{}'{}; there is: {}", printable(name),
              did_you_mean(name, names),
              names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

}  // namespace baleen::cli
