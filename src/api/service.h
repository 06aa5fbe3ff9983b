#pragma once

/// What the service offers: the routing table, and what its handlers need.

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/asset_views.h"
#include "api/cached.h"
#include "api/http.h"
#include "api/idempotency.h"
#include "api/repeated.h"
#include "api/review_views.h"
#include "api/server.h"
#include "engine/ingest.h"
#include "engine/queue.h"
#include "engine/recipe.h"
#include "engine/upload.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::api {

/// Database connections, each used by one thread at a time. Thread-safe.
class ConnectionPool {
 public:
  explicit ConnectionPool(store::DataRoot root) : root_(std::move(root)) {}

  /// Gives the connection back when it goes.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<store::Database> database)
        : pool_(&pool), database_(std::move(database)) {}
    ~Lease();
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    store::Database& operator*() const { return *database_; }
    store::Database* operator->() const { return database_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<store::Database> database_;
  };
  [[nodiscard]] Result<Lease> take();

 private:
  const store::DataRoot root_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<store::Database>> idle_;  // Guarded by mutex_.
};

/// Classifiers of one label over the windows of a collection (app/probes.h).
struct ProbeFunctions {
  std::function<Result<json::object>(
      store::Database&, const json::object& request, const std::string& made_by)>
      make = {};
  std::function<Result<json::object>(
      store::Database&, std::int64_t probe_id, const json::object& request)>
      windows = {};
};

/// What belongs to other rooms comes in from `app`. Outlives the server.
struct ServiceContext {
  store::DataRoot root;
  const engine::RecipeRegistry& recipes;
  engine::QueueOptions queue_options;
  std::vector<std::filesystem::path> ingest_roots =
      {};                           ///< POST /v1/ingest/local: only below these.
  engine::ProbeAssetFn probe = {};  ///< Called from several threads.
  std::function<Result<json::array>()> models = {};
  std::function<json::array()> checks = {};  ///< Those of `baleen doctor`.
  std::string openapi_yaml = {};             ///< specs/openapi.yaml.
  std::function<ServerStats()> server_stats = {};
  std::function<json::object()> configuration = {};
  AssetViews views = {};
  /// The body of POST /v1/collections/{collection_id}/search, with the collection's id → its answer.
  std::function<Result<json::object>(store::Database&, const json::object& request)> search = {};
  /// Requests about a collection, with its id → their answers (app/annotations.h, app/export.h, app/metadata_table.h).
  using CollectionCall =
      std::function<Result<json::object>(store::Database&, const json::object& request)>;
  CollectionCall import_annotations = {}, export_table = {}, write_metadata = {},
                 read_metadata = {};
  Reviews reviews = {};
  ProbeFunctions probes = {};
  /// A file for people made from the original recording of an asset: of kind "thumbnail" or "clip", with all its parameters
  /// (app/renderings.h). Blocks; called from several threads.
  std::function<Result<FileBody>(store::Database&,
                                 const std::string& asset_id,
                                 const std::string& kind,
                                 const json::object& params)>
      render = {};
  /// Whether a document keeps the contract of this schema id.
  std::function<Result<void>(std::string_view schema_id, const json::value& document)>
      check_document = {};
};

class Service {
 public:
  explicit Service(ServiceContext context);

  /// Every address of the service. The handlers refer to this object.
  [[nodiscard]] std::vector<Route> routes();
  /// By `Authorization: Bearer TOKEN`, or by the cookie of a browser's session; the latter only with the
  /// session's CSRF token where something is to change.
  [[nodiscard]] Result<Principal> authenticate(const Request& request);
  [[nodiscard]] Result<std::vector<Event>> read_events(std::int64_t after, std::size_t count);
  /// task.progress of every running task, for Server::show_events.
  [[nodiscard]] std::vector<Event> read_progress();

 private:
  void add_look_routes(std::vector<Route>& routes);        // routes_look.cc
  void add_work_routes(std::vector<Route>& routes);        // routes_work.cc
  void add_system_routes(std::vector<Route>& routes);      // routes_system.cc
  void add_run_routes(std::vector<Route>& routes);         // routes_run.cc
  void add_asset_routes(std::vector<Route>& routes);       // routes_asset.cc
  void add_collection_routes(std::vector<Route>& routes);  // routes_collection.cc
  void add_table_routes(std::vector<Route>& routes);       // routes_tables.cc
  void add_annotation_routes(std::vector<Route>& routes);  // routes_tables.cc
  void add_review_routes(std::vector<Route>& routes);      // routes_review.cc
  void add_probe_routes(std::vector<Route>& routes);       // routes_probe.cc
  void add_rendering_routes(std::vector<Route>& routes);   // routes_rendering.cc
  void add_session_routes(std::vector<Route>& routes);     // routes_session.cc
  void add_upload_routes(std::vector<Route>& routes);      // routes_upload.cc

  /// engine::describe_health with the throughput.
  [[nodiscard]] Result<json::object> health(store::Database& database);

  /// A handler that gets a connection with its request.
  using DatabaseHandler = std::function<Result<Response>(const Request&, store::Database&)>;
  [[nodiscard]] Handler with_database(DatabaseHandler handler);
  /// The same, but a request with an Idempotency-Key is done once.
  [[nodiscard]] Handler once(Handler handler, bool is_secret);
  [[nodiscard]] engine::Queue queue(store::Database& database) const;

  [[nodiscard]] Result<std::unique_ptr<BodySink>> begin_upload(const Request& request);
  [[nodiscard]] Result<std::unique_ptr<BodySink>> resume_upload(const Request& request);
  /// What may change while the service runs.
  [[nodiscard]] Result<void> read_upload_settings(store::Database& database);
  /// Removes what has expired; logs what goes wrong.
  void keep_house();

  ServiceContext context_;
  ConnectionPool connections_;
  Cached<json::object> health_{1};
  Cached<json::array> checks_{5};
  engine::UploadStore uploads_;
  Idempotency idempotency_;
  Repeated housekeeping_;  // Last, so that it ends before what it uses.
};

// What handlers share.

/// The asset or run, if it belongs to whom the principal may see; else NOT_FOUND, as if there were none.
[[nodiscard]] Result<void> check_asset_access(store::Database& database,
                                              const Principal& principal,
                                              std::string_view asset_id);
[[nodiscard]] Result<void> check_collection_access(store::Database& database,
                                                   const Principal& principal,
                                                   std::string_view collection_id);
[[nodiscard]] Result<void> check_clustering_access(store::Database& database,
                                                   const Principal& principal,
                                                   std::string_view clustering_id);
[[nodiscard]] Result<void> check_run_access(store::Database& database,
                                            const Principal& principal,
                                            std::string_view run_id);
/// What people are told of who did something: the token's name; a session's is that of the token it was begun with.
[[nodiscard]] Result<std::string> name_of_principal(store::Database& database,
                                                    const Principal& principal);
/// INVALID_ARGUMENT for a parameter of the query that is not in `known`.
[[nodiscard]] Result<void> check_query(const Request& request,
                                       const std::vector<std::string_view>& known);
/// A whole number, not negative; INVALID_ARGUMENT names `what`.
[[nodiscard]] Result<std::int64_t> number_of(std::string_view text, std::string_view what);
/// The file itself, if it lies below one of the roots without any link on the way; else FORBIDDEN.
[[nodiscard]] Result<std::filesystem::path> allowed_path(
    const std::vector<std::filesystem::path>& roots, const std::string& wanted);
/// The texts of an array, without what is none.
[[nodiscard]] std::vector<std::string> strings_of(const json::array& array);
/// A member of a body, and what it must be.
struct Member {
  enum class Kind { any, text, integer, number, flag, object, texts, array };
  // Implicit on purpose: a name alone is a member of any kind.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Member(std::string_view its_name, Kind its_kind = Kind::any, bool must_be_there = false)
      : name(its_name), kind(its_kind), is_required(must_be_there) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Member(const char* its_name) : Member(std::string_view(its_name)) {}
  std::string_view name;
  Kind kind;
  bool is_required;
};

/// The body as a JSON object. MEDIA_TYPE_UNSUPPORTED, or INVALID_ARGUMENT; also for members not in `known` and
/// for those that are of another kind or missing.
[[nodiscard]] Result<json::object> json_body(const Request& request,
                                             const std::vector<Member>& known);
/// The member `priority` of a body: 0 where it is absent. INVALID_ARGUMENT outside of -1000 to 1000.
[[nodiscard]] Result<int> priority_of(const json::object& body);

}  // namespace baleen::api
