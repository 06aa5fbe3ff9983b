// Commands about work that is already known: stage, rerun, retry, cancel, backfill.

#include <cstdio>
#include <utility>

#include "cli/commands.h"
#include "cli/text.h"
#include "cli/work_off.h"
#include "engine/planner.h"
#include "engine/status.h"

namespace baleen::cli {

Result<int> stage_command(const GlobalOptions& options,
                          const Program& program,
                          const WorkOptions& work,
                          const std::string& stage,
                          const std::string& asset,
                          bool is_forced) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session->find_recipe(work.recipe));
  if (recipe->find_stage(stage) == nullptr) {
    std::vector<std::string> names;
    for (const engine::StageSpec& spec : recipe->stages) names.push_back(spec.name);
    std::string known;
    for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
    return fail(ErrorCode::invalid_argument, "recipe '{}' has no stage '{}'{} There is: {}",
                recipe->name, stage, did_you_mean(stage, names), known);
  }
  BALEEN_ASSIGN_OR_RETURN(const std::string asset_id,
                          engine::resolve_asset(session->database, asset));
  engine::SubmitOptions submit;
  submit.only_stages = {stage};
  if (is_forced) submit.forced_stages = {stage};
  BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                          session->queue.submit(*recipe, asset_id, submit));
  BALEEN_ASSIGN_OR_RETURN(Item item, item_of_run(*session, submitted.run_id));
  item.is_fresh = submitted.is_fresh;
  return work_off_runs(*session, work, {std::move(item)}, false);
}

Result<int> rerun_command(const GlobalOptions& options,
                          const Program& program,
                          const WorkOptions& work,
                          const std::string& target,
                          const std::string& stages) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  Result<std::string> asset_id = engine::resolve_asset(session->database, target);
  std::string recipe_name = work.recipe;
  json::object params;
  if (!asset_id.ok()) {
    BALEEN_ASSIGN_OR_RETURN(const std::string run_id,
                            engine::resolve_run(session->database, target));
    BALEEN_ASSIGN_OR_RETURN(const json::object run,
                            engine::describe_run(session->database, run_id));
    asset_id = core::get_string(run, "asset_id");
    recipe_name = core::get_string(run, "recipe");
    params = core::get_object(run, "params");
  }
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session->find_recipe(recipe_name));
  engine::SubmitOptions submit;
  submit.params = std::move(params);
  submit.forced_stages = split(stages, ',');
  for (const std::string& stage : submit.forced_stages) {
    if (recipe->find_stage(stage) == nullptr) {
      return fail(ErrorCode::invalid_argument, "recipe '{}' has no stage '{}'", recipe->name,
                  stage);
    }
  }
  if (submit.forced_stages.empty()) {
    for (const engine::StageSpec& spec : recipe->stages) submit.forced_stages.push_back(spec.name);
  }
  BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                          session->queue.submit(*recipe, *asset_id, submit));
  BALEEN_ASSIGN_OR_RETURN(Item item, item_of_run(*session, submitted.run_id));
  return work_off_runs(*session, work, {std::move(item)}, false);
}

Result<int> retry_command(const GlobalOptions& options,
                          const Program& program,
                          const WorkOptions& work,
                          const std::string& target,
                          bool is_all) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  std::vector<std::string> run_ids;
  if (is_all) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows, session->database.query("SELECT run_id FROM runs WHERE state = 'failed' "
                                                 "ORDER BY created_at_us"));
    for (const store::Row& row : rows) run_ids.push_back(row.text(0));
  } else {
    BALEEN_ASSIGN_OR_RETURN(const std::string run_id,
                            engine::resolve_run(session->database, target));
    run_ids.push_back(run_id);
  }
  std::vector<Item> items;
  for (const std::string& run_id : run_ids) {
    BALEEN_ASSIGN_OR_RETURN(const int n_tasks, session->queue.retry_run(run_id));
    if (n_tasks == 0) continue;
    BALEEN_ASSIGN_OR_RETURN(Item item, item_of_run(*session, run_id));
    items.push_back(std::move(item));
  }
  return work_off_any_runs(
      *session, work, std::move(items), is_all,
      "Nothing to retry: no task has failed, been canceled or waits for a retry.");
}

Result<int> cancel_command(const GlobalOptions& options,
                           const Program& program,
                           const std::string& target) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const std::string run_id, engine::resolve_run(session->database, target));
  BALEEN_ASSIGN_OR_RETURN(const int n_tasks, session->queue.cancel_run(run_id));
  if (options.is_json) {
    print_json(json::object{{"run_id", run_id}, {"canceled_tasks", n_tasks}});
  } else if (n_tasks == 0) {
    std::printf("run %s: nothing to cancel, it is over\n", run_id.c_str());
  } else {
    std::printf("run %s: %d tasks canceled\n", run_id.c_str(), n_tasks);
  }
  return 0;
}

Result<int> backfill_command(const GlobalOptions& options,
                             const Program& program,
                             const WorkOptions& work,
                             bool is_dry_run) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session->find_recipe(work.recipe));
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      session->database.query("SELECT asset_id, original_filename FROM audio_assets "
                              "ORDER BY created_at_us, asset_id"));
  BALEEN_ASSIGN_OR_RETURN(const json::object params, recipe->check_params({}));
  engine::Planner planner(session->database, session->root);
  std::vector<Item> items;
  Table table({"asset", "file", "stale stages"});
  json::array list;
  for (const store::Row& row : rows) {
    BALEEN_ASSIGN_OR_RETURN(const auto plans, planner.plan(*recipe, row.text(0), params));
    std::string stale;
    json::array stages;
    for (const engine::StagePlan& plan : plans) {
      if (plan.is_fresh()) continue;
      stale += (stale.empty() ? "" : ", ") + plan.spec->name;
      stages.emplace_back(plan.spec->name);
    }
    if (stale.empty()) continue;
    if (is_dry_run) {
      table.add({row.text(0), printable(row.text(1), 40), stale});
      list.push_back({{"asset_id", row.text(0)}, {"file", row.text(1)}, {"stages", stages}});
      continue;
    }
    BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                            session->queue.submit(*recipe, row.text(0), {}));
    BALEEN_ASSIGN_OR_RETURN(Item item, item_of_run(*session, submitted.run_id));
    items.push_back(std::move(item));
  }
  if (is_dry_run && options.is_json) {
    print_json(list);
    return 0;
  }
  if (is_dry_run) {
    std::printf("%s", table.is_empty() ? "Nothing to do: every asset is up to date.\n"
                                       : table.to_string().c_str());
    return 0;
  }
  return work_off_any_runs(*session, work, std::move(items), true,
                           "Nothing to do: every asset is up to date.");
}

}  // namespace baleen::cli
