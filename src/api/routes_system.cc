// The service itself: health, metrics, status, models, its own description.

#include <fmt/format.h>

#include "api/service.h"
#include "core/process.h"
#include "engine/status.h"

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

Result<std::string> metrics_text(store::Database& database, const ServerStats& server) {
  BALEEN_ASSIGN_OR_RETURN(const json::object health, engine::describe_health(database));
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
         BALEEN_ASSIGN_OR_RETURN(std::string text, metrics_text(database, server));
         return Response::of_text(std::move(text), "text/plain; version=0.0.4; charset=utf-8");
       })});
  routes.push_back(
      {"GET", "/v1/status", Scope::read, "getStatus",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         if (!request.principal.owner.empty())
           return fail(ErrorCode::forbidden, "status is about all owners: use a token without one");
         BALEEN_ASSIGN_OR_RETURN(json::object status, engine::describe_health(database));
         status["version"] = std::string(core::version());
         status["checks"] = context_.checks ? context_.checks() : json::array{};
         return Response::of_json(status);
       })});
  routes.push_back(
      {"GET", "/v1/models", Scope::read, "listModels", [this](const Request&) -> Result<Response> {
         BALEEN_ASSIGN_OR_RETURN(const json::array models, context_.models());
         return Response::of_json(json::object{{"items", models}});
       }});
  routes.push_back({"GET", "/v1/openapi.yaml", Scope::open, "getOpenapi",
                    [this](const Request&) -> Result<Response> {
                      return Response::of_text(context_.openapi_yaml, "application/yaml");
                    }});
}

}  // namespace baleen::api
