#include "engine/status.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/clock.h"
#include "store/artifacts.h"
#include "store/assets.h"

namespace baleen::engine {
namespace {

constexpr int kLatestRunsMax = 20;

json::value time_or_null(const store::Row& row, std::size_t column) {
  if (row.is_null(column)) return nullptr;
  return json::value(core::rfc3339(row.integer(column)));
}

json::value error_or_null(const std::string& code, const std::string& message) {
  const auto known = core::parse_error_code(code);
  if (!known) return nullptr;
  const core::ErrorInfo& info = core::error_info(*known);
  return {{"code", code},
          {"message", message},
          {"cause", std::string(info.cause)},
          {"action", std::string(info.action)}};
}

Result<json::array> tasks_of(store::Database& database, std::string_view run_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows, database.query("SELECT task_id, stage, state, attempts, interruptions, "
                                      "seconds, reason, error_code, error_message, "
                                      "not_before_us FROM tasks WHERE run_id = $1 ORDER BY task_id",
                                      run_id));
  const std::int64_t now_us = core::system_clock().now_us();
  json::array tasks;
  for (const store::Row& row : rows) {
    json::object task{{"task_id", row.integer(0)},
                      {"stage", row.text(1)},
                      {"state", row.text(2)},
                      {"attempts", row.integer(3)},
                      {"interruptions", row.integer(4)},
                      {"seconds", row.real(5)},
                      {"reason", row.text(6)},
                      {"error", error_or_null(row.text(7), row.text(8))}};
    if (row.integer(9) > now_us) task["retry_at"] = core::rfc3339(row.integer(9));
    tasks.push_back(std::move(task));
  }
  return tasks;
}

Result<json::array> jobs_of(store::Database& database, std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT id, run_id, stage, status, attempt, error_code, error_message, "
          "metrics_json, artifact_path, feature_spec_alias, trace_id, worker, started_at_us, "
          "finished_at_us FROM pipeline_jobs WHERE asset_id = $1 ORDER BY id",
          asset_id));
  json::array jobs;
  for (const store::Row& row : rows) {
    const Result<json::value> metrics = core::parse_json(row.text(7), "metrics_json");
    json::object job{
        {"schema_id", "pipeline_job.v1"},
        {"version", "1.0.0"},
        {"id", row.integer(0)},
        {"run_id", row.text(1)},
        {"asset_id", std::string(asset_id)},
        {"stage", row.text(2)},
        {"status", row.text(3)},
        {"attempt", row.integer(4)},
        {"error", error_or_null(row.text(5), row.text(6))},
        {"metrics", metrics.ok() ? *metrics : json::value(json::object{})},
        {"artifact_path", row.is_null(8) ? json::value(nullptr) : json::value(row.text(8))},
        {"feature_spec_alias", row.text(9)},
        {"trace_id", row.text(10)},
        {"worker", row.text(11)},
        {"started_at", time_or_null(row, 12)},
        {"finished_at", time_or_null(row, 13)}};
    jobs.push_back(std::move(job));
  }
  return jobs;
}

Result<json::array> artifacts_of(store::Database& database, std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(const std::vector<store::Artifact> artifacts,
                          store::list_artifacts(database, asset_id));
  json::array list;
  for (const store::Artifact& artifact : artifacts) list.push_back(artifact.to_json());
  return list;
}

/// What the run read and made: the original, and everything with a signature of its tasks.
Result<json::array> artifacts_of_run(store::Database& database,
                                     const std::string& asset_id,
                                     std::string_view run_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database.query("SELECT signature FROM tasks WHERE run_id = $1", run_id));
  std::set<std::string> signatures;
  for (const store::Row& row : rows) signatures.insert(row.text(0));
  BALEEN_ASSIGN_OR_RETURN(const std::vector<store::Artifact> artifacts,
                          store::list_artifacts(database, asset_id));
  json::array list;
  for (const store::Artifact& artifact : artifacts) {
    if (artifact.type == "original" || signatures.contains(artifact.signature))
      list.push_back(artifact.to_json());
  }
  return list;
}

Result<json::object> count_by(store::Database& database, std::string_view sql) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database.query(sql));
  json::object counts;
  for (const store::Row& row : rows) counts[row.text(0)] = row.integer(1);
  return counts;
}

Result<json::value> latency(store::Database& database) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT finished_at_us - created_at_us FROM runs WHERE state = 'complete' AND "
                     "finished_at_us IS NOT NULL ORDER BY created_at_us DESC LIMIT 1000"));
  if (rows.empty()) return json::value(nullptr);
  std::vector<std::int64_t> us;
  us.reserve(rows.size());
  for (const store::Row& row : rows) us.push_back(row.integer(0));
  std::sort(us.begin(), us.end());
  const auto quantile = [&](double q) {
    return 1e-6 * static_cast<double>(
                      us[static_cast<std::size_t>(q * static_cast<double>(us.size() - 1))]);
  };
  return json::value{{"median_s", quantile(0.5)}, {"p95_s", quantile(0.95)}, {"runs", us.size()}};
}

}  // namespace

Result<json::object> describe_run(store::Database& database, std::string_view run_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT r.run_id, r.asset_id, r.recipe, r.state, r.trace_id, r.created_at_us, "
                     "r.started_at_us, r.finished_at_us, a.source_uri, a.original_filename, "
                     "a.duration_s, r.params_json, c.name FROM runs r LEFT JOIN audio_assets a ON "
                     "a.asset_id = r.asset_id LEFT JOIN collections c ON c.collection_id = "
                     "r.asset_id WHERE r.run_id = $1",
                     run_id));
  if (rows.empty()) return fail(ErrorCode::not_found, "there is no run '{}'", run_id);
  const store::Row& row = rows.front();
  json::object run{{"run_id", row.text(0)},
                   {"asset_id", row.text(1)},
                   {"recipe", row.text(2)},
                   {"state", row.text(3)},
                   {"trace_id", row.text(4)},
                   {"source_uri", row.text(8)},
                   {"file", row.is_null(12) ? row.text(9) : row.text(12)},
                   {"created_at", time_or_null(row, 5)},
                   {"started_at", time_or_null(row, 6)},
                   {"finished_at", time_or_null(row, 7)}};
  run["duration_s"] = row.is_null(10) ? json::value(nullptr) : json::value(row.real(10));
  const Result<json::object> params = core::parse_json_object(row.text(11), "params_json");
  run["params"] = params.ok() ? *params : json::object{};
  BALEEN_ASSIGN_OR_RETURN(run["artifacts"], artifacts_of_run(database, row.text(1), run_id));
  BALEEN_ASSIGN_OR_RETURN(run["tasks"], tasks_of(database, run_id));
  return run;
}

Result<json::object> describe_asset(store::Database& database, std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(const std::optional<store::Asset> asset,
                          store::find_asset(database, asset_id));
  if (!asset) return fail(ErrorCode::not_found, "there is no asset '{}'", asset_id);
  json::object object = asset->to_json();
  BALEEN_ASSIGN_OR_RETURN(object["artifacts"], artifacts_of(database, asset_id));
  BALEEN_ASSIGN_OR_RETURN(
      const auto runs, database.query("SELECT run_id, recipe, state FROM runs WHERE asset_id = $1 "
                                      "ORDER BY created_at_us DESC LIMIT $2",
                                      asset_id, kLatestRunsMax));
  json::array run_list;
  for (const store::Row& row : runs) {
    run_list.push_back({{"run_id", row.text(0)}, {"recipe", row.text(1)}, {"state", row.text(2)}});
  }
  object["runs"] = std::move(run_list);
  BALEEN_ASSIGN_OR_RETURN(object["attempts"], jobs_of(database, asset_id));
  return object;
}

Result<json::object> describe_health(store::Database& database) {
  json::object health;
  BALEEN_ASSIGN_OR_RETURN(
      const auto assets,
      database.query("SELECT COUNT(*), COALESCE(SUM(duration_s), 0) FROM audio_assets"));
  health["assets"] = assets.front().integer(0);
  health["audio_s"] = assets.front().real(1);
  BALEEN_ASSIGN_OR_RETURN(const json::object runs,
                          count_by(database, "SELECT state, COUNT(*) FROM runs GROUP BY state"));
  BALEEN_ASSIGN_OR_RETURN(const json::object tasks,
                          count_by(database, "SELECT state, COUNT(*) FROM tasks GROUP BY state"));
  health["runs"] = runs;
  health["tasks"] = tasks;
  BALEEN_ASSIGN_OR_RETURN(const auto bytes,
                          database.query("SELECT COALESCE(SUM(bytes), 0) FROM artifact_index"));
  health["artifact_bytes"] = bytes.front().integer(0);
  // What waits below a task that has failed is no backlog: nobody will take it up.
  BALEEN_ASSIGN_OR_RETURN(
      const auto backlog,
      database.query("SELECT COUNT(*) FROM runs r CROSS JOIN tasks t ON t.run_id = r.run_id WHERE "
                     "r.state IN ('queued', 'running') AND +t.state IN ('queued', 'waiting')"));
  health["backlog_depth"] = backlog.front().integer(0);
  const double complete = core::get_double(runs, "complete");
  const double over = complete + core::get_double(runs, "failed");
  health["success_rate"] = over > 0 ? json::value(complete / over) : json::value(nullptr);
  BALEEN_ASSIGN_OR_RETURN(
      health["failed_tasks_by_code"],
      count_by(database,
               "SELECT error_code, COUNT(*) FROM tasks WHERE +state = 'failed' AND "
               "error_code IS NOT NULL GROUP BY error_code ORDER BY COUNT(*) DESC"));
  BALEEN_ASSIGN_OR_RETURN(
      health["errors_by_code"],
      count_by(database,
               "SELECT error_code, COUNT(*) FROM pipeline_jobs WHERE error_code IS NOT NULL "
               "GROUP BY error_code ORDER BY COUNT(*) DESC"));
  BALEEN_ASSIGN_OR_RETURN(health["end_to_end_latency"], latency(database));
  BALEEN_ASSIGN_OR_RETURN(
      const auto leases, database.query("SELECT asset_id, stage, owner, fence, acquired_at_us, "
                                        "expires_at_us FROM stage_locks ORDER BY fence LIMIT 100"));
  json::array held;
  for (const store::Row& row : leases) {
    held.push_back({{"asset_id", row.text(0)},
                    {"stage", row.text(1)},
                    {"owner", row.text(2)},
                    {"fence", row.integer(3)},
                    {"acquired_at", core::rfc3339(row.integer(4))},
                    {"expires_at", core::rfc3339(row.integer(5))}});
  }
  health["leases"] = std::move(held);
  BALEEN_ASSIGN_OR_RETURN(
      const auto latest,
      database.query(
          "SELECT r.run_id, r.recipe, r.state, a.original_filename, r.created_at_us FROM "
          "runs r LEFT JOIN audio_assets a ON a.asset_id = r.asset_id ORDER BY "
          "r.created_at_us DESC LIMIT $1",
          kLatestRunsMax));
  json::array latest_runs;
  for (const store::Row& row : latest) {
    latest_runs.push_back({{"run_id", row.text(0)},
                           {"recipe", row.text(1)},
                           {"state", row.text(2)},
                           {"file", row.text(3)},
                           {"created_at", core::rfc3339(row.integer(4))}});
  }
  health["latest_runs"] = std::move(latest_runs);
  return health;
}

Result<json::object> describe_throughput(store::Database& database) {
  constexpr std::int64_t kMinutes = 10;
  // The newest rows are looked at only: nothing is indexed by when it ended.
  constexpr std::int64_t kRowsMax = 5000;
  const std::int64_t since_us = core::system_clock().now_us() - kMinutes * 60'000'000;
  BALEEN_ASSIGN_OR_RETURN(
      const auto tasks,
      database.query("SELECT COUNT(*) FROM (SELECT status, finished_at_us FROM pipeline_jobs ORDER "
                     "BY id DESC LIMIT $2) WHERE status = 'complete' AND finished_at_us > $1",
                     since_us, kRowsMax));
  BALEEN_ASSIGN_OR_RETURN(
      const auto audio,
      database.query(
          "SELECT COALESCE(SUM(a.duration_s), 0) FROM (SELECT asset_id, finished_at_us "
          "FROM runs WHERE state = 'complete' ORDER BY created_at_us DESC LIMIT $2) r JOIN "
          "audio_assets a ON a.asset_id = r.asset_id WHERE r.finished_at_us > $1",
          since_us, kRowsMax));
  const auto per_minute = [](double number) {
    return std::round(10 * number / static_cast<double>(kMinutes)) / 10;
  };
  return json::object{
      {"minutes", kMinutes},
      {"tasks_per_minute", per_minute(static_cast<double>(tasks.front().integer(0)))},
      {"audio_x", per_minute(audio.front().real(0) / 60)}};
}

Result<std::string> resolve_asset(store::Database& database, std::string_view id) {
  BALEEN_ASSIGN_OR_RETURN(const std::optional<store::Asset> asset,
                          store::find_asset_by_prefix(database, id));
  if (asset) return asset->asset_id;
  BALEEN_ASSIGN_OR_RETURN(  // By its name, where that is one recording only.
      const auto named,
      database.query("SELECT asset_id FROM audio_assets WHERE original_filename = $1 LIMIT 2", id));
  if (named.size() > 1)
    return fail(ErrorCode::invalid_argument, "several recordings are called '{}': say which id",
                id);
  if (named.empty()) return fail(ErrorCode::not_found, "there is no asset '{}'", id);
  return named.front().text(0);
}

Result<std::string> resolve_run(store::Database& database, std::string_view id) {
  if (id.size() >= 4) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database.query("SELECT run_id FROM runs WHERE run_id >= $1 AND run_id < $2 LIMIT 2", id,
                       std::string(id) + "~"));
    if (rows.size() > 1)
      return fail(ErrorCode::invalid_argument, "'{}' is the beginning of several run ids", id);
    if (!rows.empty()) return rows.front().text(0);
  }
  const Result<std::string> asset_id = resolve_asset(database, id);
  if (!asset_id.ok() && asset_id.error().code != ErrorCode::not_found) return asset_id.error();
  if (!asset_id.ok()) return fail(ErrorCode::not_found, "there is no run or asset '{}'", id);
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT run_id FROM runs WHERE asset_id = $1 ORDER BY created_at_us DESC LIMIT 1",
          *asset_id));
  if (rows.empty()) return fail(ErrorCode::not_found, "asset '{}' has no run yet", id);
  return rows.front().text(0);
}

}  // namespace baleen::engine
