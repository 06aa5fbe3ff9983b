// Commands that change something: they submit runs and, unless told to queue only, work them off here.

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "core/log.h"
#include "engine/ingest.h"
#include "engine/status.h"

namespace baleen::cli {
namespace {

constexpr std::size_t kTableRowsMax = 20;

std::atomic<bool> stop_requested = false;
std::atomic<int> stop_signal = 0;

extern "C" void request_stop(int signal_number) {
  stop_signal = signal_number;
  stop_requested = true;
}

/// The first Ctrl-C stops cleanly, a second one at once.
void handle_stop_signals() {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    action.sa_handler = request_stop;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(signal_number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

int stopped_status() { return 128 + (stop_signal == 0 ? SIGINT : stop_signal.load()); }

/// One file (or asset) of a command: its run, or why there is none.
struct Item {
  std::string name;
  std::string run_id;
  bool is_fresh = false;
  std::optional<Error> error;
  std::int64_t open_tasks = 0;
  double duration_s = 0;
};

Result<std::int64_t> count_open_tasks(store::Database& database, const std::string& run_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT COUNT(*) FROM tasks WHERE run_id = $1 AND state IN ('waiting', "
                     "'queued', 'running')",
                     run_id));
  return rows.front().integer(0);
}

/// Ingests files and submits a run for each, on a thread with a session of its own, so that the
/// supervisor's heartbeats never wait for a big file.
class Ingestor {
 public:
  Ingestor(const GlobalOptions& options,
           const Program& program,
           const WorkOptions& work,
           FoundFiles found)
      : options_(options), program_(program), work_(work), found_(std::move(found)) {}
  ~Ingestor() { join(); }
  Ingestor(const Ingestor&) = delete;
  Ingestor& operator=(const Ingestor&) = delete;

  void start() {
    thread_ = std::thread([this] { ingest_all(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] std::int64_t n_files() const {
    return static_cast<std::int64_t>(found_.files.size());
  }
  /// What has been ingested since the last call.
  std::vector<Item> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ready_, {});
  }

 private:
  void ingest_all() {
    Result<std::unique_ptr<Session>> session =
        Session::open(options_, program_, /*may_create=*/true);
    std::optional<engine::ExecutorProcess> prober;
    for (const auto& file : found_.files) {
      if (stop_requested) break;
      Item item;
      item.name = file.filename().string();
      if (!session.ok()) {
        item.error = session.error();
      } else if (Result<void> done = ingest_one(**session, file, prober, item); !done.ok()) {
        item.error = done.error();
      }
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(item));
    }
    is_done_ = true;
  }

  Result<void> ingest_one(Session& session,
                          const std::filesystem::path& file,
                          std::optional<engine::ExecutorProcess>& prober,
                          Item& item) {
    const auto probe = [&](const std::filesystem::path& path) -> Result<json::object> {
      if (!prober) {
        BALEEN_ASSIGN_OR_RETURN(prober, engine::ExecutorProcess::start(session.executor_command()));
      }
      Result<json::object> answer = prober->ask({{"op", "probe"}, {"path", path.string()}});
      if (!answer.ok() && answer.error().code == ErrorCode::worker_error) prober.reset();
      return answer;
    };
    BALEEN_ASSIGN_OR_RETURN(
        const engine::Ingested ingested,
        engine::ingest_file(session.database, session.root, {file, work_.owner, {}}, probe));
    item.duration_s = ingested.asset.duration_s;
    BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session.find_recipe(work_.recipe));
    BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                            session.queue.submit(*recipe, ingested.asset.asset_id, {}));
    item.run_id = submitted.run_id;
    item.is_fresh = submitted.is_fresh;
    BALEEN_ASSIGN_OR_RETURN(item.open_tasks, count_open_tasks(session.database, item.run_id));
    return {};
  }

  const GlobalOptions& options_;
  const Program& program_;
  const WorkOptions& work_;
  const FoundFiles found_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<Item> ready_;  // Guarded by mutex_.
  std::atomic<bool> is_done_ = false;
};

/// Works here until what `next_items` brings is done. False if a signal stopped it.
Result<bool> work_off(Session& session,
                      const WorkOptions& work,
                      Progress& progress,
                      std::vector<Item>& items,
                      const std::function<bool(std::vector<Item>&)>& next_items) {
  engine::SupervisorOptions options;
  options.executors = work.executors > 0 ? work.executors : session.executors();
  options.command = session.executor_command();
  options.lease_ttl_s = session.config.number("worker.lease_ttl_s");
  options.stall_timeout_s = session.config.number("worker.stall_timeout_s");
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
  const Result<void> outcome = supervisor.run(stop_requested, tick);
  progress.finish();
  if (!scope_error.ok()) return scope_error.error();
  if (outcome.ok()) return true;
  if (outcome.error().code == ErrorCode::canceled) return false;
  return outcome.error();
}

json::object error_object(const Error& error) {
  return {{"code", std::string(error.name())},
          {"message", error.message},
          {"cause", std::string(error.info().cause)},
          {"action", std::string(error.info().action)}};
}

/// describe_run with paths that can be opened from anywhere.
Result<json::object> describe(Session& session, const Item& item) {
  if (item.error) {
    return json::object{{"run_id", nullptr},
                        {"asset_id", nullptr},
                        {"state", "failed"},
                        {"file", item.name},
                        {"artifacts", json::array{}},
                        {"tasks", json::array{}},
                        {"error", error_object(*item.error)}};
  }
  BALEEN_ASSIGN_OR_RETURN(json::object run, engine::describe_run(session.database, item.run_id));
  std::error_code ignored;
  for (json::value& value : run["artifacts"].as_array()) {
    json::object& artifact = value.as_object();
    const std::string relative = core::get_string(artifact, "path");
    artifact["relative_path"] = relative;
    artifact["path"] =
        std::filesystem::absolute(session.root.at(relative), ignored).lexically_normal().string();
  }
  // As it was named now: the asset may have been ingested under another name.
  if (!item.name.empty()) run["file"] = item.name;
  run["reused"] = item.is_fresh;
  return run;
}

/// 0 if all is well; the failures' own exit status if they agree on one, else 1.
int exit_status(const std::vector<json::object>& runs) {
  int status = 0;
  const auto add = [&](const json::object& error) {
    const auto code = core::parse_error_code(core::get_string(error, "code"));
    const int one = code ? core::error_info(*code).exit_code : 1;
    status = status == 0 || status == one ? one : 1;
  };
  for (const json::object& run : runs) {
    const json::object& own = core::get_object(run, "error");
    if (!own.empty()) add(own);
    for (const json::value& task : core::get_array(run, "tasks")) {
      if (core::get_string(task.as_object(), "state") == "failed")
        add(core::get_object(task.as_object(), "error"));
    }
    const std::string state = core::get_string(run, "state");
    if (status == 0 && (state == "failed" || state == "canceled")) status = 1;
  }
  return status;
}

void print_failures(const std::vector<json::object>& runs) {
  std::map<std::string, std::int64_t> count;
  std::map<std::string, std::string> example;
  const auto add = [&](const json::object& run, const json::object& error) {
    const std::string code = core::get_string(error, "code");
    if (code.empty()) return;
    ++count[code];
    example.try_emplace(code, printable(core::get_string(run, "file"), 60) + ": " +
                                  printable(core::get_string(error, "message")));
  };
  for (const json::object& run : runs) {
    add(run, core::get_object(run, "error"));
    for (const json::value& task : core::get_array(run, "tasks")) {
      if (core::get_string(task.as_object(), "state") == "failed")
        add(run, core::get_object(task.as_object(), "error"));
    }
  }
  for (const auto& [code, n] : count) {
    const core::ErrorInfo& info =
        core::error_info(core::parse_error_code(code).value_or(ErrorCode::internal));
    std::printf("\n%s (%lld)  %s\n  why: %s\n  do:  %s\n", code.c_str(), static_cast<long long>(n),
                example[code].c_str(), std::string(info.cause).c_str(),
                std::string(info.action).c_str());
  }
}

void print_one_run(const json::object& run) {
  std::printf("%s: %s%s\n", printable(core::get_string(run, "file")).c_str(),
              core::get_string(run, "state").c_str(),
              core::get_bool(run, "reused") ? " (nothing to do: everything was there)" : "");
  if (!core::get_string(run, "run_id").empty()) {
    std::printf("run %s  asset %s\n", core::get_string(run, "run_id").c_str(),
                core::get_string(run, "asset_id").c_str());
  }
  Table tasks({"stage", "state", "attempts", "time", "why"});
  for (const json::value& value : core::get_array(run, "tasks")) {
    const json::object& task = value.as_object();
    const double seconds = core::get_double(task, "seconds");
    tasks.add({core::get_string(task, "stage"), core::get_string(task, "state"),
               std::to_string(core::get_int(task, "attempts")),
               seconds > 0 ? human_duration(seconds) : "-", core::get_string(task, "reason")});
  }
  if (!tasks.is_empty()) std::printf("\n%s", tasks.to_string().c_str());
  Table artifacts({"artifact", "size", "path"});
  for (const json::value& value : core::get_array(run, "artifacts")) {
    const json::object& artifact = value.as_object();
    artifacts.add({core::get_string(artifact, "type"),
                   human_bytes(core::get_int(artifact, "bytes")),
                   core::get_string(artifact, "path")});
  }
  if (!artifacts.is_empty()) std::printf("\n%s", artifacts.to_string().c_str());
}

void print_many_runs(const std::vector<json::object>& runs, const std::filesystem::path& root) {
  std::map<std::string, std::int64_t> states;
  std::int64_t n_reused = 0;
  std::int64_t bytes = 0;
  Table table({"file", "state", "run", "artifacts"});
  for (std::size_t i = 0; i < runs.size(); ++i) {
    ++states[core::get_string(runs[i], "state")];
    n_reused += core::get_bool(runs[i], "reused") ? 1 : 0;
    const json::array& artifacts = core::get_array(runs[i], "artifacts");
    for (const json::value& artifact : artifacts)
      bytes += core::get_int(artifact.as_object(), "bytes");
    if (i < kTableRowsMax) {
      table.add({printable(core::get_string(runs[i], "file"), 40),
                 core::get_string(runs[i], "state"), core::get_string(runs[i], "run_id", "-"),
                 std::to_string(artifacts.size())});
    }
  }
  std::printf("%s", table.to_string().c_str());
  if (runs.size() > kTableRowsMax)
    std::printf("… and %zu more (`baleen status`)\n", runs.size() - kTableRowsMax);
  std::printf("\n%zu files:", runs.size());
  for (const auto& [state, n] : states)
    std::printf(" %lld %s", static_cast<long long>(n), state.c_str());
  if (n_reused > 0) std::printf(" (%lld had nothing to do)", static_cast<long long>(n_reused));
  std::printf("; %s of artifacts below %s\n", human_bytes(bytes).c_str(), root.string().c_str());
}

Result<int> print_outcome(Session& session,
                          const std::vector<Item>& items,
                          bool is_list,
                          bool is_stopped) {
  std::vector<json::object> runs;
  for (const Item& item : items) {
    BALEEN_ASSIGN_OR_RETURN(json::object run, describe(session, item));
    runs.push_back(std::move(run));
  }
  if (session.options.is_json) {
    json::array list;
    for (const json::object& run : runs) list.emplace_back(run);
    print_json(is_list        ? json::value(std::move(list))
               : runs.empty() ? json::value(nullptr)
                              : json::value(runs.front()));
  } else if (!session.options.is_quiet || exit_status(runs) != 0) {
    if (runs.size() == 1) {
      print_one_run(runs.front());
    } else if (!runs.empty()) {
      print_many_runs(runs, std::filesystem::absolute(session.root.path).lexically_normal());
    }
    print_failures(runs);
    if (is_stopped)
      std::printf("\nStopped. Finished work is kept; the same command goes on from here.\n");
  }
  return is_stopped ? stopped_status() : exit_status(runs);
}

/// Submits nothing itself: works off these runs, or only says that they are queued.
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

Result<Item> item_of_run(Session& session, const std::string& run_id) {
  BALEEN_ASSIGN_OR_RETURN(const json::object run, engine::describe_run(session.database, run_id));
  Item item;
  item.run_id = run_id;
  item.name = core::get_string(run, "file");
  item.duration_s = core::get_double(run, "duration_s");
  BALEEN_ASSIGN_OR_RETURN(item.open_tasks, count_open_tasks(session.database, run_id));
  return item;
}

}  // namespace

Result<int> run_command(const GlobalOptions& options,
                        const Program& program,
                        const WorkOptions& work,
                        const std::vector<std::string>& paths) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, true));
  BALEEN_RETURN_IF_ERROR(session->find_recipe(work.recipe));
  if (work.is_queue_only) return ingest_command(options, program, work, paths);
  handle_stop_signals();
  BALEEN_RETURN_IF_ERROR(engine::sweep_incoming(session->root));
  FoundFiles found = find_files(paths, session->root.path);
  const std::int64_t n_skipped = found.n_skipped;
  const bool is_list = found.files.size() != 1;
  Progress progress(Progress::style_for(options.is_quiet));
  if (found.files.empty()) {
    return fail(ErrorCode::file_not_found, "no audio files in {}{}", paths.front(),
                n_skipped > 0 ? fmt::format(" ({} other files there)", n_skipped) : "");
  }
  if (n_skipped > 0)
    progress.say(fmt::format("{} files without an audio extension are left out", n_skipped));

  std::vector<Item> items;
  Ingestor ingestor(options, program, work, std::move(found));
  progress.set_expected_files(ingestor.n_files(), true);
  ingestor.start();
  BALEEN_ASSIGN_OR_RETURN(const bool is_done, work_off(*session, work, progress, items,
                                                       [&](std::vector<Item>& arrived) {
                                                         const bool is_last = ingestor.is_done();
                                                         arrived = ingestor.take();
                                                         return !is_last;
                                                       }));
  ingestor.join();
  for (Item& item : ingestor.take()) items.push_back(std::move(item));
  return print_outcome(*session, items, is_list, !is_done);
}

Result<int> ingest_command(const GlobalOptions& options,
                           const Program& program,
                           const WorkOptions& work,
                           const std::vector<std::string>& paths) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, true));
  BALEEN_RETURN_IF_ERROR(session->find_recipe(work.recipe));
  handle_stop_signals();
  BALEEN_RETURN_IF_ERROR(engine::sweep_incoming(session->root));
  FoundFiles found = find_files(paths, session->root.path);
  if (found.files.empty())
    return fail(ErrorCode::file_not_found, "no audio files in {}", paths.front());
  const bool is_list = found.files.size() != 1;
  Ingestor ingestor(options, program, work, std::move(found));
  ingestor.start();
  ingestor.join();
  const std::vector<Item> items = ingestor.take();
  std::vector<json::object> runs;
  for (const Item& item : items) {
    BALEEN_ASSIGN_OR_RETURN(json::object run, describe(*session, item));
    runs.push_back(std::move(run));
  }
  if (options.is_json) {
    json::array list;
    for (const json::object& run : runs) list.emplace_back(run);
    print_json(is_list        ? json::value(list)
               : runs.empty() ? json::value(nullptr)
                              : json::value(runs.front()));
  } else if (runs.size() == 1) {
    std::printf("%s: asset %s, run %s %s\n", printable(items.front().name).c_str(),
                core::get_string(runs.front(), "asset_id", "-").c_str(),
                core::get_string(runs.front(), "run_id", "-").c_str(),
                core::get_string(runs.front(), "state").c_str());
    print_failures(runs);
  } else {
    print_many_runs(runs, session->root.path);
    print_failures(runs);
  }
  return stop_requested ? stopped_status() : exit_status(runs);
}

Result<int> worker_command(const GlobalOptions& options,
                           const Program& program,
                           const WorkerOptions& worker) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, true));
  handle_stop_signals();
  BALEEN_RETURN_IF_ERROR(engine::sweep_incoming(session->root));
  engine::SupervisorOptions supervision;
  supervision.executors = worker.executors > 0 ? worker.executors : session->executors();
  supervision.command = session->executor_command();
  supervision.lease_ttl_s = session->config.number("worker.lease_ttl_s");
  supervision.stall_timeout_s = session->config.number("worker.stall_timeout_s");
  supervision.is_until_done = worker.is_until_done;
  supervision.scope.stages = split(worker.stages, ',');
  supervision.scope.classes = split(worker.classes, ',');
  Progress progress(Progress::style_for(options.is_quiet) == Progress::Style::none
                        ? Progress::Style::none
                        : Progress::Style::lines);
  engine::Supervisor supervisor(session->queue, supervision, [&](const engine::TaskReport& report) {
    progress.on_task(report);
  });
  progress.say(fmt::format("working with {} executors on {}; stop with Ctrl-C",
                           supervision.executors, options.data));
  const Result<void> outcome = supervisor.run(stop_requested, [] { return false; });
  const engine::SupervisorCounts& counts = supervisor.counts();
  const json::object summary{
      {"complete", counts.complete},      {"failed", counts.failed},
      {"retried", counts.retried},        {"fenced_off", counts.fenced_off},
      {"reclaimed", counts.reclaimed},    {"executor_deaths", counts.executor_deaths},
      {"stage_cpu_s", counts.stage_cpu_s}};
  if (options.is_json) {
    print_json(summary);
  } else {
    std::printf("%lld tasks complete, %lld failed, %lld retried\n",
                static_cast<long long>(counts.complete), static_cast<long long>(counts.failed),
                static_cast<long long>(counts.retried));
  }
  if (outcome.ok()) return 0;
  // A worker that is told to stop has done what it should.
  if (outcome.error().code == ErrorCode::canceled) return 0;
  return outcome.error();
}

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
  if (!asset_id.ok()) {
    BALEEN_ASSIGN_OR_RETURN(const std::string run_id,
                            engine::resolve_run(session->database, target));
    BALEEN_ASSIGN_OR_RETURN(const json::object run,
                            engine::describe_run(session->database, run_id));
    asset_id = core::get_string(run, "asset_id");
    recipe_name = core::get_string(run, "recipe");
  }
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session->find_recipe(recipe_name));
  engine::SubmitOptions submit;
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
  if (items.empty()) {
    if (options.is_json) {
      print_json(json::array{});
    } else {
      std::printf("Nothing to retry: no task has failed, been canceled or waits for a retry.\n");
    }
    return 0;
  }
  return work_off_runs(*session, work, std::move(items), is_all);
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
  engine::Planner planner(session->database, session->root);
  std::vector<Item> items;
  Table table({"asset", "file", "stale stages"});
  json::array list;
  for (const store::Row& row : rows) {
    BALEEN_ASSIGN_OR_RETURN(const auto plans, planner.plan(*recipe, row.text(0)));
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
  if (items.empty()) {
    if (options.is_json) {
      print_json(json::array{});
    } else {
      std::printf("Nothing to do: every asset is up to date.\n");
    }
    return 0;
  }
  return work_off_runs(*session, work, std::move(items), true);
}

}  // namespace baleen::cli
