// Clusterings of a collection, and what people say of them.

#include "api/file_response.h"
#include "api/service.h"

namespace baleen::api {
namespace {

using Kind = Member::Kind;

constexpr std::int64_t kWindowsAtOnceMax = 500;
/// Rows of a million windows, as JSON.
constexpr std::int64_t kActionBytesMax = 16 << 20;

Result<ReviewAuthor> author_of(store::Database& database,
                               const Request& request,
                               const json::object& body) {
  ReviewAuthor author;
  BALEEN_ASSIGN_OR_RETURN(author.made_by, name_of_principal(database, request.principal));
  if (body.contains("expected_version"))
    author.expected_version = core::get_int(body, "expected_version", -1);
  return author;
}

Result<WindowQuery> window_query_of(const Request& request) {
  BALEEN_RETURN_IF_ERROR(check_query(request, {"cluster", "label", "order", "limit", "after"}));
  WindowQuery query;
  if (const auto cluster = request.query.find("cluster"); cluster != request.query.end()) {
    query.cluster = -1;
    if (cluster->second != "-1") {
      BALEEN_ASSIGN_OR_RETURN(query.cluster, number_of(cluster->second, "cluster"));
    }
  }
  if (const auto label = request.query.find("label"); label != request.query.end())
    query.label = label->second;
  query.order = request.query_or("order", "time");
  BALEEN_ASSIGN_OR_RETURN(query.count, number_of(request.query_or("limit", "50"), "limit"));
  BALEEN_ASSIGN_OR_RETURN(query.first, number_of(request.query_or("after", "0"), "after"));
  if (query.count >= 1 && query.count <= kWindowsAtOnceMax) return query;
  return fail(ErrorCode::invalid_argument, "limit is {}, not 1 to {}", query.count,
              kWindowsAtOnceMax);
}

/// 304 where the client has these bytes already.
Result<Response> answer_bytes(
    const Request& request,
    std::string_view caching,
    const std::function<Result<TaggedBytes>(const KnownFn& is_known)>& make) {
  const std::string_view theirs = request.header("If-None-Match");
  bool is_theirs = false;
  BALEEN_ASSIGN_OR_RETURN(TaggedBytes made, make([&](const std::string& etag) {
                            is_theirs = !theirs.empty() && names_etag(theirs, etag);
                            return is_theirs;
                          }));
  Response response = Response::of_text(std::move(made.bytes), "application/octet-stream");
  response.set_header("ETag", '"' + made.etag + '"');
  response.set_header("Cache-Control", std::string(caching));
  if (is_theirs) response.status = 304;
  return response;
}

}  // namespace

Result<void> check_clustering_access(store::Database& database,
                                     const Principal& principal,
                                     std::string_view clustering_id) {
  const std::string folder = "clusters/" + std::string(clustering_id);
  BALEEN_ASSIGN_OR_RETURN(  // '0' is the character behind '/'.
      const auto rows,
      database.query("SELECT c.owner_entity_id FROM artifact_index a JOIN collections c ON "
                     "c.collection_id = a.asset_id WHERE a.path >= $1 AND a.path < $2 AND "
                     "a.artifact_type = 'assignments' ORDER BY a.artifact_id DESC LIMIT 1",
                     folder + "/", folder + "0"));
  if (!rows.empty() && !clustering_id.empty() &&
      clustering_id.find('/') == std::string_view::npos &&
      (principal.owner.empty() || rows.front().text(0) == principal.owner))
    return {};
  return fail(ErrorCode::not_found, "there is no clustering '{}'", clustering_id);
}

void Service::add_review_routes(std::vector<Route>& routes) {
  /// A handler of one clustering that the principal may see.
  using ReviewHandler = std::function<Result<Response>(const Request&, store::Database&,
                                                       const std::string& clustering_id)>;
  const auto add = [&](std::string method, const std::string& pattern, Scope scope,
                       std::string operation_id, ReviewHandler handler) {
    const auto checked = [this, handler = std::move(handler)](
                             const Request& request,
                             store::Database& database) -> Result<Response> {
      const std::string& id = request.parameters.at("clustering_id");
      BALEEN_RETURN_IF_ERROR(check_clustering_access(database, request.principal, id));
      if (!context_.reviews.show)
        return fail(ErrorCode::not_supported, "this service offers no reviews");
      return handler(request, database, id);
    };
    routes.push_back({std::move(method), "/v1/clusterings/{clustering_id}" + pattern, scope,
                      std::move(operation_id), with_database(checked)});
  };

  routes.push_back(
      {"GET", "/v1/collections/{collection_id}/clusterings", Scope::read, "listClusterings",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         const std::string& id = request.parameters.at("collection_id");
         BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
         if (!context_.reviews.list)
           return fail(ErrorCode::not_supported, "this service offers no reviews");
         BALEEN_ASSIGN_OR_RETURN(const json::object answer, context_.reviews.list(database, id));
         return Response::of_json(answer);
       })});
  add("GET", "", Scope::read, "getClustering",
      [this](const Request&, store::Database& database, const std::string& id) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(const json::object answer, context_.reviews.show(database, id));
        return Response::of_json(answer);
      });
  add("GET", "/points", Scope::read, "getClusteringPoints",
      [this](const Request& request, store::Database& database, const std::string& id) {
        return answer_bytes(request, "private, max-age=31536000, immutable",
                            [&](const KnownFn& is_known) {
                              return context_.reviews.points(database, id, is_known);
                            });
      });
  add("GET", "/labels", Scope::read, "getClusteringLabels",
      [this](const Request& request, store::Database& database, const std::string& id) {
        return answer_bytes(request, "private, no-cache", [&](const KnownFn& is_known) {
          return context_.reviews.labels(database, id, is_known);
        });
      });
  add("GET", "/recordings", Scope::read, "listClusteringRecordings",
      [this](const Request&, store::Database& database, const std::string& id) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                                context_.reviews.recordings(database, id));
        return Response::of_json(answer);
      });
  add("GET", "/windows", Scope::read, "listClusteringWindows",
      [this](const Request& request, store::Database& database,
             const std::string& id) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(const WindowQuery query, window_query_of(request));
        BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                                context_.reviews.windows(database, id, query));
        return Response::of_json(answer);
      });
  add("GET", "/windows/{row}", Scope::read, "getClusteringWindow",
      [this](const Request& request, store::Database& database,
             const std::string& id) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(const std::int64_t row,
                                number_of(request.parameters.at("row"), "row"));
        BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                                context_.reviews.window(database, id, row));
        return Response::of_json(answer);
      });
  add("GET", "/actions", Scope::read, "listReviewActions",
      [this](const Request&, store::Database& database, const std::string& id) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(const json::object answer, context_.reviews.actions(database, id));
        return Response::of_json(answer);
      });
  add("POST", "/actions", Scope::submit, "review",
      [this](const Request& request, store::Database& database,
             const std::string& id) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(json::object body,
                                json_body(request, {{"kind", Kind::text, true},
                                                    {"label", Kind::text},
                                                    {"clusters", Kind::array},
                                                    {"rows", Kind::array},
                                                    {"to"},
                                                    {"cluster", Kind::integer},
                                                    {"into", Kind::integer},
                                                    {"expected_version", Kind::integer}}));
        BALEEN_ASSIGN_OR_RETURN(const ReviewAuthor author, author_of(database, request, body));
        BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                                context_.reviews.act(database, id, body, author));
        return Response::of_json(answer, 201);
      });
  routes.back().body_bytes_max = kActionBytesMax;
  for (const bool is_undo : {true, false}) {
    add("POST", is_undo ? "/undo" : "/redo", Scope::submit, is_undo ? "undoReview" : "redoReview",
        [this, is_undo](const Request& request, store::Database& database,
                        const std::string& id) -> Result<Response> {
          BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                  json_body(request, {{"expected_version", Kind::integer}}));
          BALEEN_ASSIGN_OR_RETURN(const ReviewAuthor author, author_of(database, request, body));
          const auto& change = is_undo ? context_.reviews.undo : context_.reviews.redo;
          BALEEN_ASSIGN_OR_RETURN(const json::object answer, change(database, id, author));
          return Response::of_json(answer);
        });
  }
}

}  // namespace baleen::api
