// The service itself: health, metrics, status, models, its own description.

#include <fmt/format.h>

#include "api/docs_page.h"
#include "api/service.h"
#include "core/clock.h"
#include "core/process.h"
#include "engine/explain.h"
#include "engine/live.h"
#include "engine/status.h"
#include "ops/settings.h"

namespace baleen::api {
namespace {

/// The text format of Prometheus, version 0.0.4.
class Metrics {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    text_ += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  void sample(std::string_view name, double value) { text_ += fmt::format("{} {}\n", name, value); }
  void sample(std::string_view name, std::string_view label, std::string_view word, double value) {
    text_ += fmt::format("{}{{{}=\"{}\"}} {}\n", name, label, word, value);
  }
  void by_word(std::string_view name, std::string_view label, const json::object& counts) {
    for (const json::key_value_pair& count : counts)
      sample(name, label, {count.key().data(), count.key().size()},
             count.value().to_number<double>());
  }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

json::array describe_workers(const store::DataRoot& root) {
  json::array items;
  for (const engine::LiveWorker& worker : engine::read_live(root)) {
    json::array tasks;
    for (const engine::LiveTask& task : worker.tasks) {
      json::object item = engine::describe_progress(worker, task, 0);
      item["task_id"] = task.task_id;
      item["run_id"] = task.run_id;
      item["asset_id"] = task.asset_id;
      item["stage"] = task.stage;
      item["attempt"] = task.attempt;
      tasks.push_back(std::move(item));
    }
    items.push_back({{"worker", worker.worker},
                     {"host", worker.host},
                     {"pid", worker.pid},
                     {"since", core::rfc3339(worker.since_us)},
                     {"executors", worker.executors},
                     {"executor_deaths", worker.executor_deaths},
                     {"rss_bytes", worker.rss_bytes},
                     {"tasks", std::move(tasks)}});
  }
  return items;
}

json::object describe_disk(const store::DataRoot& root) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(root.path, error);
  if (error) return {{"free_bytes", nullptr}, {"total_bytes", nullptr}};
  return {{"free_bytes", space.available}, {"total_bytes", space.capacity}};
}

json::array describe_errors() {
  json::array items;
  for (const core::ErrorInfo& info : core::kErrorCatalogue) {
    items.push_back({{"code", std::string(info.name)},
                     {"stage", std::string(info.stage)},
                     {"retryable", info.retryable},
                     {"http_status", info.http_status},
                     {"cause", std::string(info.cause)},
                     {"action", std::string(info.action)}});
  }
  return items;
}

json::array describe_recipes(const engine::RecipeRegistry& recipes) {
  json::array items;
  for (const auto& [name, recipe] : recipes.all()) {
    json::array stages;
    for (const engine::StageSpec& stage : recipe.stages) {
      json::array inputs, outputs;
      for (const engine::InputSpec& input : stage.inputs) inputs.emplace_back(input.type);
      for (const engine::OutputSpec& output : stage.outputs) outputs.emplace_back(output.type);
      stages.push_back({{"name", stage.name},
                        {"version", stage.version},
                        {"class", stage.stage_class},
                        {"inputs", std::move(inputs)},
                        {"outputs", std::move(outputs)}});
    }
    items.push_back({{"name", name}, {"summary", recipe.summary}, {"stages", std::move(stages)}});
  }
  return items;
}

/// Of the newest attempts: all of history would be a walk of the whole table.
Result<void> add_stage_seconds(store::Database& database, Metrics& metrics) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT stage, COUNT(*), SUM(finished_at_us - started_at_us) FROM (SELECT "
                     "stage, status, started_at_us, finished_at_us FROM pipeline_jobs ORDER BY id "
                     "DESC LIMIT 1000) WHERE status = 'complete' AND finished_at_us IS NOT NULL "
                     "GROUP BY stage ORDER BY stage"));
  metrics.family("baleen_stage_seconds", "gauge",
                 "Mean duration of a stage, of the last thousand attempts.");
  for (const store::Row& row : rows)
    metrics.sample(
        "baleen_stage_seconds", "stage", row.text(0),
        1e-6 * static_cast<double>(row.integer(2)) / static_cast<double>(row.integer(1)));
  return {};
}

Result<std::string> metrics_text(store::Database& database,
                                 const store::DataRoot& root,
                                 const json::object& health,
                                 const ServerStats& server) {
  Metrics metrics;
  metrics.family("baleen_info", "gauge", "The version of this program.");
  metrics.sample("baleen_info", "version", core::version(), 1);
  metrics.family("baleen_assets", "gauge", "Assets known.");
  metrics.sample("baleen_assets", core::get_double(health, "assets"));
  metrics.family("baleen_runs", "gauge", "Runs by state.");
  metrics.by_word("baleen_runs", "state", core::get_object(health, "runs"));
  metrics.family("baleen_tasks", "gauge", "Tasks by state.");
  metrics.by_word("baleen_tasks", "state", core::get_object(health, "tasks"));
  metrics.family("baleen_backlog_depth", "gauge",
                 "Tasks that wait or are queued in runs that are open.");
  metrics.sample("baleen_backlog_depth", core::get_double(health, "backlog_depth"));
  if (const json::value* rate = health.if_contains("success_rate");
      rate != nullptr && rate->is_number()) {
    metrics.family("baleen_success_ratio", "gauge", "Complete runs among those that are over.");
    metrics.sample("baleen_success_ratio", rate->to_number<double>());
  }
  metrics.family("baleen_attempt_errors", "gauge", "Attempts on record that failed, by code.");
  metrics.by_word("baleen_attempt_errors", "code", core::get_object(health, "errors_by_code"));
  const json::object& latency = core::get_object(health, "end_to_end_latency");
  if (!latency.empty()) {
    metrics.family("baleen_run_seconds", "summary",
                   "From submission to completion, of the last thousand runs.");
    metrics.sample("baleen_run_seconds", "quantile", "0.5", core::get_double(latency, "median_s"));
    metrics.sample("baleen_run_seconds", "quantile", "0.95", core::get_double(latency, "p95_s"));
  }
  double n_executors = 0, n_busy = 0, n_deaths = 0, rss_bytes = 0;
  const std::vector<engine::LiveWorker> workers = engine::read_live(root);
  for (const engine::LiveWorker& worker : workers) {
    n_executors += worker.executors;
    n_busy += static_cast<double>(worker.tasks.size());
    n_deaths += static_cast<double>(worker.executor_deaths);
    rss_bytes += static_cast<double>(worker.rss_bytes);
  }
  metrics.family("baleen_workers", "gauge", "Workers that run now.");
  metrics.sample("baleen_workers", static_cast<double>(workers.size()));
  metrics.family("baleen_executors", "gauge", "Executors of these workers.");
  metrics.sample("baleen_executors", "state", "busy", n_busy);
  metrics.sample("baleen_executors", "state", "idle", std::max(0.0, n_executors - n_busy));
  metrics.family("baleen_executor_restarts", "gauge",
                 "Executors that died under the workers that run now, and were replaced.");
  metrics.sample("baleen_executor_restarts", n_deaths);
  metrics.family("baleen_worker_resident_memory_bytes", "gauge",
                 "Resident sets of workers and executors when they last had work.");
  metrics.sample("baleen_worker_resident_memory_bytes", rss_bytes);
  BALEEN_RETURN_IF_ERROR(add_stage_seconds(database, metrics));
  const json::object disk = describe_disk(root);
  metrics.family("baleen_disk_free_bytes", "gauge", "Free where the data lie.");
  metrics.sample("baleen_disk_free_bytes", core::get_double(disk, "free_bytes"));
  metrics.family("baleen_disk_total_bytes", "gauge", "Size of the disk where the data lie.");
  metrics.sample("baleen_disk_total_bytes", core::get_double(disk, "total_bytes"));
  metrics.family("baleen_http_connections", "gauge", "Open connections, event streams included.");
  metrics.sample("baleen_http_connections", static_cast<double>(server.connections));
  metrics.family("baleen_event_streams", "gauge", "Clients that follow events.");
  metrics.sample("baleen_event_streams", static_cast<double>(server.event_streams));
  metrics.family("baleen_http_requests_total", "counter", "Requests since the start.");
  metrics.sample("baleen_http_requests_total", static_cast<double>(server.requests));
  metrics.family("process_resident_memory_max_bytes", "gauge",
                 "Largest resident set of the server so far.");
  metrics.sample("process_resident_memory_max_bytes", static_cast<double>(core::peak_rss_bytes()));
  return std::move(metrics).text();
}

}  // namespace

Result<json::object> Service::health(store::Database& database) {
  return health_.get([&]() -> Result<json::object> {
    BALEEN_ASSIGN_OR_RETURN(json::object health, engine::describe_health(database));
    BALEEN_ASSIGN_OR_RETURN(health["throughput"], engine::describe_throughput(database));
    return health;
  });
}

void Service::add_system_routes(std::vector<Route>& routes) {
  routes.push_back(
      {"GET", "/health/live", Scope::open, "getLive", [](const Request&) -> Result<Response> {
         return Response::of_json(json::object{{"status", "alive"}});
       }});
  routes.push_back(
      {"GET", "/health/ready", Scope::open, "getReady",
       with_database([](const Request&, store::Database& database) -> Result<Response> {
         BALEEN_RETURN_IF_ERROR(database.query("SELECT 1"));
         return Response::of_json(json::object{{"status", "ready"}});
       })});
  routes.push_back(
      {"GET", "/metrics", Scope::read, "getMetrics",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         if (!request.principal.owner.empty())
           return fail(ErrorCode::forbidden,
                       "metrics are about all owners: use a token without one");
         const ServerStats server = context_.server_stats ? context_.server_stats() : ServerStats{};
         BALEEN_ASSIGN_OR_RETURN(const json::object counts, health(database));
         BALEEN_ASSIGN_OR_RETURN(std::string text,
                                 metrics_text(database, context_.root, counts, server));
         return Response::of_text(std::move(text), "text/plain; version=0.0.4; charset=utf-8");
       })});
  routes.push_back(
      {"GET", "/v1/status", Scope::read, "getStatus",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         if (!request.principal.owner.empty())
           return fail(ErrorCode::forbidden, "status is about all owners: use a token without one");
         BALEEN_ASSIGN_OR_RETURN(json::object status, health(database));
         status["failures_by_code"] = core::get_object(status, "failed_tasks_by_code");
         status["workers"] = describe_workers(context_.root);
         json::object disk = describe_disk(context_.root);
         disk["data_bytes"] = core::get_int(status, "artifact_bytes");
         status["disk"] = std::move(disk);
         status["version"] = std::string(core::version());
         BALEEN_ASSIGN_OR_RETURN(status["checks"], checks_.get([&]() -> Result<json::array> {
           return context_.checks ? context_.checks() : json::array{};
         }));
         return Response::of_json(status);
       })});
  routes.push_back(
      {"GET", "/v1/models", Scope::read, "listModels", [this](const Request&) -> Result<Response> {
         BALEEN_ASSIGN_OR_RETURN(const json::array models, context_.models());
         return Response::of_json(json::object{{"items", models}});
       }});
  routes.push_back(
      {"GET", "/v1/recipes", Scope::read, "listRecipes",
       [this](const Request&) -> Result<Response> {
         return Response::of_json(json::object{{"items", describe_recipes(context_.recipes)}});
       }});
  routes.push_back(
      {"GET", "/v1/errors", Scope::open, "listErrors", [](const Request&) -> Result<Response> {
         return Response::of_json(json::object{{"items", describe_errors()}});
       }});
  routes.push_back(
      {"GET", "/docs", Scope::open, "getDocs",
       [this](const Request&) -> Result<Response> { return docs_page(context_.openapi_yaml); }});
  routes.push_back({"GET", "/docs/errors", Scope::open, "getDocsOfErrors",
                    [](const Request&) -> Result<Response> { return errors_page(); }});
  routes.push_back(
      {"GET", "/v1/settings", Scope::read, "getSettings",
       with_database([](const Request&, store::Database& database) -> Result<Response> {
         BALEEN_ASSIGN_OR_RETURN(json::array items, ops::SettingStore(database).list());
         return Response::of_json(json::object{{"items", std::move(items)}});
       })});
  routes.push_back(
      {"PATCH", "/v1/settings", Scope::admin, "changeSettings",
       with_database([](const Request& request, store::Database& database) -> Result<Response> {
         std::vector<Member> known;
         for (const ops::SettingSpec& spec : ops::setting_specs()) known.emplace_back(spec.name);
         BALEEN_ASSIGN_OR_RETURN(const json::object body, json_body(request, known));
         ops::SettingStore settings(database);
         BALEEN_RETURN_IF_ERROR(settings.change(body));
         BALEEN_ASSIGN_OR_RETURN(json::array items, settings.list());
         return Response::of_json(json::object{{"items", std::move(items)}});
       })});
  routes.push_back({"GET", "/v1/openapi.yaml", Scope::open, "getOpenapi",
                    [this](const Request&) -> Result<Response> {
                      return Response::of_text(context_.openapi_yaml, "application/yaml");
                    }});
}

}  // namespace baleen::api
