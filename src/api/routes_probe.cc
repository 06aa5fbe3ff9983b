// Linear probes: learned from labels, asked what to listen to next.

#include <charconv>

#include "api/service.h"
#include "store/probes.h"

namespace baleen::api {
namespace {

constexpr std::size_t kLabelBytesMax = 500;

Result<store::LinearProbe> find(const Request& request, store::Database& database) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t id,
                          number_of(request.parameters.at("probe_id"), "probe id"));
  BALEEN_ASSIGN_OR_RETURN(auto probe, store::find_probe(database, id));
  if (!probe || !check_collection_access(database, request.principal, probe->collection_id).ok())
    return fail(ErrorCode::not_found, "there is no probe {}", id);
  return std::move(*probe);
}

Result<double> score_of(const std::string& text) {
  double score = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), score);
  if (error != std::errc() || end != text.data() + text.size() || !(score >= 0 && score <= 1))
    return fail(ErrorCode::invalid_argument, "min_score is '{}', not a number from 0 to 1", text);
  return score;
}

}  // namespace

void Service::add_probe_routes(std::vector<Route>& routes) {
  const auto add = [&](std::string method, std::string pattern, Scope scope,
                       std::string operation_id, DatabaseHandler handler) {
    routes.push_back({std::move(method), std::move(pattern), scope, std::move(operation_id),
                      with_database(std::move(handler))});
  };
  add("GET", "/v1/collections/{collection_id}/probes", Scope::read, "listProbes",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_RETURN_IF_ERROR(check_query(request, {}));
        BALEEN_ASSIGN_OR_RETURN(const auto probes, store::list_probes(database, id));
        json::array items;
        for (const store::LinearProbe& probe : probes) items.push_back(probe.to_json());
        return Response::of_json(json::object{{"items", std::move(items)}});
      });
  add("POST", "/v1/collections/{collection_id}/probes", Scope::submit, "makeProbe",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(json::object body,
                                json_body(request, {{"label", Member::Kind::text, true},
                                                    {"precision", Member::Kind::number},
                                                    {"params", Member::Kind::object}}));
        const std::string label = core::get_string(body, "label");
        if (label.empty() || label.size() > kLabelBytesMax) {
          return fail(ErrorCode::invalid_argument, "a label of {} bytes, not 1 to {}", label.size(),
                      kLabelBytesMax);
        }
        if (!context_.probes.make)
          return fail(ErrorCode::not_supported, "this service offers no linear probes");
        body["collection_id"] = id;
        // JSON knows no difference between 1 and 1.0.
        if (json::value* const precision = body.if_contains("precision"))
          *precision = precision->to_number<double>();
        BALEEN_ASSIGN_OR_RETURN(const std::string made_by,
                                name_of_principal(database, request.principal));
        BALEEN_ASSIGN_OR_RETURN(const json::object probe,
                                context_.probes.make(database, body, made_by));
        Response response = Response::of_json(probe, 201);
        response.set_header("Location",
                            "/v1/probes/" + std::to_string(core::get_int(probe, "probe_id")));
        return response;
      });
  add("GET", "/v1/probes/{probe_id}", Scope::read, "getProbe",
      [](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_RETURN_IF_ERROR(check_query(request, {}));
        BALEEN_ASSIGN_OR_RETURN(const store::LinearProbe probe, find(request, database));
        return Response::of_json(probe.to_json());
      });
  add("GET", "/v1/probes/{probe_id}/windows", Scope::read, "listProbeWindows",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_RETURN_IF_ERROR(check_query(request, {"order", "limit", "min_score"}));
        BALEEN_ASSIGN_OR_RETURN(const store::LinearProbe probe, find(request, database));
        if (!context_.probes.windows)
          return fail(ErrorCode::not_supported, "this service offers no linear probes");
        BALEEN_ASSIGN_OR_RETURN(const std::int64_t limit,
                                number_of(request.query_or("limit", "50"), "limit"));
        BALEEN_ASSIGN_OR_RETURN(const double min_score,
                                score_of(request.query_or("min_score", "0")));
        BALEEN_ASSIGN_OR_RETURN(
            const json::object answer,
            context_.probes.windows(database, probe.probe_id,
                                    {{"order", request.query_or("order", "score")},
                                     {"limit", limit},
                                     {"min_score", min_score}}));
        return Response::of_json(answer);
      });
}

}  // namespace baleen::api
