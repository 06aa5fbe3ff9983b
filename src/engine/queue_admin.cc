// The moves of the queue that people make: retry, cancel, pause, resume, and the event log.

#include "engine/queue.h"
#include "engine/queue_sql.h"

namespace baleen::engine {
namespace {

json::object pause_object(std::string_view recipe, std::string_view stage) {
  return {{"recipe", std::string(recipe)}, {"stage", std::string(stage)}};
}

}  // namespace

Result<int> Queue::retry_run(std::string_view run_id) {
  const std::string open_upstream(sql::kOpenUpstream);
  std::int64_t n_tasks = 0;
  BALEEN_RETURN_IF_ERROR(database_.transaction("RETRY", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(
        n_tasks, database_.execute("UPDATE tasks SET attempts = 0, interruptions = 0, "
                                   "not_before_us = 0, updated_at_us = $1, upstream_open = " +
                                       open_upstream + ", state = CASE WHEN " + open_upstream +
                                       " > 0 THEN 'waiting' ELSE 'queued' END WHERE run_id = $2 "
                                       "AND (state IN ('failed', 'canceled') OR (state = 'queued' "
                                       "AND not_before_us <> 0 AND not_before_us > $1))",
                                   clock_.now_us(), run_id));
    if (n_tasks == 0) return {};
    BALEEN_RETURN_IF_ERROR(record_event("run.retried", run_id, "", 0, {{"tasks", n_tasks}}));
    return refresh_run(run_id);
  }));
  return static_cast<int>(n_tasks);
}

Result<int> Queue::cancel_run(std::string_view run_id) {
  std::int64_t n_tasks = 0;
  BALEEN_RETURN_IF_ERROR(database_.transaction("CANCEL", [&]() -> Result<void> {
    const std::int64_t now_us = clock_.now_us();
    BALEEN_RETURN_IF_ERROR(
        database_.execute("UPDATE pipeline_jobs SET status = 'canceled', error_code = 'CANCELED', "
                          "error_message = 'canceled by the user', "
                          "finished_at_us = $1 WHERE run_id = $2 AND status = 'running'",
                          now_us, run_id));
    // Without its lease an attempt cannot publish; its worker sees that at the next heartbeat.
    BALEEN_RETURN_IF_ERROR(
        database_.execute("DELETE FROM stage_locks WHERE task_id IN (SELECT task_id FROM tasks "
                          "WHERE run_id = $1 AND state = 'running')",
                          run_id));
    BALEEN_ASSIGN_OR_RETURN(
        const auto open, database_.query("SELECT task_id FROM tasks WHERE run_id = $1 AND state IN "
                                         "('waiting', 'queued', 'running')",
                                         run_id));
    // A worker that is still at it does the same when it sees that its lease is gone.
    for (const store::Row& task : open) BALEEN_RETURN_IF_ERROR(remove_resumable(task.integer(0)));
    BALEEN_ASSIGN_OR_RETURN(
        n_tasks,
        database_.execute(
            "UPDATE tasks SET state = 'canceled', error_code = 'CANCELED', error_message = "
            "'canceled by the user', updated_at_us = $1 WHERE run_id = $2 AND state IN "
            "('waiting', 'queued', 'running')",
            now_us, run_id));
    if (n_tasks == 0) return {};
    return refresh_run(run_id);
  }));
  return static_cast<int>(n_tasks);
}

Result<bool> Queue::pause(std::string_view recipe, std::string_view stage) {
  std::int64_t n_new = 0;
  BALEEN_RETURN_IF_ERROR(database_.transaction("PAUSE", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(
        n_new,
        database_.execute("INSERT INTO pauses (recipe, stage, since_us) VALUES ($1, $2, $3) ON "
                          "CONFLICT (recipe, stage) DO NOTHING",
                          recipe, stage, clock_.now_us()));
    if (n_new == 0) return {};
    return record_event("queue.paused", "", "", 0, pause_object(recipe, stage));
  }));
  return n_new > 0;
}

Result<bool> Queue::resume(std::string_view recipe, std::string_view stage) {
  std::int64_t n_gone = 0;
  BALEEN_RETURN_IF_ERROR(database_.transaction("RESUME", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(
        n_gone,
        database_.execute("DELETE FROM pauses WHERE recipe = $1 AND stage = $2", recipe, stage));
    if (n_gone == 0) return {};
    return record_event("queue.resumed", "", "", 0, pause_object(recipe, stage));
  }));
  return n_gone > 0;
}

Result<void> Queue::record_event(std::string_view type,
                                 std::string_view run_id,
                                 std::string_view asset_id,
                                 std::int64_t task_id,
                                 const json::object& payload) {
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO events (time_us, type, run_id, asset_id, task_id, "
                        "payload_json) VALUES ($1, $2, $3, $4, $5, $6)",
                        clock_.now_us(), type, run_id, asset_id, task_id, core::to_json(payload)));
  return {};
}

}  // namespace baleen::engine
