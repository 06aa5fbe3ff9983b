// One run or task, looked at closely: its log, its bundle, what it waits for; and many runs changed at once.

#include "api/service.h"
#include "engine/explain.h"
#include "engine/lists.h"
#include "engine/live.h"
#include "engine/run_log.h"
#include "ops/bundle.h"

namespace baleen::api {
namespace {

Result<engine::BulkAction> action_of(const std::string& word) {
  if (word == "retry") return engine::BulkAction::retry;
  if (word == "cancel") return engine::BulkAction::cancel;
  if (word == "rerun") return engine::BulkAction::rerun;
  return fail(ErrorCode::invalid_argument, "action is retry, cancel or rerun, not '{}'", word);
}

Result<engine::BulkRequest> bulk_request_of(const Request& request) {
  constexpr std::int64_t kDefaultLimit = 500;
  constexpr std::int64_t kLimitMax = 2000;
  BALEEN_ASSIGN_OR_RETURN(const json::object body,
                          json_body(request, {{"action", Member::Kind::text, true},
                                              {"filter", Member::Kind::object},
                                              {"forced_stages", Member::Kind::texts},
                                              {"limit", Member::Kind::integer},
                                              {"cursor", Member::Kind::text}}));
  engine::BulkRequest bulk;
  BALEEN_ASSIGN_OR_RETURN(bulk.action, action_of(core::get_string(body, "action")));
  const json::object& filter = core::get_object(body, "filter");
  for (const json::key_value_pair& member : filter) {
    const std::string name(member.key().data(), member.key().size());
    if (name == "run_ids") {
      bulk.filter.run_ids = strings_of(core::get_array(filter, "run_ids"));
      if (bulk.filter.run_ids.empty())
        return fail(ErrorCode::invalid_argument, "run_ids is empty: it names no run");
      if (bulk.filter.run_ids.size() > static_cast<std::size_t>(kLimitMax))
        return fail(ErrorCode::invalid_argument, "run_ids names more than {} runs", kLimitMax);
    } else if (std::string* const text = name == "error_code"        ? &bulk.filter.error_code
                                         : name == "recipe"          ? &bulk.filter.recipe
                                         : name == "stage"           ? &bulk.filter.stage
                                         : name == "state"           ? &bulk.filter.state
                                         : name == "owner_entity_id" ? &bulk.filter.owner
                                                                     : nullptr;
               text != nullptr && member.value().is_string()) {
      *text = member.value().get_string();
    } else {
      return fail(ErrorCode::invalid_argument, "the filter has an unknown or wrong member '{}'",
                  name);
    }
  }
  const std::string& own = request.principal.owner;
  if (!own.empty()) bulk.filter.owner = own;
  bulk.forced_stages = strings_of(core::get_array(body, "forced_stages"));
  const std::int64_t limit = core::get_int(body, "limit", kDefaultLimit);
  if (limit < 1 || limit > kLimitMax)
    return fail(ErrorCode::invalid_argument, "limit {} is outside 1 to {}", limit, kLimitMax);
  bulk.limit = static_cast<int>(limit);
  bulk.cursor = core::get_string(body, "cursor");
  return bulk;
}

}  // namespace

void Service::add_run_routes(std::vector<Route>& routes) {
  const auto get = [&](std::string pattern, std::string operation_id, DatabaseHandler handler) {
    routes.push_back({"GET", std::move(pattern), Scope::read, std::move(operation_id),
                      with_database(std::move(handler))});
  };
  get("/v1/tasks/{task_id}", "getTask",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_RETURN_IF_ERROR(check_query(request, {}));
        const std::string& text = request.parameters.at("task_id");
        BALEEN_ASSIGN_OR_RETURN(const std::int64_t task_id, number_of(text, "task id"));
        engine::ListFilter filter;
        filter.task_id = text;
        filter.owner = request.principal.owner;
        BALEEN_ASSIGN_OR_RETURN(const engine::Page found, engine::list_tasks(database, filter, {}));
        if (found.items.empty()) return fail(ErrorCode::not_found, "there is no task {}", task_id);
        const std::vector<engine::LiveWorker> workers = engine::read_live(context_.root);
        json::object task = found.items.front().as_object();
        BALEEN_ASSIGN_OR_RETURN(task["waits_for"],
                                engine::explain_task(database, workers, task_id));
        json::object run{{"tasks", json::array{task}}};
        engine::add_progress(run, workers);
        return Response::of_json(run.at("tasks").as_array().front());
      });
  get("/v1/runs/{run_id}/log", "getRunLog",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& run_id = request.parameters.at("run_id");
        BALEEN_RETURN_IF_ERROR(check_run_access(database, request.principal, run_id));
        BALEEN_RETURN_IF_ERROR(check_query(request, {"task_id"}));
        std::optional<std::int64_t> task_id;
        if (request.query.contains("task_id")) {
          BALEEN_ASSIGN_OR_RETURN(task_id, number_of(request.query.at("task_id"), "task id"));
        }
        BALEEN_ASSIGN_OR_RETURN(std::string log,
                                engine::run_log(database, context_.root, run_id, task_id));
        return Response::of_text(ops::redact(std::move(log)), "text/plain; charset=utf-8");
      });
  routes.push_back(
      {"GET", "/v1/runs/{run_id}/bundle", Scope::read, "getRunBundle",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         const std::string& run_id = request.parameters.at("run_id");
         BALEEN_RETURN_IF_ERROR(check_run_access(database, request.principal, run_id));
         BALEEN_RETURN_IF_ERROR(check_query(request, {}));
         std::optional<ops::ServiceFacts> service;
         if (request.principal.owner.empty()) {
           service.emplace();
           if (context_.configuration) service->configuration = context_.configuration();
           if (context_.checks) service->checks = context_.checks();
         }
         BALEEN_ASSIGN_OR_RETURN(std::string bytes,
                                 ops::diagnostic_bundle(database, context_.root, run_id, service));
         Response response = Response::of_text(std::move(bytes), "application/zip");
         response.set_header("Content-Disposition",
                             "attachment; filename=\"baleen-" + run_id.substr(0, 8) + ".zip\"");
         return response;
       })});
  routes.push_back(
      {"POST", "/v1/bulk", Scope::operate, "changeMany",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         BALEEN_ASSIGN_OR_RETURN(const engine::BulkRequest bulk, bulk_request_of(request));
         engine::Queue work = queue(database);
         BALEEN_ASSIGN_OR_RETURN(const engine::BulkOutcome outcome, work.change_many(bulk));
         return Response::of_json(json::object{
             {"changed", outcome.n_changed}, {"left", outcome.n_left}, {"cursor", outcome.cursor}});
       })});
}

}  // namespace baleen::api
