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

Result<std::string> Queue::owner_of(const Recipe& recipe, std::string_view subject_id) {
  const char* const sql = recipe.is_of_collections
                              ? "SELECT owner_entity_id FROM collections WHERE collection_id = $1"
                              : "SELECT owner_entity_id FROM audio_assets WHERE asset_id = $1";
  BALEEN_ASSIGN_OR_RETURN(const auto owners, database_.query(sql, subject_id));
  if (!owners.empty()) return owners.front().text(0);
  return fail(ErrorCode::not_found, "there is no {} '{}'",
              recipe.is_of_collections ? "collection" : "asset", subject_id);
}

Result<std::vector<std::int64_t>> Queue::open_tasks_of_members(const StagePlan& plan,
                                                               std::string_view collection_id) {
  std::vector<std::int64_t> task_ids;
  for (const InputSpec& input : plan.spec->inputs) {
    if (!input.is_of_members) continue;
    const std::string alias = alias_of(input, plan.setup);
    for (const auto& [name, recipe] : recipes_.all()) {
      const int producer = recipe.producer_of(input.type);
      if (producer < 0) continue;
      BALEEN_ASSIGN_OR_RETURN(
          const auto rows,
          database_.query(
              "SELECT t.task_id FROM collection_members m JOIN tasks t ON t.asset_id = m.asset_id "
              "JOIN runs r ON r.run_id = t.run_id WHERE m.collection_id = $1 AND t.recipe = $2 AND "
              "t.stage = $3 AND $4 IN ('', t.feature_spec_alias) AND t.state IN ('waiting', "
              "'queued', 'running') AND r.finished_at_us IS NULL",
              collection_id, name, recipe.stages[static_cast<std::size_t>(producer)].name, alias));
      for (const store::Row& row : rows) task_ids.push_back(row.integer(0));
    }
  }
  return task_ids;
}

struct Queue::NewRun {
  const Recipe& recipe;
  std::string run_id;
  std::string_view subject_id;
  std::string owner;
  std::vector<StagePlan> plans;
  std::vector<std::vector<std::int64_t>> foreign_upstream;  ///< For each plan: tasks of other runs.
};

Result<Submitted> Queue::submit_locked(const Recipe& recipe,
                                       std::string_view asset_id,
                                       const SubmitOptions& options) {
  NewRun run{recipe, core::new_id(), asset_id, {}, {}, {}};
  BALEEN_ASSIGN_OR_RETURN(run.owner, owner_of(recipe, asset_id));
  BALEEN_ASSIGN_OR_RETURN(const json::object params, recipe.check_params(options.params));
  const std::string params_json = core::to_canonical_json(params);

  const bool is_whole = options.only_stages.empty() && options.forced_stages.empty();
  if (is_whole) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto open_runs,
        database_.query("SELECT run_id FROM runs WHERE asset_id = $1 AND recipe = $2 AND state IN "
                        "('queued', 'running') AND params_json = $3 ORDER BY created_at_us DESC "
                        "LIMIT 1",
                        asset_id, recipe.name, params_json));
    if (!open_runs.empty()) return Submitted{open_runs.front().text(0), false, false};
  }

  BALEEN_ASSIGN_OR_RETURN(run.plans, planner_.plan(recipe, asset_id, params));
  for (StagePlan& plan : run.plans) {
    BALEEN_ASSIGN_OR_RETURN(std::vector<std::int64_t> foreign,
                            open_tasks_of_members(plan, asset_id));
    if (!foreign.empty() && (plan.is_fresh() || plan.reason == Reason::input_missing)) {
      plan.reason = Reason::upstream_stale;
      plan.why = "recordings of the collection are being worked at";
    }
    run.foreign_upstream.push_back(std::move(foreign));
    if (!contains(options.forced_stages, plan.spec->name)) continue;
    plan.reason = Reason::forced;
    plan.why = "asked for";
  }
  const bool is_fresh = std::all_of(run.plans.begin(), run.plans.end(), [&](const StagePlan& plan) {
    return plan.is_fresh() ||
           (!options.only_stages.empty() && !contains(options.only_stages, plan.spec->name));
  });
  if (is_fresh) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto finished,
        database_.query("SELECT run_id FROM runs WHERE asset_id = $1 AND recipe = $2 AND state = "
                        "'complete' AND params_json = $3 ORDER BY created_at_us DESC LIMIT 1",
                        asset_id, recipe.name, params_json));
    if (!finished.empty()) return Submitted{finished.front().text(0), false, true};
  }

  BALEEN_RETURN_IF_ERROR(database_.execute(
      "INSERT INTO runs (run_id, recipe, asset_id, owner_entity_id, state, trace_id, "
      "created_at_us, params_json) "
      "VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7)",
      run.run_id, recipe.name, asset_id, run.owner, core::new_id(), clock_.now_us(), params_json));
  BALEEN_RETURN_IF_ERROR(insert_tasks(run, options));
  BALEEN_RETURN_IF_ERROR(
      record_event("run.submitted", run.run_id, asset_id, 0, {{"recipe", recipe.name}}));
  BALEEN_RETURN_IF_ERROR(refresh_run(run.run_id));
  return Submitted{run.run_id, true, is_fresh};
}

Result<void> Queue::insert_tasks(const NewRun& run, const SubmitOptions& options) {
  const auto insert_edge = [&](std::int64_t upstream, std::int64_t task, bool is_needed) {
    return database_.execute(
        "INSERT INTO task_edges (upstream_task_id, task_id, is_needed) VALUES ($1, $2, $3)",
        upstream, task, is_needed);
  };
  std::vector<std::int64_t> task_ids(run.plans.size(), 0);
  std::vector<bool> is_open(run.plans.size(), false);
  for (std::size_t i = 0; i < run.plans.size(); ++i) {
    const StagePlan& plan = run.plans[i];
    if (!options.only_stages.empty() && !contains(options.only_stages, plan.spec->name)) continue;
    const bool is_forced = plan.reason == Reason::forced;
    const std::vector<int> upstream = run.recipe.upstream_of(static_cast<int>(i));
    auto upstream_open = static_cast<std::int64_t>(run.foreign_upstream[i].size());
    for (const int u : upstream) upstream_open += is_open[static_cast<std::size_t>(u)] ? 1 : 0;
    const char* state = plan.is_fresh() ? "complete" : upstream_open > 0 ? "waiting" : "queued";
    is_open[i] = !plan.is_fresh();
    BALEEN_RETURN_IF_ERROR(database_.execute(
        "INSERT INTO tasks (run_id, recipe, asset_id, stage, feature_spec_alias, stage_class, "
        "state, reason, is_forced, priority, upstream_open, signature, updated_at_us, "
        "owner_entity_id, "
        "rank_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        run.run_id, run.recipe.name, run.subject_id, plan.spec->name, plan.setup.feature_spec_alias,
        plan.spec->stage_class, state, std::string(to_string(plan.reason)) + ": " + plan.why,
        is_forced, options.priority, upstream_open, plan.is_fresh() ? plan.signature : "",
        clock_.now_us(), run.owner, rules::rank_us(clock_.now_us(), options.priority)));
    task_ids[i] = database_.last_insert_id();
    for (const int u : upstream) {
      const std::int64_t upstream_id = task_ids[static_cast<std::size_t>(u)];
      if (upstream_id != 0) BALEEN_RETURN_IF_ERROR(insert_edge(upstream_id, task_ids[i], true));
    }
    for (const std::int64_t foreign : run.foreign_upstream[i])
      BALEEN_RETURN_IF_ERROR(insert_edge(foreign, task_ids[i], false));
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
