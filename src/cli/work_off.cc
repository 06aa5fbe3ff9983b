#include "cli/work_off.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "cli/stop.h"
#include "cli/text.h"
#include "engine/status.h"

namespace baleen::cli {

Result<std::int64_t> count_open_tasks(store::Database& database, const std::string& run_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT COUNT(*) FROM tasks WHERE run_id = $1 AND state IN ('waiting', "
                     "'queued', 'running')",
                     run_id));
  return rows.front().integer(0);
}

Result<Item> item_of_run(Session& session, const std::string& run_id) {
  BALEEN_ASSIGN_OR_RETURN(const json::object run, engine::describe_run(session.database, run_id));
  Item item;
  item.run_id = run_id;
  item.name = core::get_string(run, "file");
  item.duration_s = core::get_double(run, "duration_s");
  BALEEN_ASSIGN_OR_RETURN(item.open_tasks, count_open_tasks(session.database, run_id));
  return item;
}

Result<bool> work_off(Session& session,
                      const WorkOptions& work,
                      Progress& progress,
                      std::vector<Item>& items,
                      const std::function<bool(std::vector<Item>&)>& next_items) {
  engine::SupervisorOptions options;
  options.executors = work.executors > 0 ? work.executors : session.executors();
  BALEEN_ASSIGN_OR_RETURN(options.command, session.executor_command());
  options.lease_ttl_s = session.config.number("worker.lease_ttl_s");
  options.stall_timeout_s = session.config.number("worker.stall_timeout_s");
  options.task_timeout_s = session.config.number("worker.task_timeout_s");
  options.is_until_done = true;
  options.scope.is_limited_to_my_runs = true;
  engine::Supervisor supervisor(
      session.queue, options, [&](const engine::TaskReport& report) { progress.on_task(report); });
  Result<void> scope_error;
  const auto tick = [&]() -> bool {
    std::vector<Item> arrived;
    const bool may_get_more = next_items(arrived);
    for (Item& item : arrived) {
      if (item.error)
        progress.say(fmt::format("ingest    failed    {}  {}", printable(item.name),
                                 printable(item.error->to_string())));
      if (!item.run_id.empty()) {
        if (Result<void> added = session.queue.add_to_scope(item.run_id); !added.ok())
          scope_error = std::move(added);
        if (!item.is_fresh)
          progress.add_run(item.run_id, item.name, item.open_tasks, item.duration_s);
      }
      items.push_back(std::move(item));
    }
    progress.tick();
    return may_get_more;
  };
  BALEEN_RETURN_IF_ERROR(
      session.queue.add_to_scope(""));  // The table of the scope exists even if it stays empty.
  const Result<void> outcome = supervisor.run(stop_requested(), tick);
  progress.finish();
  if (!scope_error.ok()) return scope_error.error();
  if (outcome.ok()) return true;
  if (outcome.error().code == ErrorCode::canceled) return false;
  return outcome.error();
}

Result<json::object> work_until_stopped(Session& session, const WorkerOptions& worker) {
  engine::SupervisorOptions supervision;
  supervision.executors = worker.executors > 0 ? worker.executors : session.executors();
  BALEEN_ASSIGN_OR_RETURN(supervision.command, session.executor_command());
  supervision.lease_ttl_s = session.config.number("worker.lease_ttl_s");
  supervision.stall_timeout_s = session.config.number("worker.stall_timeout_s");
  supervision.task_timeout_s = session.config.number("worker.task_timeout_s");
  supervision.is_until_done = worker.is_until_done;
  supervision.scope.stages = split(worker.stages, ',');
  supervision.scope.classes = split(worker.classes, ',');
  Progress progress(Progress::style_for(session.options.is_quiet) == Progress::Style::none
                        ? Progress::Style::none
                        : Progress::Style::lines);
  engine::Supervisor supervisor(session.queue, supervision, [&](const engine::TaskReport& report) {
    progress.on_task(report);
  });
  progress.say(fmt::format("working with {} executors on {}; stop with Ctrl-C",
                           supervision.executors, session.options.data));
  const Result<void> outcome = supervisor.run(stop_requested(), [] { return false; });
  // A worker that is told to stop has done what it should.
  if (!outcome.ok() && outcome.error().code != ErrorCode::canceled) return outcome.error();
  const engine::SupervisorCounts& counts = supervisor.counts();
  return json::object{
      {"complete", counts.complete},      {"failed", counts.failed},
      {"retried", counts.retried},        {"fenced_off", counts.fenced_off},
      {"reclaimed", counts.reclaimed},    {"executor_deaths", counts.executor_deaths},
      {"stage_cpu_s", counts.stage_cpu_s}};
}

Result<int> work_off_runs(Session& session,
                          const WorkOptions& work,
                          std::vector<Item> submitted,
                          bool is_list) {
  if (work.is_queue_only) {
    json::array queued;
    for (const Item& item : submitted)
      queued.push_back({{"run_id", item.run_id}, {"file", item.name}});
    if (session.options.is_json) {
      print_json(queued);
    } else {
      std::printf("%zu runs queued; `baleen worker` works them off.\n", submitted.size());
    }
    return 0;
  }
  handle_stop_signals();
  Progress progress(Progress::style_for(session.options.is_quiet));
  progress.set_expected_files(static_cast<std::int64_t>(submitted.size()), true);
  std::vector<Item> items;
  BALEEN_ASSIGN_OR_RETURN(const bool is_done,
                          work_off(session, work, progress, items, [&](std::vector<Item>& arrived) {
                            arrived = std::exchange(submitted, {});
                            return false;
                          }));
  return print_outcome(session, items, is_list, !is_done);
}

Result<int> work_off_any_runs(Session& session,
                              const WorkOptions& work,
                              std::vector<Item> submitted,
                              bool is_list,
                              const char* nothing) {
  if (!submitted.empty()) return work_off_runs(session, work, std::move(submitted), is_list);
  if (session.options.is_json) {
    print_json(json::array{});
  } else {
    std::printf("%s\n", nothing);
  }
  return 0;
}

}  // namespace baleen::cli
