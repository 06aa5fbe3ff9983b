#include "engine/queue.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ids.h"
#include "core/process.h"

namespace baleen::engine {
namespace {

constexpr int kFreshTasksPerClaim = 64;  // Bounds how long one claim holds the write lock.

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

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

std::string scope_condition(const Scope& scope) {
  std::string sql;
  if (scope.is_limited_to_my_runs) sql += " AND t.run_id IN (SELECT run_id FROM temp.my_runs)";
  if (!scope.stages.empty()) sql += " AND t.stage IN (" + quoted_list(scope.stages) + ")";
  if (!scope.classes.empty()) sql += " AND t.stage_class IN (" + quoted_list(scope.classes) + ")";
  return sql;
}

}  // namespace

struct Queue::TaskRow {
  std::int64_t task_id = 0;
  std::string run_id, recipe, asset_id, stage, alias;
  bool is_forced = false;
  int attempts = 0;
  int interruptions = 0;
};

Queue::Queue(store::Database& database,
             const store::DataRoot& root,
             const RecipeRegistry& recipes,
             QueueOptions options,
             const core::Clock& clock)
    : database_(database),
      root_(root),
      recipes_(recipes),
      options_(std::move(options)),
      clock_(clock),
      planner_(database, root) {
  if (options_.owner.empty()) options_.owner = core::this_process().to_string();
}

// ---- submit -----------------------------------------------------------------------------------

Result<Submitted> Queue::submit(const Recipe& recipe,
                                std::string_view asset_id,
                                const SubmitOptions& options) {
  Submitted submitted;
  BALEEN_RETURN_IF_ERROR(database_.transaction("SUBMIT", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(submitted, submit_locked(recipe, asset_id, options));
    return {};
  }));
  return submitted;
}

Result<Submitted> Queue::submit_locked(const Recipe& recipe,
                                       std::string_view asset_id,
                                       const SubmitOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto owners,
      database_.query("SELECT owner_entity_id FROM audio_assets WHERE asset_id = $1", asset_id));
  if (owners.empty()) return fail(ErrorCode::not_found, "there is no asset '{}'", asset_id);

  const bool is_whole = options.only_stages.empty() && options.forced_stages.empty();
  if (is_whole) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto open_runs,
        database_.query("SELECT run_id FROM runs WHERE asset_id = $1 AND recipe = $2 AND state IN "
                        "('queued', 'running') ORDER BY created_at_us DESC LIMIT 1",
                        asset_id, recipe.name));
    if (!open_runs.empty()) return Submitted{open_runs.front().text(0), false, false};
  }

  BALEEN_ASSIGN_OR_RETURN(std::vector<StagePlan> plans, planner_.plan(recipe, asset_id));
  for (StagePlan& plan : plans) {
    if (!contains(options.forced_stages, plan.spec->name)) continue;
    plan.reason = Reason::forced;
    plan.why = "asked for";
  }
  const bool is_fresh = std::all_of(plans.begin(), plans.end(), [&](const StagePlan& plan) {
    return plan.is_fresh() ||
           (!options.only_stages.empty() && !contains(options.only_stages, plan.spec->name));
  });
  if (is_fresh) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto finished,
        database_.query("SELECT run_id FROM runs WHERE asset_id = $1 AND recipe = $2 AND state = "
                        "'complete' ORDER BY created_at_us DESC LIMIT 1",
                        asset_id, recipe.name));
    if (!finished.empty()) return Submitted{finished.front().text(0), false, true};
  }

  const std::string run_id = core::new_id();
  const std::int64_t now_us = clock_.now_us();
  BALEEN_RETURN_IF_ERROR(database_.execute(
      "INSERT INTO runs (run_id, recipe, asset_id, owner_entity_id, state, trace_id, "
      "created_at_us) "
      "VALUES ($1, $2, $3, $4, 'queued', $5, $6)",
      run_id, recipe.name, asset_id, owners.front().text(0), core::new_id(), now_us));
  BALEEN_RETURN_IF_ERROR(insert_tasks(recipe, plans, run_id, asset_id, options));
  BALEEN_RETURN_IF_ERROR(
      record_event("run.submitted", run_id, asset_id, 0, {{"recipe", recipe.name}}));
  BALEEN_RETURN_IF_ERROR(refresh_run(run_id));
  return Submitted{run_id, true, is_fresh};
}

Result<void> Queue::insert_tasks(const Recipe& recipe,
                                 const std::vector<StagePlan>& plans,
                                 std::string_view run_id,
                                 std::string_view asset_id,
                                 const SubmitOptions& options) {
  std::vector<std::int64_t> task_ids(plans.size(), 0);
  std::vector<bool> is_open(plans.size(), false);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const StagePlan& plan = plans[i];
    if (!options.only_stages.empty() && !contains(options.only_stages, plan.spec->name)) continue;
    const bool is_forced = plan.reason == Reason::forced;
    int upstream_open = 0;
    const std::vector<int> upstream = recipe.upstream_of(static_cast<int>(i));
    for (const int u : upstream) upstream_open += is_open[static_cast<std::size_t>(u)] ? 1 : 0;
    const char* state = plan.is_fresh() ? "complete" : upstream_open > 0 ? "waiting" : "queued";
    is_open[i] = !plan.is_fresh();
    BALEEN_RETURN_IF_ERROR(database_.execute(
        "INSERT INTO tasks (run_id, recipe, asset_id, stage, feature_spec_alias, stage_class, "
        "state, reason, is_forced, "
        "priority, upstream_open, signature, updated_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, "
        "$8, $9, $10, $11, $12, "
        "$13)",
        run_id, recipe.name, asset_id, plan.spec->name, plan.setup.feature_spec_alias,
        plan.spec->stage_class, state, std::string(to_string(plan.reason)) + ": " + plan.why,
        is_forced, options.priority, upstream_open, plan.is_fresh() ? plan.signature : "",
        clock_.now_us()));
    task_ids[i] = database_.last_insert_id();
    for (const int u : upstream) {
      if (task_ids[static_cast<std::size_t>(u)] == 0) continue;
      BALEEN_RETURN_IF_ERROR(
          database_.execute("INSERT INTO task_edges (upstream_task_id, task_id) VALUES ($1, $2)",
                            task_ids[static_cast<std::size_t>(u)], task_ids[i]));
    }
  }
  return {};
}

Result<void> Queue::add_to_scope(std::string_view run_id) {
  BALEEN_RETURN_IF_ERROR(database_.execute_script(
      "CREATE TEMP TABLE IF NOT EXISTS my_runs (run_id TEXT PRIMARY KEY) WITHOUT ROWID"));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT OR IGNORE INTO temp.my_runs VALUES ($1)", run_id));
  return {};
}

// ---- claim ------------------------------------------------------------------------------------

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

Result<std::optional<Queue::TaskRow>> Queue::next_queued(const Scope& scope) {
  const std::string sql =
      "SELECT t.task_id, t.run_id, t.recipe, t.asset_id, t.stage, t.feature_spec_alias, "
      "t.is_forced, t.attempts, "
      "t.interruptions FROM tasks t WHERE t.state = 'queued' AND t.not_before_us <= $1 AND NOT "
      "EXISTS (SELECT 1 FROM "
      "stage_locks l WHERE l.asset_id = t.asset_id AND l.stage = t.stage AND l.feature_spec_alias "
      "= "
      "t.feature_spec_alias)" +
      scope_condition(scope) + " ORDER BY t.priority DESC, t.task_id LIMIT 1";
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query(sql, clock_.now_us()));
  if (rows.empty()) return std::optional<TaskRow>();
  const store::Row& row = rows.front();
  return std::optional<TaskRow>(TaskRow{
      row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4), row.text(5),
      row.integer(6) != 0, static_cast<int>(row.integer(7)), static_cast<int>(row.integer(8))});
}

Result<std::optional<Assignment>> Queue::claim_locked(const Scope& scope) {
  for (int i = 0; i < kFreshTasksPerClaim; ++i) {
    BALEEN_ASSIGN_OR_RETURN(const std::optional<TaskRow> task, next_queued(scope));
    if (!task) return std::optional<Assignment>();
    const Result<const Recipe*> recipe = recipes_.find(task->recipe);
    const StageSpec* spec = recipe.ok() ? (*recipe)->find_stage(task->stage) : nullptr;
    if (spec == nullptr) {
      BALEEN_RETURN_IF_ERROR(
          give_up(*task, fail(ErrorCode::not_supported, "this program has no stage '{}/{}'",
                              task->recipe, task->stage)));
      continue;
    }
    Result<StagePlan> plan = planner_.look_at(*spec, task->asset_id);
    if (!plan.ok()) {
      BALEEN_RETURN_IF_ERROR(give_up(*task, plan.error()));
    } else if (plan->reason == Reason::input_missing) {
      BALEEN_RETURN_IF_ERROR(handle_missing_input(*task, **recipe, *plan));
    } else if (plan->is_fresh() && !task->is_forced) {
      BALEEN_RETURN_IF_ERROR(database_.execute("UPDATE tasks SET reason = $1 WHERE task_id = $2",
                                               "fresh: an artifact with this signature exists",
                                               task->task_id));
      BALEEN_RETURN_IF_ERROR(complete_task(task->task_id, task->run_id, plan->signature));
    } else if (Result<void> registered = register_feature_spec(plan->setup); !registered.ok()) {
      BALEEN_RETURN_IF_ERROR(give_up(*task, registered.error()));
    } else {
      BALEEN_ASSIGN_OR_RETURN(Assignment assignment, lease(*task, *plan));
      return std::optional<Assignment>(std::move(assignment));
    }
  }
  return std::optional<Assignment>();
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
  std::string path = store::expand_path(output.path, task.asset_id, plan.setup.feature_spec_alias);
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
      "trace_id, worker, started_at_us) VALUES ($1, $2, $3, $4, 'running', $5, $6, $7, $8, $9, "
      "$10)",
      task.run_id, task.task_id, task.asset_id, task.stage, attempt,
      core::to_json(json::object{{"lock", lock}}), alias, trace_id, options_.owner, now_us));

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
  for (const store::Artifact& input : plan.inputs) {
    request.inputs.push_back({input.type, root_.at(input.path), input.feature_spec_alias});
  }
  json::array temporaries;
  for (const OutputSpec& output : spec.outputs) {
    BALEEN_ASSIGN_OR_RETURN(const std::string path, allocate_path(output, task, plan));
    const std::string fenced = store::temporary_path(path, request.fence);
    request.outputs.push_back({output.type,
                               root_.at(output.is_resumable ? store::resumable_path(path) : fenced),
                               root_.at(fenced), path});
    temporaries.emplace_back(fenced);
  }
  for (const std::string& pattern : spec.scratch) {
    request.scratch.push_back(root_.at(store::expand_path(pattern, task.asset_id, alias)));
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
      now_us + static_cast<std::int64_t>(1e6 * options_.lease_ttl_s), task.task_id,
      core::to_json(temporaries)));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE tasks SET state = 'running', feature_spec_alias = $1, signature = "
                        "$2, attempts = $3, updated_at_us = $4, reason = CASE WHEN is_forced = 1 "
                        "THEN reason ELSE $5 END, "
                        "error_code = NULL, error_message = NULL WHERE task_id = $6",
                        alias, plan.signature, attempt, now_us,
                        std::string(to_string(plan.reason)) + ": " + plan.why, task.task_id));
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
  if (producer < 0 || task.interruptions >= options_.retry.interruptions_max)
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
  if (reset == 0) return give_up(task, error);
  // The attempt is recorded, so that it can be seen why the producer ran again.
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO pipeline_jobs (run_id, task_id, asset_id, stage, status, "
                        "attempt, error_code, error_message, trace_id, "
                        "worker, started_at_us, finished_at_us) SELECT $1, $2, $3, $4, 'failed', "
                        "$5, $6, $7, trace_id, $8, $9, $9 FROM "
                        "runs WHERE run_id = $1",
                        task.run_id, task.task_id, task.asset_id, task.stage, task.attempts,
                        error.name(), error.message, options_.owner, clock_.now_us()));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("UPDATE tasks SET state = 'waiting', upstream_open = 1, interruptions = "
                        "interruptions + 1 WHERE task_id = $1",
                        task.task_id));
  return record_event("task.replanned", task.run_id, task.asset_id, task.task_id,
                      {{"stage", task.stage}, {"missing", plan.missing_type}, {"again", stage}});
}

Result<void> Queue::give_up(const TaskRow& task, const Error& error) {
  const std::int64_t now_us = clock_.now_us();
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO pipeline_jobs (run_id, task_id, asset_id, stage, status, "
                        "attempt, error_code, error_message, trace_id, "
                        "worker, started_at_us, finished_at_us) SELECT $1, $2, $3, $4, 'failed', "
                        "$5, $6, $7, trace_id, $8, $9, $9 FROM "
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

// ---- looks ------------------------------------------------------------------------------------

Result<bool> Queue::has_open_tasks(const Scope& scope) {
  const std::string sql = "SELECT 1 FROM tasks t WHERE t.state IN ('queued', 'running')" +
                          scope_condition(scope) + " LIMIT 1";
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query(sql));
  return !rows.empty();
}

Result<std::optional<double>> Queue::next_due_s(const Scope& scope) {
  const std::string sql =
      "SELECT MIN(t.not_before_us) FROM tasks t WHERE t.state = 'queued' AND t.not_before_us > $1" +
      scope_condition(scope);
  const std::int64_t now_us = clock_.now_us();
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query(sql, now_us));
  if (rows.empty() || rows.front().is_null(0)) return std::optional<double>();
  return std::optional<double>(1e-6 * static_cast<double>(rows.front().integer(0) - now_us));
}

}  // namespace baleen::engine
