// The queue's way out: whose turn it is, the lease, and what is found to be missing on the way.

#include <fmt/format.h>

#include "core/ids.h"
#include "engine/queue.h"
#include "engine/queue_rules.h"
#include "engine/queue_sql.h"

namespace baleen::engine {
namespace {

std::string quoted_list(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) {
    std::string escaped;
    for (const char letter : word)
      escaped += letter == '\'' ? std::string("''") : std::string(1, letter);
    list += (list.empty() ? "'" : ", '") + escaped + "'";
  }
  return list;
}

/// Of tasks t.
std::string scope_condition(const Scope& scope) {
  std::string sql;
  if (scope.is_limited_to_my_runs) sql += " AND t.run_id IN (SELECT run_id FROM temp.my_runs)";
  if (!scope.stages.empty()) sql += " AND t.stage IN (" + quoted_list(scope.stages) + ")";
  if (!scope.classes.empty()) sql += " AND t.stage_class IN (" + quoted_list(scope.classes) + ")";
  return sql;
}

constexpr std::string_view kNotPaused =
    " AND NOT EXISTS (SELECT 1 FROM pauses p WHERE p.recipe IN ('', t.recipe) AND p.stage IN ('', "
    "t.stage))";

}  // namespace

struct Queue::TaskRow {
  std::int64_t task_id = 0;
  std::string run_id, recipe, asset_id, stage, alias;
  bool is_forced = false;
  int attempts = 0;
  int interruptions = 0;
  std::string owner;
  std::string params_json;  ///< Of its run.
};

Result<std::optional<Assignment>> Queue::claim(const Scope& scope) {
  // A look without the write lock first: idle workers must not disturb busy ones.
  BALEEN_ASSIGN_OR_RETURN(const std::optional<TaskRow> candidate, next_queued(scope));
  if (!candidate) return std::optional<Assignment>();
  std::optional<Assignment> assignment;
  BALEEN_RETURN_IF_ERROR(database_.transaction("CLAIM", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(assignment, claim_locked(scope));
    return {};
  }));
  return assignment;
}

/// The owners with tasks in the queue: those with the fewest running ones first, then whose last turn is
/// the longest ago. So the first task of one owner never waits for the 100,000 of another.
Result<std::vector<std::string>> Queue::owners_in_turn() {
  // Hops from owner to owner along the index tasks_queue, whatever the number of their tasks.
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database_.query(
          "WITH RECURSIVE owners (owner) AS (SELECT MIN(owner_entity_id) FROM tasks WHERE state = "
          "'queued' UNION ALL SELECT (SELECT MIN(t.owner_entity_id) FROM tasks t WHERE t.state = "
          "'queued' AND t.owner_entity_id > owners.owner) FROM owners WHERE owners.owner IS NOT "
          "NULL) SELECT o.owner FROM owners o LEFT JOIN owner_turns u ON u.owner_entity_id = "
          "o.owner "
          "WHERE o.owner IS NOT NULL ORDER BY (SELECT COUNT(*) FROM tasks r WHERE r.state = "
          "'running' "
          "AND r.owner_entity_id = o.owner), COALESCE(u.last_fence, 0), o.owner"));
  std::vector<std::string> owners;
  owners.reserve(rows.size());
  for (const store::Row& row : rows) owners.push_back(row.text(0));
  return owners;
}

Result<std::optional<Queue::TaskRow>> Queue::next_queued(const Scope& scope) {
  const std::string sql =
      "SELECT t.task_id, t.run_id, t.recipe, t.asset_id, t.stage, t.feature_spec_alias, "
      "t.is_forced, t.attempts, t.interruptions, (SELECT r.params_json FROM runs r WHERE r.run_id "
      "= "
      "t.run_id) FROM tasks t WHERE t.state = 'queued' AND "
      "t.owner_entity_id = $1 AND (t.not_before_us = 0 OR t.not_before_us <= $2) AND NOT EXISTS "
      "(SELECT 1 FROM stage_locks "
      "l "
      "WHERE l.asset_id = t.asset_id AND l.stage = t.stage AND l.feature_spec_alias = "
      "t.feature_spec_alias)" +
      scope_condition(scope) + std::string(kNotPaused) + " ORDER BY t.rank_us, t.task_id LIMIT 1";
  BALEEN_ASSIGN_OR_RETURN(const std::vector<std::string> owners, owners_in_turn());
  for (const std::string& owner : owners) {
    BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query(sql, owner, clock_.now_us()));
    if (rows.empty()) continue;
    const store::Row& row = rows.front();
    return std::optional<TaskRow>(TaskRow{row.integer(0), row.text(1), row.text(2), row.text(3),
                                          row.text(4), row.text(5), row.integer(6) != 0,
                                          static_cast<int>(row.integer(7)),
                                          static_cast<int>(row.integer(8)), owner, row.text(9)});
  }
  return std::optional<TaskRow>();
}

Result<std::optional<Assignment>> Queue::claim_locked(const Scope& scope) {
  for (int i = 0; i < rules::kTasksPerClaim; ++i) {
    BALEEN_ASSIGN_OR_RETURN(const std::optional<TaskRow> task, next_queued(scope));
    if (!task) return std::optional<Assignment>();
    const Result<const Recipe*> recipe = recipes_.find(task->recipe);
    const StageSpec* spec = recipe.ok() ? (*recipe)->find_stage(task->stage) : nullptr;
    if (spec == nullptr) {
      BALEEN_RETURN_IF_ERROR(
          give_up(*task, fail(ErrorCode::not_supported, "this program has no stage '{}/{}'",
                              task->recipe, task->stage)));
      BALEEN_RETURN_IF_ERROR(take_turn(task->owner));
      continue;
    }
    BALEEN_ASSIGN_OR_RETURN(const json::object params,
                            core::parse_json_object(task->params_json, "params_json"));
    Result<StagePlan> plan = planner_.look_at(*spec, task->asset_id, params);
    if (!plan.ok()) {
      // The database's troubles are not the task's.
      if (plan.error().code == ErrorCode::database_error) return std::move(plan).error();
      BALEEN_RETURN_IF_ERROR(give_up(*task, plan.error()));
    } else if (plan->reason == Reason::input_missing) {
      BALEEN_RETURN_IF_ERROR(handle_missing_input(*task, **recipe, *plan));
    } else if (plan->is_fresh() && !task->is_forced) {
      BALEEN_RETURN_IF_ERROR(database_.execute("UPDATE tasks SET reason = $1 WHERE task_id = $2",
                                               "fresh: an artifact with this signature exists",
                                               task->task_id));
      BALEEN_RETURN_IF_ERROR(complete_task(task->task_id, task->run_id, plan->signature));
    } else if (Result<void> registered = register_feature_spec(plan->setup); !registered.ok()) {
      if (registered.error().code == ErrorCode::database_error)
        return std::move(registered).error();
      BALEEN_RETURN_IF_ERROR(give_up(*task, registered.error()));
    } else {
      BALEEN_ASSIGN_OR_RETURN(Assignment assignment, lease(*task, *plan));
      return std::optional<Assignment>(std::move(assignment));
    }
    BALEEN_RETURN_IF_ERROR(take_turn(task->owner));
  }
  return std::optional<Assignment>();
}

/// Also for a task that could not start: 100,000 of these must not keep another owner's first one waiting.
Result<void> Queue::take_turn(const std::string& owner) {
  BALEEN_RETURN_IF_ERROR(database_.execute(
      "INSERT INTO owner_turns (owner_entity_id, last_fence) VALUES ($1, (SELECT "
      "COALESCE(MAX(id), 0) FROM pipeline_jobs)) ON CONFLICT (owner_entity_id) DO UPDATE SET "
      "last_fence = excluded.last_fence",
      owner));
  return {};
}

Result<void> Queue::register_feature_spec(const StageSetup& setup) {
  if (setup.feature_spec_id.empty()) return {};
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO feature_specs (alias, feature_spec_id, created_at_us) VALUES "
                        "($1, $2, $3) ON CONFLICT DO NOTHING",
                        setup.feature_spec_alias, setup.feature_spec_id, clock_.now_us()));
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows, database_.query("SELECT feature_spec_id FROM feature_specs WHERE alias = $1",
                                       setup.feature_spec_alias));
  if (rows.front().text(0) == setup.feature_spec_id) return {};
  return fail(ErrorCode::feature_spec_alias_collision,
              "alias {} is registered for '{}', not for '{}'", setup.feature_spec_alias,
              rows.front().text(0), setup.feature_spec_id);
}

Result<void> Queue::drop_unusable_artifacts(const StagePlan& plan, bool is_forced) {
  for (const store::Artifact& output : plan.outputs) {
    if (!is_forced && store::look_at_file(root_, output) == store::FileState::intact) continue;
    BALEEN_RETURN_IF_ERROR(
        database_.execute("DELETE FROM artifact_index WHERE artifact_id = $1", output.artifact_id));
  }
  return {};
}

Result<std::string> Queue::allocate_path(const OutputSpec& output,
                                         const TaskRow& task,
                                         const StagePlan& plan) {
  auto words = plan.setup.path_words;
  words["asset"] = task.asset_id;
  words["alias"] = plan.setup.feature_spec_alias;
  std::string path = store::expand_path(output.path, words);
  BALEEN_ASSIGN_OR_RETURN(const auto holder, store::find_artifact_by_path(database_, path));
  // An artifact is never overwritten by another one: a different signature gets a name beside it.
  if (holder && holder->signature != plan.signature)
    path = store::versioned_path(path, plan.signature);
  return path;
}

Result<Assignment> Queue::lease(const TaskRow& task, const StagePlan& plan) {
  const std::int64_t now_us = clock_.now_us();
  const StageSpec& spec = *plan.spec;
  const std::string& alias = plan.setup.feature_spec_alias;
  BALEEN_RETURN_IF_ERROR(drop_unusable_artifacts(plan, task.is_forced));
  BALEEN_ASSIGN_OR_RETURN(
      const auto traces,
      database_.query("SELECT trace_id FROM runs WHERE run_id = $1", task.run_id));
  const std::string trace_id = traces.empty() ? core::new_id() : traces.front().text(0);
  const int attempt = task.attempts + 1;
  const json::object lock{{"acquired_at", core::rfc3339(now_us)}, {"owner", options_.owner}};
  BALEEN_RETURN_IF_ERROR(database_.execute(
      "INSERT INTO pipeline_jobs (run_id, task_id, asset_id, stage, status, attempt, metrics_json, "
      "feature_spec_alias, "
      "trace_id, worker, started_at_us, owner_entity_id) VALUES ($1, $2, $3, $4, 'running', $5, "
      "$6, "
      "$7, $8, $9, $10, $11)",
      task.run_id, task.task_id, task.asset_id, task.stage, attempt,
      core::to_json(json::object{{"lock", lock}}), alias, trace_id, options_.owner, now_us,
      task.owner));

  Assignment assignment;
  assignment.spec = &spec;
  assignment.run_id = task.run_id;
  assignment.attempt = attempt;
  StageRequest& request = assignment.request;
  request.task_id = task.task_id;
  request.fence = database_.last_insert_id();
  request.recipe = task.recipe;
  request.stage = task.stage;
  request.asset_id = task.asset_id;
  request.trace_id = trace_id;
  request.feature_spec_alias = alias;
  request.feature_spec_id = plan.setup.feature_spec_id;
  request.signature = plan.signature;
  request.computed_at = core::rfc3339(now_us);
  request.params = plan.setup.params;
  request.models = plan.setup.models;
  request.payload = plan.setup.payload;
  for (const store::Artifact& input : plan.inputs) {
    request.inputs.push_back(
        {input.type, root_.at(input.path), input.feature_spec_alias, input.asset_id});
  }
  const std::string work = store::work_directory(task.asset_id, task.stage, alias);
  request.work_directory = root_.at(work);
  json::array temporaries;
  for (const OutputSpec& output : spec.outputs) {
    BALEEN_ASSIGN_OR_RETURN(const std::string path, allocate_path(output, task, plan));
    const std::string fenced = store::temporary_path(work, path, request.fence);
    request.outputs.push_back(
        {output.type, root_.at(output.is_resumable ? store::resumable_path(work, path) : fenced),
         root_.at(fenced), path});
    temporaries.emplace_back(fenced);
  }
  for (const std::string& name : spec.scratch) {
    request.scratch.push_back(request.work_directory / name);
  }
  store::Artifact& common = assignment.artifact_template;
  common.asset_id = task.asset_id;
  common.feature_spec_alias = alias;
  common.signature = plan.signature;
  common.signature_json = plan.signature_json;
  common.producer = spec.name + "@" + spec.version;
  common.job_id = request.fence;

  BALEEN_RETURN_IF_ERROR(database_.execute(
      "INSERT INTO stage_locks (asset_id, stage, feature_spec_alias, owner, fence, acquired_at_us, "
      "expires_at_us, "
      "task_id, temp_paths_json) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      task.asset_id, task.stage, alias, options_.owner, request.fence, now_us,
      now_us + rules::to_us(options_.lease_ttl_s), task.task_id, core::to_json(temporaries)));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE tasks SET state = 'running', feature_spec_alias = $1, signature = "
                        "$2, attempts = $3, updated_at_us = $4, reason = CASE WHEN is_forced = 1 "
                        "THEN reason ELSE $5 END, "
                        "error_code = NULL, error_message = NULL WHERE task_id = $6",
                        alias, plan.signature, attempt, now_us,
                        std::string(to_string(plan.reason)) + ": " + plan.why, task.task_id));
  BALEEN_RETURN_IF_ERROR(take_turn(task.owner));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE runs SET state = 'running', started_at_us = "
                        "COALESCE(started_at_us, $1) WHERE run_id = $2",
                        now_us, task.run_id));
  BALEEN_RETURN_IF_ERROR(record_event("task.started", task.run_id, task.asset_id, task.task_id,
                                      {{"stage", task.stage}, {"attempt", attempt}}));
  return assignment;
}

Result<void> Queue::handle_missing_input(const TaskRow& task,
                                         const Recipe& recipe,
                                         const StagePlan& plan) {
  const Error error = fail(plan.missing_code, "{}: {}", task.stage, plan.why);
  const int producer = recipe.producer_of(plan.missing_type);
  if (producer < 0 || rules::is_given_up(task.interruptions, options_.retry.interruptions_max))
    return give_up(task, error);
  const std::string& stage = recipe.stages[static_cast<std::size_t>(producer)].name;
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t reset,
      database_.execute(
          "UPDATE tasks SET state = 'queued', attempts = 0, not_before_us = 0, reason = $1, "
          "updated_at_us "
          "= $2 WHERE run_id = $3 AND stage = $4 AND state = 'complete'",
          "output_missing: " + plan.missing_type + " is gone and " + task.stage + " needs it",
          clock_.now_us(), task.run_id, stage));
  if (reset == 0) {
    // It may be being made again for another one already.
    BALEEN_ASSIGN_OR_RETURN(
        const auto open,
        database_.query("SELECT 1 FROM tasks WHERE run_id = $1 AND stage = $2 AND state IN "
                        "('waiting', 'queued', 'running')",
                        task.run_id, stage));
    if (open.empty()) return give_up(task, error);
  }
  // The attempt is recorded, so that it can be seen why the producer ran again.
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO pipeline_jobs (run_id, task_id, asset_id, stage, status, "
                        "attempt, error_code, error_message, trace_id, "
                        "worker, started_at_us, finished_at_us, owner_entity_id) SELECT $1, $2, "
                        "$3, $4, 'failed', $5, $6, $7, trace_id, $8, $9, $9, owner_entity_id FROM "
                        "runs WHERE run_id = $1",
                        task.run_id, task.task_id, task.asset_id, task.stage, task.attempts,
                        error.name(), error.message, options_.owner, clock_.now_us()));
  BALEEN_RETURN_IF_ERROR(database_.execute(
      "UPDATE tasks SET interruptions = interruptions + 1 WHERE task_id = $1", task.task_id));
  // All that wait, or are about to start, below the producer: they count it again, and whatever else is open.
  // No condition on the state: an index on it would lead through all that wait, in all runs.
  BALEEN_RETURN_IF_ERROR(database_.execute(
      "UPDATE tasks SET state = CASE WHEN state = 'queued' THEN 'waiting' ELSE state END, "
      "upstream_open = CASE WHEN state IN ('waiting', 'queued') THEN " +
          std::string(sql::kOpenUpstream) +
          " ELSE upstream_open END WHERE task_id IN (SELECT e.task_id FROM task_edges e JOIN tasks "
          "p "
          "ON p.task_id = e.upstream_task_id WHERE p.run_id = $1 AND p.stage = $2)",
      task.run_id, stage));
  BALEEN_RETURN_IF_ERROR(
      record_event("task.replanned", task.run_id, task.asset_id, task.task_id,
                   {{"stage", task.stage}, {"missing", plan.missing_type}, {"again", stage}}));
  return refresh_run(task.run_id);
}

Result<void> Queue::give_up(const TaskRow& task, const Error& error) {
  const std::int64_t now_us = clock_.now_us();
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO pipeline_jobs (run_id, task_id, asset_id, stage, status, "
                        "attempt, error_code, error_message, trace_id, "
                        "worker, started_at_us, finished_at_us, owner_entity_id) SELECT $1, $2, "
                        "$3, $4, 'failed', $5, $6, $7, trace_id, $8, $9, $9, owner_entity_id FROM "
                        "runs WHERE run_id = $1",
                        task.run_id, task.task_id, task.asset_id, task.stage, task.attempts + 1,
                        error.name(), error.message, options_.owner, now_us));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE tasks SET state = 'failed', error_code = $1, error_message = $2, "
                        "updated_at_us = $3 WHERE task_id = $4",
                        error.name(), error.message, now_us, task.task_id));
  BALEEN_RETURN_IF_ERROR(
      record_event("task.failed", task.run_id, task.asset_id, task.task_id,
                   {{"stage", task.stage}, {"code", std::string(error.name())}}));
  return refresh_run(task.run_id);
}

Result<bool> Queue::has_open_tasks(const Scope& scope) {
  const std::string condition = scope_condition(scope);
  const std::string sql = "SELECT 1 FROM tasks t WHERE t.state = 'running'" + condition +
                          " UNION ALL SELECT 1 FROM tasks t WHERE t.state = 'queued'" + condition +
                          std::string(kNotPaused) + " LIMIT 1";
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query(sql));
  return !rows.empty();
}

Result<std::optional<double>> Queue::next_due_s(const Scope& scope) {
  const std::string sql =
      "SELECT MIN(t.not_before_us) FROM tasks t WHERE t.state = 'queued' AND t.not_before_us > 0 "
      "AND "
      "t.not_before_us > $1" +
      scope_condition(scope) + std::string(kNotPaused);
  const std::int64_t now_us = clock_.now_us();
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query(sql, now_us));
  if (rows.empty() || rows.front().is_null(0)) return std::optional<double>();
  return std::optional<double>(1e-6 * static_cast<double>(rows.front().integer(0) - now_us));
}

}  // namespace baleen::engine
