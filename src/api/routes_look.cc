// What only looks: assets, artifacts, runs, tasks, attempts, events.

#include <algorithm>
#include <array>
#include <charconv>

#include "api/service.h"
#include "engine/explain.h"
#include "engine/lists.h"
#include "engine/live.h"
#include "engine/status.h"
#include "store/artifacts.h"

namespace baleen::api {
namespace {

Result<engine::PageQuery> page_of(const Request& request) {
  engine::PageQuery page;
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t limit,
                          number_of(request.query_or("limit", "50"), "limit"));
  page.limit = static_cast<int>(std::min<std::int64_t>(limit, engine::kPageItemsMax + 1));
  page.cursor = request.query_or("cursor", "");
  const std::string order = request.query_or("order", "newest");
  if (order != "newest" && order != "oldest")
    return fail(ErrorCode::invalid_argument, "order is 'newest' or 'oldest', not '{}'", order);
  page.is_newest_first = order == "newest";
  return page;
}

/// Those who see everybody's may ask for one owner's; others get their own.
engine::ListFilter filter_of(const Request& request) {
  engine::ListFilter filter;
  const std::string& own = request.principal.owner;
  filter.owner = own.empty() ? request.query_or("owner", "") : own;
  filter.state = request.query_or("state", "");
  filter.recipe = request.query_or("recipe", "");
  filter.stage = request.query_or("stage", "");
  filter.asset_id = request.query_or("asset_id", "");
  filter.run_id = request.query_or("run_id", "");
  filter.task_id = request.query_or("task_id", "");
  filter.error_code = request.query_or("error_code", "");
  filter.name = request.query_or("name", "");
  return filter;
}

using ListFn = Result<engine::Page> (*)(store::Database&,
                                        const engine::ListFilter&,
                                        const engine::PageQuery&);

Result<Response> answer_list(ListFn list,
                             std::initializer_list<std::string_view> filters,
                             const Request& request,
                             store::Database& database) {
  std::vector<std::string_view> known(filters);
  for (const auto& [name, value] : request.query) {
    constexpr std::array<std::string_view, 4> kCommon = {"limit", "cursor", "order", "owner"};
    if (std::find(kCommon.begin(), kCommon.end(), name) == kCommon.end() &&
        std::find(known.begin(), known.end(), name) == known.end())
      return fail(ErrorCode::invalid_argument, "unknown query parameter '{}'", name);
  }
  BALEEN_ASSIGN_OR_RETURN(const engine::PageQuery page, page_of(request));
  BALEEN_ASSIGN_OR_RETURN(const engine::Page found, list(database, filter_of(request), page));
  return Response::of_json(
      json::object{{"items", found.items},
                   {"next", found.next.empty() ? json::value(nullptr) : json::value(found.next)}});
}

std::string media_type_of(const store::Artifact& artifact) {
  const std::string& path = artifact.path;
  const auto ends_with = [&](std::string_view end) {
    return std::string_view(path).ends_with(end);
  };
  if (ends_with(".json")) return "application/json";
  if (ends_with(".parquet")) return "application/vnd.apache.parquet";
  if (ends_with(".h5")) return "application/x-hdf5";
  if (ends_with(".wav")) return "audio/wav";
  if (ends_with(".flac")) return "audio/flac";
  if (ends_with(".mp3")) return "audio/mpeg";
  if (ends_with(".ogg") || ends_with(".opus")) return "audio/ogg";
  if (ends_with(".m4a") || ends_with(".mp4")) return "audio/mp4";
  return "application/octet-stream";
}

/// @param subject_id  Of a recording or a collection, to which access was checked.
Result<Response> send_artifact(const Request& request,
                               store::Database& database,
                               const store::DataRoot& root,
                               const std::string& subject_id) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t wanted,
                          number_of(request.parameters.at("artifact_id"), "artifact id"));
  BALEEN_ASSIGN_OR_RETURN(const auto artifacts, store::list_artifacts(database, subject_id));
  for (const store::Artifact& artifact : artifacts) {
    if (artifact.artifact_id != wanted) continue;
    if (store::look_at_file(root, artifact) != store::FileState::intact)
      return fail(ErrorCode::artifact_corrupt, "{} is not as it was recorded", artifact.path);
    Response response;
    response.body = FileBody{root.at(artifact.path), artifact.bytes, artifact.sha256};
    response.set_header("Content-Type", media_type_of(artifact));
    response.set_header(
        "Content-Disposition",
        "inline; filename=\"" + std::filesystem::path(artifact.path).filename().string() + "\"");
    return response;
  }
  return fail(ErrorCode::not_found, "there is no artifact {} here", wanted);
}

/// No event has a higher id, and adding to it overflows nothing.
constexpr std::int64_t kEventIdMax = std::int64_t{1} << 53;

Result<Response> answer_events(const Request& request, store::Database& database) {
  BALEEN_RETURN_IF_ERROR(
      check_query(request, {"after", "run_id", "asset_id", "type", "limit", "owner"}));
  const engine::ListFilter filter = filter_of(request);
  const bool is_stream =
      request.header("Accept").find("text/event-stream") != std::string_view::npos;
  std::string after = std::string(request.header("Last-Event-ID"));
  if (after.empty()) after = request.query_or("after", is_stream ? "" : "0");
  std::int64_t after_id = 0;
  if (after.empty()) {
    BALEEN_ASSIGN_OR_RETURN(after_id, engine::newest_event(database));
  } else {
    BALEEN_ASSIGN_OR_RETURN(after_id, number_of(after, "event id"));
    after_id = std::min(after_id, kEventIdMax);
  }
  if (!is_stream) {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t limit,
                            number_of(request.query_or("limit", "100"), "limit"));
    if (limit < 1 || limit > engine::kPageItemsMax)
      return fail(ErrorCode::invalid_argument, "limit {} is outside 1 to {}", limit,
                  engine::kPageItemsMax);
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t newest, engine::newest_event(database));
    BALEEN_ASSIGN_OR_RETURN(
        const json::array events,
        engine::list_events(database, filter, after_id, static_cast<int>(limit)));
    // Where the page is not full, everything up to here was looked at.
    std::int64_t last = std::max(after_id, std::min(newest, after_id + engine::kEventsLookedAtMax));
    if (!events.empty()) {
      const std::int64_t last_id = core::get_int(events.back().as_object(), "id");
      last = std::ssize(events) == limit ? last_id : std::max(last, last_id);
    }
    return Response::of_json(json::object{{"items", events}, {"after", last}});
  }
  EventsBody events;
  events.after = after_id;
  events.filter.owner = filter.owner;
  events.filter.run_id = filter.run_id;
  events.filter.asset_id = filter.asset_id;
  if (const std::string type = request.query_or("type", ""); !type.empty())
    events.filter.types = {type};
  Response response;
  response.body = events;
  return response;
}

}  // namespace

void Service::add_look_routes(std::vector<Route>& routes) {
  const auto get = [&](std::string pattern, std::string operation_id, DatabaseHandler handler) {
    routes.push_back({"GET", std::move(pattern), Scope::read, std::move(operation_id),
                      with_database(std::move(handler))});
  };
  get("/v1/assets", "listAssets", [](const Request& request, store::Database& database) {
    return answer_list(engine::list_assets, {"name"}, request, database);
  });
  get("/v1/assets/{asset_id}", "getAsset",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& asset_id = request.parameters.at("asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
        BALEEN_ASSIGN_OR_RETURN(const json::object asset,
                                engine::describe_asset(database, asset_id));
        return Response::of_json(asset);
      });
  get("/v1/assets/{asset_id}/artifacts/{artifact_id}", "getArtifact",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& asset_id = request.parameters.at("asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
        return send_artifact(request, database, context_.root, asset_id);
      });
  get("/v1/collections/{collection_id}/artifacts/{artifact_id}", "getCollectionArtifact",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        return send_artifact(request, database, context_.root, id);
      });
  get("/v1/runs", "listRuns", [](const Request& request, store::Database& database) {
    return answer_list(engine::list_runs, {"state", "recipe", "asset_id", "error_code"}, request,
                       database);
  });
  get("/v1/runs/{run_id}", "getRun",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& run_id = request.parameters.at("run_id");
        BALEEN_RETURN_IF_ERROR(check_run_access(database, request.principal, run_id));
        BALEEN_ASSIGN_OR_RETURN(json::object run, engine::describe_run(database, run_id));
        engine::add_progress(run, engine::read_live(context_.root));
        return Response::of_json(run);
      });
  get("/v1/runs/{run_id}/attempts", "listAttemptsOfRun",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& run_id = request.parameters.at("run_id");
        BALEEN_RETURN_IF_ERROR(check_run_access(database, request.principal, run_id));
        BALEEN_RETURN_IF_ERROR(check_query(request, {"limit", "cursor", "order"}));
        BALEEN_ASSIGN_OR_RETURN(const engine::PageQuery page, page_of(request));
        engine::ListFilter filter;
        filter.run_id = run_id;
        BALEEN_ASSIGN_OR_RETURN(const engine::Page found,
                                engine::list_attempts(database, filter, page));
        return Response::of_json(json::object{
            {"items", found.items},
            {"next", found.next.empty() ? json::value(nullptr) : json::value(found.next)}});
      });
  get("/v1/attempts", "listAttempts", [](const Request& request, store::Database& database) {
    return answer_list(engine::list_attempts,
                       {"state", "stage", "asset_id", "run_id", "task_id", "error_code"}, request,
                       database);
  });
  get("/v1/tasks", "listTasks", [](const Request& request, store::Database& database) {
    return answer_list(engine::list_tasks,
                       {"state", "recipe", "stage", "asset_id", "run_id", "error_code"}, request,
                       database);
  });
  get("/v1/events", "getEvents", answer_events);
}

}  // namespace baleen::api
