#pragma once

/// What every command starts from: the options before and after it, the data directory, the queue.

#include <memory>
#include <optional>
#include <string>

#include "cli/cli.h"
#include "engine/queue.h"
#include "engine/supervisor.h"
#include "store/collections.h"

namespace baleen::cli {

struct GlobalOptions {
  std::string data = "./data";
  std::string config;   ///< Empty: ./baleen.toml if it exists.
  std::string sandbox;  ///< Empty: as configured.
  bool is_json = false;
  bool is_quiet = false;
};

/// An open data directory. Belongs to one thread, as its database does.
class Session {
 public:
  /// NOT_FOUND if the directory holds no database and `may_create` is false.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const GlobalOptions& options,
                                                             const Program& program,
                                                             bool may_create);

  /// For what starts executors; makes the directory. SANDBOX_UNAVAILABLE if that cannot be done safely.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open_for_work(const GlobalOptions& options,
                                                                      const Program& program);

  /// NOT_FOUND, with the name that was probably meant.
  [[nodiscard]] Result<const engine::Recipe*> find_recipe(const std::string& name) const;
  /// SANDBOX_UNAVAILABLE if this machine cannot confine executors as is asked.
  [[nodiscard]] Result<engine::ExecutorCommand> executor_command() const;
  [[nodiscard]] engine::QueueOptions queue_options() const;
  [[nodiscard]] int executors() const;

  const GlobalOptions options;
  const Program& program;
  Config config;
  store::DataRoot root;
  store::Database database;
  engine::RecipeRegistry recipes;
  engine::Queue queue;

 private:
  Session(const GlobalOptions& options,
          const Program& program,
          Config config,
          store::DataRoot root,
          store::Database database,
          engine::RecipeRegistry recipes);
};

/// The asset that a person means by a file they have or an id they were told; none if the file was never taken in.
/// NOT_FOUND for an id that is not known.
[[nodiscard]] Result<std::optional<std::string>> find_asset_of(Session& session,
                                                               const std::string& owner,
                                                               const std::string& target);
/// The owner's collection of this name. NOT_FOUND, with the name that was probably meant and those that there are.
[[nodiscard]] Result<store::Collection> find_collection_of(Session& session,
                                                           const std::string& owner,
                                                           const std::string& name);

/// What the recordings of a collection are embedded with: what was said, or, where nothing was said of model, window and
/// hop, as most of them are. No time expansion: recordings heard at the speed of life can be compared.
[[nodiscard]] Result<json::object> encoding_params(Session& session,
                                                   const json::object& said,
                                                   const store::Collection& collection);

/// Configuration alone, for commands that need no data directory.
[[nodiscard]] Result<Config> load_config(const GlobalOptions& options);

}  // namespace baleen::cli
