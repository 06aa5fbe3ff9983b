// The queue's way in: what a recipe still needs becomes a run with its tasks.

#include "engine/queue.h"

#include <algorithm>

#include "core/ids.h"
#include "core/process.h"
#include "engine/queue_rules.h"
#include "store/host_guard.h"

namespace baleen::engine {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

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
  if (!options_.liveness) {
    options_.liveness = [&root](const core::ProcessIdentity& process) {
      return store::liveness(root, process);
    };
  }
}

Result<Submitted> Queue::submit(const Recipe& recipe,
                                std::string_view asset_id,
                                const SubmitOptions& options) {
  Submitted submitted;
  BALEEN_RETURN_IF_ERROR(database_.transaction("SUBMIT", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(submitted, submit_locked(recipe, asset_id, options));
    return options.also ? options.also(submitted) : Result<void>();
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
  BALEEN_RETURN_IF_ERROR(
      insert_tasks(recipe, plans, run_id, asset_id, owners.front().text(0), options));
  BALEEN_RETURN_IF_ERROR(
      record_event("run.submitted", run_id, asset_id, 0, {{"recipe", recipe.name}}));
  BALEEN_RETURN_IF_ERROR(refresh_run(run_id));
  return Submitted{run_id, true, is_fresh};
}

Result<void> Queue::insert_tasks(const Recipe& recipe,
                                 const std::vector<StagePlan>& plans,
                                 std::string_view run_id,
                                 std::string_view asset_id,
                                 std::string_view owner,
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
        "state, reason, is_forced, priority, upstream_open, signature, updated_at_us, "
        "owner_entity_id, "
        "rank_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        run_id, recipe.name, asset_id, plan.spec->name, plan.setup.feature_spec_alias,
        plan.spec->stage_class, state, std::string(to_string(plan.reason)) + ": " + plan.why,
        is_forced, options.priority, upstream_open, plan.is_fresh() ? plan.signature : "",
        clock_.now_us(), owner, rules::rank_us(clock_.now_us(), options.priority)));
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

}  // namespace baleen::engine
