#pragma once

/// The command line of `baleen`. `app` gives it what it may not know itself: recipes, models, checks.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "engine/executor.h"
#include "engine/recipe.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::cli {

/// One line of `baleen doctor`.
struct Check {
  enum class State { ok, warning, missing } state = State::ok;
  std::string name, finding, action;
};

struct ModelCommand {
  enum class Verb { list, add, pull, verify } verb = Verb::list;
  std::string argument;  ///< add: a file; pull, verify: a name (verify: empty for all).
  std::string name;      ///< add: the name to give an unknown file.
  std::string card;      ///< add: a file that describes it.
};

struct ServeOptions {
  std::string bind = "127.0.0.1";
  int port = 8765;  ///< 0: any free one.
  std::vector<std::string>
      allowed_hosts;  ///< Names that requests may use, besides loopback's and `bind`.
  std::vector<std::string> ingest_roots;  ///< Folders that POST /v1/ingest/local may read from.
};

/// The API while it runs, on threads of its own.
class RunningService {
 public:
  virtual ~RunningService() = default;
  [[nodiscard]] virtual int port() const = 0;
  /// Ends requests and streams within `grace_s`; joins the threads.
  virtual void stop(double grace_s) = 0;
};

class Session;

/// A request about a collection → its answer.
using CollectionCall = std::function<Result<json::object>(
    const store::DataRoot&, store::Database&, const json::object& request)>;

/// Gets the answer to a question in SQL: its columns once, then each row; nothing is NULL.
struct SqlOutput {
  struct Column {
    std::string name;
    bool is_text =
        true;  ///< Else a number, or true or false: JSON as it stands, but for NaN and infinities.
  };
  std::function<Result<void>(const std::vector<Column>&)> begin;
  std::function<Result<void>(const std::vector<std::optional<std::string>>&)> row;
};

struct Program {
  std::function<Result<engine::RecipeRegistry>(const Config&, const store::DataRoot&)> recipes;
  engine::Probe probe;
  engine::Renderings renderings;
  std::function<Result<json::array>(const store::DataRoot&, const ModelCommand&)> models;
  std::function<std::vector<Check>(const Config&, const store::DataRoot&)> checks;
  /// Windows of a collection that are like an example; request and answer as of POST /v1/collections/…/search.
  std::function<Result<json::object>(
      const Config&, const store::DataRoot&, store::Database&, const json::object& request)>
      search;
  /// Clusters and annotations for other programs (app/export.h) → what was written where.
  CollectionCall export_tables;
  /// How most recordings of a collection are embedded: {params: {model, window_s, hop_s}}, or {} where none is.
  CollectionCall usual_encoding;
  /// The clusters of a collection, and an action or its undoing; requests and answers as of app/review.h.
  CollectionCall show_clusters, review_clusters;
  /// Learns a label of a collection from what people have said; app/probes.h.
  std::function<Result<json::object>(const Config&,
                                     const store::DataRoot&,
                                     store::Database&,
                                     const json::object& request,
                                     const std::string& made_by)>
      make_probe;
  std::function<Result<json::object>(
      const store::DataRoot&, store::Database&, std::int64_t probe_id, const json::object& request)>
      probe_windows;
  std::function<Result<std::unique_ptr<RunningService>>(const ServeOptions&, const Session&)> serve;
  /// A table of annotations for a collection; request and answer as of app/annotations.h.
  CollectionCall import_annotations;
  /// Of app/export.h: for the service, without a folder.
  CollectionCall export_one_table;
  /// Metadata of a collection as CSV, and back (app/metadata_table.h).
  CollectionCall write_metadata, read_metadata;
  /// Of app/sql.h.
  std::function<Result<void>(
      const store::DataRoot&, store::Database&, const std::string& sql, const SqlOutput&)>
      sql;
};

/// Runs one command; returns the exit status of the process.
[[nodiscard]] int run(int argc, char** argv, const Program& program);

/// Whether run() would understand the arguments, or INVALID_ARGUMENT with what it would say. Does nothing.
[[nodiscard]] Result<void> check_arguments(int argc, char** argv);

}  // namespace baleen::cli
