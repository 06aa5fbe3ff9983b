// Collections of recordings, and what people know of each recording.

#include "api/service.h"
#include "core/clock.h"
#include "engine/status.h"
#include "store/collections.h"

namespace baleen::api {
namespace {

using Kind = Member::Kind;

constexpr std::size_t kAddedAtOnceMax = 10'000;

/// What a recorder's clock said at the start, or null.
json::value start_of(const std::string& recording_document) {
  if (recording_document.empty()) return nullptr;
  const Result<json::object> recording =
      core::parse_json_object(recording_document, "recording_v1");
  const std::string start = recording.ok() ? core::get_string(*recording, "start_local") : "";
  return start.empty() ? json::value(nullptr) : json::value(start);
}

json::object describe(const store::CollectionMember& member, const store::MemberState& state) {
  json::object object{{"asset_id", member.asset_id},
                      {"filename", core::valid_utf8(member.filename)},
                      {"metadata", member.metadata.to_json()},
                      {"duration_s", nullptr},
                      {"start_local", start_of(state.recording_document)},
                      {"encodings", json::array(state.encodings.begin(), state.encodings.end())},
                      {"last_run", nullptr}};
  if (state.duration_s) object["duration_s"] = *state.duration_s;
  if (!state.run_id.empty()) {
    object["last_run"] = {
        {"run_id", state.run_id}, {"recipe", state.recipe}, {"state", state.run_state}};
  }
  return object;
}

}  // namespace

void Service::add_collection_routes(std::vector<Route>& routes) {
  const auto add = [&](std::string method, std::string pattern, Scope scope,
                       std::string operation_id, DatabaseHandler handler) {
    routes.push_back({std::move(method), std::move(pattern), scope, std::move(operation_id),
                      with_database(std::move(handler))});
  };

  add("GET", "/v1/collections", Scope::read, "listCollections",
      [](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_RETURN_IF_ERROR(check_query(request, {"owner"}));
        const std::string& own = request.principal.owner;
        BALEEN_ASSIGN_OR_RETURN(
            const auto collections,
            store::list_collections(database, own.empty() ? request.query_or("owner", "") : own));
        json::array items;
        for (const store::Collection& collection : collections)
          items.push_back(collection.to_json());
        return Response::of_json(json::object{{"items", std::move(items)}});
      });
  add("POST", "/v1/collections", Scope::submit, "makeCollection",
      [](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(
            const json::object body,
            json_body(request, {{"name", Kind::text, true}, {"owner_entity_id", Kind::text}}));
        const std::string& own = request.principal.owner;
        const std::string owner =
            core::get_string(body, "owner_entity_id", own.empty() ? "local" : own);
        if (!own.empty() && owner != own)
          return fail(ErrorCode::forbidden, "this token may not submit for the owner '{}'", owner);
        BALEEN_ASSIGN_OR_RETURN(
            const store::Collection made,
            store::make_collection(database, owner, core::get_string(body, "name"),
                                   core::system_clock().now_us()));
        return Response::of_json(made.to_json(), 201);
      });
  add("GET", "/v1/collections/{collection_id}", Scope::read, "getCollection",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const auto found, store::find_collection(database, id));
        if (!found) return fail(ErrorCode::not_found, "there is no collection '{}'", id);
        return Response::of_json(found->to_json());
      });
  add("GET", "/v1/collections/{collection_id}/members", Scope::read, "listMembers",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const auto members, store::list_members(database, id));
        BALEEN_ASSIGN_OR_RETURN(const auto states, store::list_member_states(database, id));
        // Both are in the order of their ids; a member may have come or gone in between.
        json::array items;
        auto state = states.begin();
        for (const store::CollectionMember& member : members) {
          while (state != states.end() && state->asset_id < member.asset_id) ++state;
          const bool is_known = state != states.end() && state->asset_id == member.asset_id;
          items.push_back(describe(member, is_known ? *state : store::MemberState()));
        }
        return Response::of_json(json::object{{"items", std::move(items)}});
      });
  add("POST", "/v1/collections/{collection_id}/members", Scope::submit, "addMembers",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                json_body(request, {{"asset_ids", Kind::texts, true}}));
        const std::vector<std::string> asset_ids = strings_of(core::get_array(body, "asset_ids"));
        if (asset_ids.size() > kAddedAtOnceMax) {
          return fail(ErrorCode::too_large, "{} recordings at once; at most {} are taken",
                      asset_ids.size(), kAddedAtOnceMax);
        }
        for (const std::string& asset_id : asset_ids)
          BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
        std::int64_t n_added = 0;
        for (const std::string& asset_id : asset_ids) {
          BALEEN_ASSIGN_OR_RETURN(
              const bool is_new,
              store::add_member(database, id, asset_id, core::system_clock().now_us()));
          n_added += is_new ? 1 : 0;
        }
        return Response::of_json(json::object{{"added", n_added}});
      });
  add("POST", "/v1/collections/{collection_id}/runs", Scope::submit, "submitCollectionRun",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                json_body(request, {{"recipe", Kind::text},
                                                    {"params", Kind::object},
                                                    {"priority", Kind::integer}}));
        engine::SubmitOptions options;
        BALEEN_ASSIGN_OR_RETURN(options.priority, priority_of(body));
        options.params = core::get_object(body, "params");
        BALEEN_ASSIGN_OR_RETURN(
            const engine::Recipe* const recipe,
            context_.recipes.find(core::get_string(body, "recipe", "clusters")));
        if (!recipe->is_of_collections) {
          return fail(ErrorCode::invalid_argument,
                      "recipe '{}' is of recordings, not of collections", recipe->name);
        }
        engine::Queue work = queue(database);
        BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                                work.submit(*recipe, id, options));
        BALEEN_ASSIGN_OR_RETURN(json::object run, engine::describe_run(database, submitted.run_id));
        run["reused"] = submitted.is_fresh;
        Response response = Response::of_json(run, 202);
        response.set_header("Location", "/v1/runs/" + submitted.run_id);
        return response;
      });
  add("POST", "/v1/collections/{collection_id}/search", Scope::read, "searchCollection",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(json::object body,
                                json_body(request, {{"asset_id", Kind::text, true},
                                                    {"start_s", Kind::number},
                                                    {"end_s", Kind::number},
                                                    {"top", Kind::integer},
                                                    {"apart_s", Kind::number},
                                                    {"since", Kind::text},
                                                    {"before", Kind::text},
                                                    {"where", Kind::object},
                                                    {"params", Kind::object}}));
        BALEEN_RETURN_IF_ERROR(
            check_asset_access(database, request.principal, core::get_string(body, "asset_id")));
        if (!context_.search)
          return fail(ErrorCode::not_supported, "this service offers no search");
        body["collection_id"] = id;
        BALEEN_ASSIGN_OR_RETURN(const json::object answer, context_.search(database, body));
        return Response::of_json(answer);
      });
  add("DELETE", "/v1/collections/{collection_id}/members/{asset_id}", Scope::submit, "removeMember",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_RETURN_IF_ERROR(
            store::remove_member(database, id, request.parameters.at("asset_id")));
        Response response;
        response.status = 204;
        return response;
      });

  add("GET", "/v1/assets/{asset_id}/metadata", Scope::read, "getMetadata",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const auto metadata, store::find_metadata(database, id));
        return Response::of_json(metadata.to_json());
      });
  add("PUT", "/v1/assets/{asset_id}/metadata", Scope::submit, "setMetadata",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                json_body(request, {"tag_data", "visual_observations",
                                                    "group_composition", "prey_density_proxy"}));
        BALEEN_ASSIGN_OR_RETURN(const auto metadata, store::AudioMetadata::from_json(body));
        BALEEN_RETURN_IF_ERROR(
            store::set_metadata(database, id, metadata, core::system_clock().now_us()));
        return Response::of_json(metadata.to_json());
      });
}

}  // namespace baleen::api
