#include "engine/explain.h"

#include <fmt/format.h>

#include <cmath>

#include "core/clock.h"
#include "engine/planner.h"

namespace baleen::engine {
namespace {

constexpr int kTasksAheadCountedMax = 10'000;
constexpr int kUpstreamShownMax = 20;  // Of the many that a collection may wait for.

json::value rounded_or_null(double number, double parts) {
  if (number < 0 || !std::isfinite(number)) return nullptr;
  return json::value(std::round(number * parts) / parts);
}

struct TaskFacts {
  std::string run_id, asset_id, stage, alias, recipe, state, owner;
  std::int64_t not_before_us = 0, rank_us = 0;
};

Result<TaskFacts> facts_of(store::Database& database, std::int64_t task_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT run_id, asset_id, stage, feature_spec_alias, recipe, state, "
                     "owner_entity_id, not_before_us, rank_us FROM tasks WHERE task_id = $1",
                     task_id));
  if (rows.empty()) return fail(ErrorCode::not_found, "there is no task {}", task_id);
  const store::Row& row = rows.front();
  return TaskFacts{row.text(0), row.text(1), row.text(2),    row.text(3),   row.text(4),
                   row.text(5), row.text(6), row.integer(7), row.integer(8)};
}

Result<void> add_upstream(store::Database& database, std::int64_t task_id, json::array& reasons) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT u.task_id, u.stage, u.state, u.error_code FROM task_edges e JOIN tasks "
          "u ON u.task_id = e.upstream_task_id WHERE e.task_id = $1 AND u.state <> "
          "'complete' AND (e.is_needed = 1 OR EXISTS (SELECT 1 FROM runs r WHERE r.run_id = "
          "u.run_id "
          "AND r.finished_at_us IS NULL)) ORDER BY u.task_id LIMIT $2",
          task_id, kUpstreamShownMax));
  for (const store::Row& row : rows) {
    const std::string& state = row.text(2);
    std::string detail;
    if (state == "failed") {
      detail = fmt::format("{} has failed ({}); this goes on when it is retried and succeeds",
                           row.text(1), row.text(3));
    } else if (state == "canceled") {
      detail =
          fmt::format("{} was canceled; this goes on when it is retried and succeeds", row.text(1));
    } else {
      detail = fmt::format("{} comes first, and is {}", row.text(1), state);
    }
    reasons.push_back({{"kind", "upstream"},
                       {"detail", detail},
                       {"stage", row.text(1)},
                       {"task_id", row.integer(0)},
                       {"state", state}});
  }
  return {};
}

Result<void> add_pauses(store::Database& database, const TaskFacts& task, json::array& reasons) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT recipe, stage, since_us FROM pauses WHERE recipe IN ('', $1) AND stage "
          "IN ('', $2) ORDER BY since_us",
          task.recipe, task.stage));
  for (const store::Row& row : rows) {
    const std::string since = core::rfc3339(row.integer(2));
    reasons.push_back(
        {{"kind", "pause"},
         {"detail", fmt::format("{}{} is paused since {}, until it is resumed",
                                row.text(0).empty() ? "every recipe" : "recipe " + row.text(0),
                                row.text(1).empty() ? "" : ", stage " + row.text(1), since)},
         {"recipe", row.text(0)},
         {"stage", row.text(1)},
         {"since", since}});
  }
  return {};
}

Result<void> add_lease(store::Database& database, const TaskFacts& task, json::array& reasons) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT owner, expires_at_us FROM stage_locks WHERE asset_id = $1 AND stage = "
                     "$2 AND feature_spec_alias = $3",
                     task.asset_id, task.stage, task.alias));
  for (const store::Row& row : rows) {
    const std::string until = core::rfc3339(row.integer(1));
    reasons.push_back({{"kind", "lease"},
                       {"detail", fmt::format("another run works at {} of the same recording; its "
                                              "lease is good until {}",
                                              task.stage, until)},
                       {"worker", row.text(0)},
                       {"until", until}});
  }
  return {};
}

Result<void> add_turn(store::Database& database,
                      const TaskFacts& task,
                      std::int64_t task_id,
                      json::array& reasons) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT COUNT(*) FROM (SELECT 1 FROM tasks WHERE state = 'queued' AND "
                     "owner_entity_id = $1 AND (rank_us, task_id) < ($2, $3) LIMIT $4)",
                     task.owner, task.rank_us, task_id, kTasksAheadCountedMax));
  const std::int64_t n_ahead = rows.front().integer(0);
  const char* about = n_ahead == kTasksAheadCountedMax ? "at least " : "";
  reasons.push_back(
      {{"kind", "turn"},
       {"detail",
        n_ahead == 0
            ? std::string("it is the next of its owner's tasks; owners take turns")
            : fmt::format("{}{} of the same owner's tasks come before it; owners take turns", about,
                          n_ahead)},
       {"tasks_ahead", n_ahead}});
  return {};
}

void add_workers(const std::vector<LiveWorker>& workers, json::array& reasons) {
  int n_executors = 0, n_busy = 0;
  for (const LiveWorker& worker : workers) {
    n_executors += worker.executors;
    n_busy += static_cast<int>(worker.tasks.size());
  }
  std::string detail;
  if (workers.empty()) {
    detail = "no worker is running: start one with `baleen worker` or `baleen up`";
  } else if (n_busy >= n_executors) {
    detail = fmt::format("all {} executors are busy", n_executors);
  } else {
    return;
  }
  reasons.push_back({{"kind", "worker"},
                     {"detail", detail},
                     {"workers", workers.size()},
                     {"executors", n_executors},
                     {"busy", n_busy}});
}

Result<json::object> newest_params_of(store::Database& database,
                                      std::string_view recipe,
                                      std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT params_json FROM runs WHERE asset_id = $1 AND recipe = $2 ORDER BY "
                     "created_at_us DESC LIMIT 1",
                     asset_id, recipe));
  if (rows.empty()) return json::object{};
  return core::parse_json_object(rows.front().text(0), "params_json");
}

}  // namespace

Result<std::string> newest_recipe_of(store::Database& database, std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT recipe FROM runs WHERE asset_id = $1 ORDER BY created_at_us DESC LIMIT 1",
          asset_id));
  return rows.empty() ? std::string() : rows.front().text(0);
}

Result<json::object> explain_asset(store::Database& database,
                                   const store::DataRoot& root,
                                   const Recipe& recipe,
                                   const std::optional<std::string>& asset_id) {
  json::array stages;
  const auto add = [&](const std::string& stage, bool would_run, std::string_view reason,
                       const std::string& why, json::array waits_for,
                       const std::string& signature) {
    stages.push_back(
        {{"stage", stage},
         {"would_run", would_run},
         {"reason", std::string(reason)},
         {"why", why},
         {"waits_for", std::move(waits_for)},
         {"signature", signature.empty() ? json::value(nullptr) : json::value(signature)}});
  };
  json::object params;
  std::vector<bool> would_run;
  const auto upstream = [&](std::size_t i) {
    json::array names;
    for (const int index : recipe.upstream_of(static_cast<int>(i))) {
      const auto at = static_cast<std::size_t>(index);
      if (would_run[at]) names.emplace_back(recipe.stages[at].name);
    }
    return names;
  };
  if (!asset_id) {
    add("ingest", true, "never_ran", "these bytes have not been ingested yet", {}, "");
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
      json::array names = upstream(i);
      if (names.empty()) names.emplace_back("ingest");
      add(recipe.stages[i].name, true, "upstream_stale", "the file is new", std::move(names), "");
      would_run.push_back(true);
    }
  } else {
    Planner planner(database, root);
    BALEEN_ASSIGN_OR_RETURN(params, newest_params_of(database, recipe.name, *asset_id));
    BALEEN_ASSIGN_OR_RETURN(params, recipe.check_params(params));
    BALEEN_ASSIGN_OR_RETURN(const std::vector<StagePlan> plans,
                            planner.plan(recipe, *asset_id, params));
    for (std::size_t i = 0; i < plans.size(); ++i) {
      add(plans[i].spec->name, !plans[i].is_fresh(), to_string(plans[i].reason), plans[i].why,
          upstream(i), plans[i].signature);
      would_run.push_back(!plans[i].is_fresh());
    }
  }
  return json::object{{"asset_id", asset_id ? json::value(*asset_id) : json::value(nullptr)},
                      {"recipe", recipe.name},
                      {"params", std::move(params)},
                      {"stages", std::move(stages)}};
}

Result<json::array> explain_task(store::Database& database,
                                 const std::vector<LiveWorker>& workers,
                                 std::int64_t task_id) {
  BALEEN_ASSIGN_OR_RETURN(const TaskFacts task, facts_of(database, task_id));
  json::array reasons;
  if (task.state == "waiting") {
    BALEEN_RETURN_IF_ERROR(add_upstream(database, task_id, reasons));
    return reasons;
  }
  if (task.state != "queued") return reasons;
  if (task.not_before_us != 0 && task.not_before_us > core::system_clock().now_us()) {
    const std::string until = core::rfc3339(task.not_before_us);
    reasons.push_back({{"kind", "retry"},
                       {"detail", "the last attempt failed; the next is at " + until},
                       {"until", until}});
  }
  BALEEN_RETURN_IF_ERROR(add_pauses(database, task, reasons));
  BALEEN_RETURN_IF_ERROR(add_lease(database, task, reasons));
  if (reasons.empty()) BALEEN_RETURN_IF_ERROR(add_turn(database, task, task_id, reasons));
  add_workers(workers, reasons);
  return reasons;
}

json::object describe_progress(const LiveWorker& worker, const LiveTask& task, double duration_s) {
  const bool is_known = task.fraction > 0 && duration_s > 0 && task.seconds > 0;
  return {
      {"fraction", rounded_or_null(task.fraction, 1e4)},
      {"seconds", rounded_or_null(task.seconds, 10)},
      {"eta_s", rounded_or_null(eta_s(task), 10)},
      {"audio_x", rounded_or_null(is_known ? task.fraction * duration_s / task.seconds : -1, 10)},
      {"worker", worker.worker}};
}

void add_progress(json::object& run, const std::vector<LiveWorker>& workers) {
  const double duration_s = core::get_double(run, "duration_s");
  const auto progress_of = [&](std::int64_t task_id) -> json::value {
    for (const LiveWorker& worker : workers) {
      for (const LiveTask& task : worker.tasks) {
        if (task.task_id == task_id) return describe_progress(worker, task, duration_s);
      }
    }
    return nullptr;
  };
  json::value* tasks = run.if_contains("tasks");
  if (tasks == nullptr || !tasks->is_array()) return;
  for (json::value& value : tasks->get_array()) {
    json::object& task = value.as_object();
    task["progress"] = core::get_string(task, "state") == "running"
                           ? progress_of(core::get_int(task, "task_id"))
                           : json::value(nullptr);
  }
}

}  // namespace baleen::engine
