// How an attempt ends: published, failed, interrupted, or taken back from a dead worker.

#include <fmt/format.h>

#include <algorithm>

#include "core/file.h"
#include "core/log.h"
#include "core/process.h"
#include "engine/queue.h"
#include "engine/queue_rules.h"
#include "store/host_guard.h"

namespace baleen::engine {
namespace {

constexpr std::int64_t kCanceledMax = 200;  // Attempts whose remains are looked for.
constexpr double kLateFileS = 10;           // How long a killed process may take to be gone.

using rules::to_us;

/// Not an error of the work that is done: nobody reads it, and the next attempt in this place removes it.
void log_leftover(const std::filesystem::path& path, const std::string& error) {
  core::log(core::LogLevel::warning, "a temporary file stays behind",
            {{"path", path.string()}, {"error", error}});
}

/// With all that the attempts at a task have written: for when no other will go on with it.
void remove_work(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) log_leftover(directory, error.message());
}

}  // namespace

// ---- finish -----------------------------------------------------------------------------------

Result<bool> Queue::holds_fence(const StageRequest& request) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database_.query("SELECT 1 FROM stage_locks WHERE asset_id = $1 AND stage = $2 AND "
                      "feature_spec_alias = $3 AND fence = $4",
                      request.asset_id, request.stage, request.feature_spec_alias, request.fence));
  return !rows.empty();
}

Result<FinishState> Queue::finish(const Assignment& assignment, const AttemptResult& result) {
  FinishState state = FinishState::fenced_off;
  BALEEN_RETURN_IF_ERROR(database_.transaction("FINISH", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(state, finish_locked(assignment, result));
    return {};
  }));
  return state;
}

Result<FinishState> Queue::finish_and_claim(const Assignment& assignment,
                                            const AttemptResult& result,
                                            const Scope& scope,
                                            std::optional<Assignment>& next) {
  FinishState state = FinishState::fenced_off;
  BALEEN_RETURN_IF_ERROR(database_.transaction("FINISH", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(state, finish_locked(assignment, result));
    BALEEN_ASSIGN_OR_RETURN(next, claim_locked(scope));
    return {};
  }));
  return state;
}

Result<FinishState> Queue::finish_locked(const Assignment& assignment,
                                         const AttemptResult& result) {
  const StageRequest& request = assignment.request;
  BALEEN_ASSIGN_OR_RETURN(const bool is_mine, holds_fence(request));
  if (!is_mine) {
    BALEEN_RETURN_IF_ERROR(clean_up_fenced_off(request));
    return FinishState::fenced_off;
  }
  std::string first_path;
  for (const PublishedFile& file : result.files) {
    const StageOutputSlot& slot = request.output(file.type);
    const std::filesystem::path final_path = root_.at(slot.final_path);
    BALEEN_RETURN_IF_ERROR(core::make_directories(final_path.parent_path()));
    BALEEN_RETURN_IF_ERROR(core::publish_file(file.temporary, final_path));
    store::Artifact artifact = assignment.artifact_template;
    artifact.type = file.type;
    artifact.path = slot.final_path;
    artifact.sha256 = file.sha256;
    artifact.content_sha256 = file.content_sha256.empty() ? file.sha256 : file.content_sha256;
    artifact.bytes = file.bytes;
    artifact.document_json = file.document_json;
    artifact.created_at_us = clock_.now_us();
    for (const OutputSpec& output : assignment.spec->outputs) {
      if (output.type != file.type) continue;
      artifact.schema_id = output.schema_id;
      artifact.version = output.version;
    }
    BALEEN_RETURN_IF_ERROR(
        database_.execute("DELETE FROM artifact_index WHERE path = $1", artifact.path));
    BALEEN_RETURN_IF_ERROR(store::insert_artifact(database_, artifact));
    if (first_path.empty()) first_path = artifact.path;
  }
  remove_work(request.work_directory);

  json::object metrics = result.metrics;
  if (!result.warnings.empty()) {
    json::array warnings;
    for (const StageWarning& warning : result.warnings) {
      warnings.push_back({{"code", std::string(core::error_info(warning.code).name)},
                          {"message", warning.message}});
    }
    metrics["warnings"] = std::move(warnings);
  }
  BALEEN_RETURN_IF_ERROR(
      close_attempt(request, "complete", nullptr, std::move(metrics), first_path));
  BALEEN_RETURN_IF_ERROR(release_lease(request));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE tasks SET seconds = seconds + $1, is_forced = 0 WHERE task_id = $2",
                        result.seconds, request.task_id));
  BALEEN_RETURN_IF_ERROR(complete_task(request.task_id, assignment.run_id, request.signature));
  return FinishState::published;
}

Result<void> Queue::complete_task(std::int64_t task_id,
                                  std::string_view run_id,
                                  std::string_view signature) {
  const std::int64_t now_us = clock_.now_us();
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE tasks SET state = 'complete', signature = $1, updated_at_us = $2, "
                        "error_code = NULL, error_message = NULL "
                        "WHERE task_id = $3",
                        signature, now_us, task_id));
  // No condition on the state: an index on it would lead through all that wait, in all runs.
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE tasks SET upstream_open = upstream_open - 1, state = CASE WHEN "
                        "state = 'waiting' AND upstream_open <= 1 THEN 'queued' ELSE state END, "
                        "updated_at_us = $1 WHERE upstream_open > 0 AND task_id IN (SELECT task_id "
                        "FROM task_edges WHERE upstream_task_id = $2)",
                        now_us, task_id));
  BALEEN_RETURN_IF_ERROR(record_event("task.complete", run_id, "", task_id, {}));
  return refresh_run(run_id);
}

Result<void> Queue::refresh_run(std::string_view run_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database_.query("SELECT state, COUNT(*) FROM tasks WHERE run_id = $1 GROUP BY state",
                      run_id));
  std::map<std::string, std::int64_t> count;
  for (const store::Row& row : rows) count[row.text(0)] = row.integer(1);
  const rules::RunState next = rules::run_state(
      {count["queued"], count["running"], count["failed"], count["canceled"], count["waiting"]});
  const std::string state(rules::to_string(next));
  BALEEN_ASSIGN_OR_RETURN(
      const auto before,
      database_.query("SELECT finished_at_us IS NOT NULL FROM runs WHERE run_id = $1", run_id));
  const bool was_over = !before.empty() && before.front().integer(0) != 0;
  if (!rules::is_over(next)) {
    if (was_over) BALEEN_RETURN_IF_ERROR(count_for_those_who_wait(run_id, false));
    // A run that has started stays `running` between two of its tasks.
    BALEEN_RETURN_IF_ERROR(
        database_.execute("UPDATE runs SET state = CASE WHEN started_at_us IS NULL THEN $1 ELSE "
                          "'running' END, finished_at_us = NULL WHERE "
                          "run_id = $2",
                          state, run_id));
    return {};
  }
  const std::int64_t now_us = clock_.now_us();
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t is_news,
      database_.execute("UPDATE runs SET state = $1, finished_at_us = $2 WHERE run_id = $3 AND "
                        "(state <> $1 OR finished_at_us IS NULL)",
                        state, now_us, run_id));
  if (is_news == 0) return {};  // It was over, and is over in the same way: a run ends once.
  if (!was_over) BALEEN_RETURN_IF_ERROR(count_for_those_who_wait(run_id, true));
  return record_event("run." + state, run_id, "", 0, {});
}

Result<void> Queue::count_for_those_who_wait(std::string_view run_id, bool is_over) {
  // What is complete was counted when it became so.
  const std::string from =
      " FROM task_edges e JOIN tasks u ON u.task_id = e.upstream_task_id WHERE u.run_id = $2 AND "
      "u.state <> 'complete' AND e.is_needed = 0";
  const std::string open_now = std::string("upstream_open ") + (is_over ? "-" : "+") +
                               " (SELECT COUNT(*)" + from + " AND e.task_id = tasks.task_id)";
  BALEEN_RETURN_IF_ERROR(database_.execute(
      "UPDATE tasks SET upstream_open = " + open_now + ", state = CASE WHEN " + open_now +
          " <= 0 THEN 'queued' ELSE state END, updated_at_us = $1 WHERE +state = 'waiting' AND "
          "task_id IN (SELECT e.task_id" +
          from + ")",
      clock_.now_us(), run_id));
  return {};
}

Result<void> Queue::close_attempt(const StageRequest& request,
                                  std::string_view status,
                                  const Error* error,
                                  json::object metrics,
                                  std::string_view artifact_path) {
  const std::int64_t now_us = clock_.now_us();
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database_.query("SELECT metrics_json FROM pipeline_jobs WHERE id = $1", request.fence));
  if (!rows.empty()) {
    const Result<json::value> before = core::parse_json(rows.front().text(0), "metrics");
    if (before.ok() && before->is_object()) {
      json::object lock = core::get_object(before->get_object(), "lock");
      lock["released_at"] = core::rfc3339(now_us);
      metrics["lock"] = std::move(lock);
    }
  }
  BALEEN_RETURN_IF_ERROR(database_.execute_values(
      "UPDATE pipeline_jobs SET status = $1, error_code = $2, error_message = $3, metrics_json = "
      "$4, artifact_path = $5, "
      "finished_at_us = $6 WHERE id = $7",
      {std::string(status),
       error == nullptr ? store::Value{} : store::Value{std::string(error->name())},
       error == nullptr ? store::Value{} : store::Value{error->message}, core::to_json(metrics),
       artifact_path.empty() ? store::Value{} : store::Value{std::string(artifact_path)}, now_us,
       request.fence}));
  return {};
}

Result<void> Queue::release_lease(const StageRequest& request) {
  BALEEN_RETURN_IF_ERROR(database_.execute(
      "DELETE FROM stage_locks WHERE asset_id = $1 AND stage = $2 AND feature_spec_alias = $3 AND "
      "fence = $4",
      request.asset_id, request.stage, request.feature_spec_alias, request.fence));
  return {};
}

void Queue::remove_temporaries(const StageRequest& request) const {
  for (const StageOutputSlot& slot : request.outputs) {
    if (Result<void> removed = core::remove_file(slot.alternative); !removed.ok())
      log_leftover(slot.alternative, removed.error().message);
  }
  std::error_code error;
  std::filesystem::remove(request.work_directory, error);  // If nothing is left in it.
}

Result<void> Queue::clean_up_fenced_off(const StageRequest& request) {
  remove_temporaries(request);
  BALEEN_ASSIGN_OR_RETURN(const auto open,
                          database_.query("SELECT 1 FROM tasks WHERE task_id = $1 AND state IN "
                                          "('waiting', 'queued', 'running')",
                                          request.task_id));
  return open.empty() ? remove_resumable(request.task_id) : Result<void>();
}

Result<void> Queue::remove_resumable(std::int64_t task_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database_.query("SELECT asset_id, stage, feature_spec_alias FROM tasks t WHERE task_id = $1 "
                      "AND NOT EXISTS (SELECT 1 FROM stage_locks l WHERE l.asset_id = t.asset_id "
                      "AND l.stage = t.stage AND l.feature_spec_alias = t.feature_spec_alias)",
                      task_id));
  if (rows.empty()) return {};
  const store::Row& task = rows.front();
  remove_work(root_.at(store::work_directory(task.text(0), task.text(1), task.text(2))));
  return {};
}

// ---- fail, interrupt, reclaim -----------------------------------------------------------------

Result<FailState> Queue::fail_attempt(const Assignment& assignment,
                                      const Error& error,
                                      const json::object& metrics,
                                      double seconds) {
  const StageRequest& request = assignment.request;
  FailState state;
  state.will_retry =
      rules::will_retry(error.info().retryable, assignment.attempt, options_.retry.attempts_max);
  if (state.will_retry)
    state.retry_in_s = rules::retry_delay_s(options_.retry.delays_s, assignment.attempt);
  BALEEN_RETURN_IF_ERROR(database_.transaction("FAIL", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const bool is_mine, holds_fence(request));
    if (!is_mine) {
      state = {.is_fenced_off = true};
      return clean_up_fenced_off(request);
    }
    // On a full disk the room is worth more than the work: without it not even this can be recorded.
    const bool keeps_work = state.will_retry && error.code != ErrorCode::disk_full;
    keeps_work ? remove_temporaries(request) : remove_work(request.work_directory);
    const std::int64_t now_us = clock_.now_us();
    BALEEN_RETURN_IF_ERROR(close_attempt(request, "failed", &error, metrics, ""));
    BALEEN_RETURN_IF_ERROR(release_lease(request));
    BALEEN_RETURN_IF_ERROR(
        database_.execute("UPDATE tasks SET state = $1, not_before_us = $2, error_code = $3, "
                          "error_message = $4, seconds = seconds + $5, "
                          "updated_at_us = $6 WHERE task_id = $7",
                          state.will_retry ? "queued" : "failed",
                          state.will_retry ? now_us + to_us(state.retry_in_s) : 0, error.name(),
                          error.message, seconds, now_us, request.task_id));
    BALEEN_RETURN_IF_ERROR(record_event(state.will_retry ? "task.retrying" : "task.failed",
                                        assignment.run_id, request.asset_id, request.task_id,
                                        {{"stage", request.stage},
                                         {"code", std::string(error.name())},
                                         {"attempt", assignment.attempt}}));
    return refresh_run(assignment.run_id);
  }));
  return state;
}

Result<void> Queue::interrupt(const Assignment& assignment) {
  const StageRequest& request = assignment.request;
  return database_.transaction("INTERRUPT", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const bool is_mine, holds_fence(request));
    if (!is_mine) return clean_up_fenced_off(request);
    remove_temporaries(request);
    BALEEN_RETURN_IF_ERROR(close_attempt(request, "interrupted", nullptr, {}, ""));
    BALEEN_RETURN_IF_ERROR(release_lease(request));
    BALEEN_RETURN_IF_ERROR(
        database_.execute("UPDATE tasks SET state = 'queued', attempts = attempts - 1, "
                          "updated_at_us = $1 WHERE task_id = $2 AND state = "
                          "'running'",
                          clock_.now_us(), request.task_id));
    return refresh_run(assignment.run_id);
  });
}

Result<std::vector<std::int64_t>> Queue::heartbeat(const std::vector<std::int64_t>& fences) {
  std::vector<std::int64_t> lost;
  if (fences.empty()) return lost;
  BALEEN_RETURN_IF_ERROR(database_.transaction("HEARTBEAT", [&]() -> Result<void> {
    for (const std::int64_t fence : fences) {
      BALEEN_ASSIGN_OR_RETURN(
          const std::int64_t changed,
          database_.execute(
              "UPDATE stage_locks SET expires_at_us = $1 WHERE fence = $2 AND owner = $3",
              clock_.now_us() + to_us(options_.lease_ttl_s), fence, options_.owner));
      if (changed == 0) lost.push_back(fence);
    }
    return {};
  }));
  return lost;
}

void Queue::remove_late_temporaries() {
  for (const LateFile& file : late_files_) {
    if (Result<void> removed = core::remove_file(root_.at(file.path)); !removed.ok()) {
      core::log(core::LogLevel::warning, "a temporary file stays behind",
                {{"path", file.path}, {"error", removed.error().message}});
    }
  }
  const std::int64_t now_us = clock_.steady_us();
  std::erase_if(late_files_, [&](const LateFile& file) { return file.until_us < now_us; });
}

Result<void> Queue::shorten_delays() {
  const std::vector<double>& delays_s = options_.retry.delays_s;
  std::string delay_us = "CASE WHEN attempts <= 0 THEN 0";
  for (std::size_t i = 0; i < delays_s.size(); ++i)
    delay_us += fmt::format(" WHEN attempts <= {} THEN {}", i + 1, to_us(delays_s[i]));
  delay_us += fmt::format(" ELSE {} END", delays_s.empty() ? 0 : to_us(delays_s.back()));
  const std::string is_too_late =
      "state = 'queued' AND not_before_us > 0 AND not_before_us > $1 + " + delay_us;
  const std::int64_t now_us = clock_.now_us();
  BALEEN_ASSIGN_OR_RETURN(const auto latest,
                          database_.query("SELECT MAX(not_before_us) FROM tasks WHERE state = "
                                          "'queued' AND not_before_us > 0"));
  const double shortest_s = delays_s.empty() ? 0 : *std::ranges::min_element(delays_s);
  if (latest.front().integer(0) <= now_us + to_us(shortest_s)) return {};
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t n_tasks,
      database_.execute(
          "UPDATE tasks SET not_before_us = $1 + " + delay_us + " WHERE " + is_too_late, now_us));
  if (n_tasks == 0) return {};
  core::log(core::LogLevel::warning, "the clock was set back: delays begin anew",
            {{"tasks", n_tasks}});
  return {};
}

Result<void> Queue::remove_remains_of_canceled() {
  BALEEN_ASSIGN_OR_RETURN(
      const auto canceled,
      database_.query("SELECT id, task_id, worker FROM pipeline_jobs WHERE status IN ('failed', "
                      "'canceled', 'interrupted') AND status = 'canceled' AND task_id IS NOT NULL "
                      "ORDER BY id DESC LIMIT $1",
                      kCanceledMax));
  const auto is_of_the_dead = [&](const store::Row& row) {
    const auto owner = core::ProcessIdentity::parse(row.text(2));
    return owner && options_.liveness(*owner) == core::Liveness::dead;
  };
  if (std::none_of(canceled.begin(), canceled.end(), is_of_the_dead)) return {};
  return database_.transaction("RECLAIM", [&]() -> Result<void> {
    for (const store::Row& row : canceled) {
      if (!is_of_the_dead(row)) continue;
      BALEEN_RETURN_IF_ERROR(remove_resumable(row.integer(1)));
    }
    return {};
  });
}

Result<int> Queue::reclaim() {
  remove_late_temporaries();
  const auto is_reclaimable = [&](const store::Row& row) {
    const bool is_mine = row.text(1) == options_.owner;
    const auto owner = core::ProcessIdentity::parse(row.text(1));
    const auto state = owner && !is_mine ? options_.liveness(*owner) : core::Liveness::unknown;
    return rules::is_reclaimable(is_mine, state, [&] {
      return lease_watch_.has_expired(row.integer(0), row.integer(2), to_us(options_.lease_ttl_s),
                                      state == core::Liveness::alive);
    });
  };
  if (lease_watch_.begin_look(clock_.now_us(), clock_.steady_us()))
    BALEEN_RETURN_IF_ERROR(shorten_delays());
  constexpr std::string_view kLeases =
      "SELECT fence, owner, expires_at_us, task_id, temp_paths_json FROM stage_locks";
  BALEEN_ASSIGN_OR_RETURN(const auto seen, database_.query(kLeases));
  if (std::none_of(seen.begin(), seen.end(), is_reclaimable)) return 0;
  int reclaimed = 0;
  BALEEN_RETURN_IF_ERROR(database_.transaction("RECLAIM", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const auto leases, database_.query(kLeases));
    for (const store::Row& row : leases) {
      if (!is_reclaimable(row)) continue;
      const std::int64_t fence = row.integer(0);
      const std::int64_t task_id = row.integer(3);
      const bool is_expired = row.integer(2) < clock_.now_us();
      const Result<json::value> temporaries = core::parse_json(row.text(4), "temp_paths_json");
      if (temporaries.ok() && temporaries->is_array()) {
        for (const json::value& path : temporaries->get_array()) {
          if (!path.is_string()) continue;
          const std::string relative(path.get_string());
          BALEEN_RETURN_IF_ERROR(core::remove_file(root_.at(relative)));
          late_files_.push_back({relative, clock_.steady_us() + to_us(kLateFileS)});
        }
      }
      const json::object lock{{"owner", row.text(1)},
                              {"reclaimed_at", core::rfc3339(clock_.now_us())},
                              {"reclaimed_by", options_.owner},
                              {"reclaim_reason", is_expired ? "expired" : "owner_dead"}};
      BALEEN_RETURN_IF_ERROR(
          database_.execute("UPDATE pipeline_jobs SET status = 'interrupted', error_message = $1, "
                            "metrics_json = $2, finished_at_us = $3 "
                            "WHERE id = $4 AND status = 'running'",
                            "the worker died; its lease was reclaimed",
                            core::to_json(json::object{{"lock", lock}}), clock_.now_us(), fence));
      BALEEN_RETURN_IF_ERROR(database_.execute("DELETE FROM stage_locks WHERE fence = $1", fence));
      BALEEN_RETURN_IF_ERROR(
          database_.execute("UPDATE tasks SET attempts = attempts - 1, interruptions = "
                            "interruptions + 1, updated_at_us = $1, state = CASE "
                            "WHEN interruptions + 1 >= $2 THEN 'failed' ELSE 'queued' END, "
                            "error_code = CASE WHEN interruptions + 1 >= $2 "
                            "THEN 'WORKER_ERROR' ELSE error_code END, error_message = CASE WHEN "
                            "interruptions + 1 >= $2 THEN 'the worker "
                            "died too often while it ran' ELSE error_message END WHERE task_id = "
                            "$3 AND state = 'running'",
                            clock_.now_us(), options_.retry.interruptions_max, task_id));
      BALEEN_ASSIGN_OR_RETURN(
          const auto tasks,
          database_.query("SELECT run_id, asset_id, stage FROM tasks WHERE task_id = $1", task_id));
      if (!tasks.empty()) {
        const std::string run_id = tasks.front().text(0);
        BALEEN_RETURN_IF_ERROR(
            record_event("task.interrupted", run_id, tasks.front().text(1), task_id, lock));
        BALEEN_RETURN_IF_ERROR(refresh_run(run_id));
      }
      ++reclaimed;
    }
    return {};
  }));
  return reclaimed;
}

}  // namespace baleen::engine
