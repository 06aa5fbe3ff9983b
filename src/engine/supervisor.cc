#include "engine/supervisor.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <set>
#include <thread>

#include "core/clock.h"
#include "core/log.h"
#include "core/process.h"

namespace baleen::engine {
namespace {

constexpr double kReclaimIntervalS = 0.5;
constexpr double kIdleReclaimIntervalS = 3;
constexpr double kUnwatchedClaimIntervalS = 0.2;
constexpr double kWatchedClaimIntervalS =
    5;  // The watch tells earlier; this is for what it may miss.
constexpr double kShowIntervalS = 1;
constexpr int kPollMs = 100;
constexpr int kIdlePollMs = 500;

}  // namespace

Result<AttemptResult> parse_attempt_result(const json::object& message,
                                           const StageRequest& request) {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorCode::worker_error, "the executor's result is malformed: {}", why);
  };
  AttemptResult result;
  std::set<std::string> types;
  for (const json::value& value : core::get_array(message, "files")) {
    if (!value.is_object()) return refuse("a file is no object");
    const json::object& file = value.get_object();
    result.files.push_back({core::get_string(file, "type"), core::get_string(file, "temporary"),
                            core::get_string(file, "sha256"),
                            core::get_string(file, "content_sha256"),
                            core::get_string(file, "document"), core::get_int(file, "bytes")});
    const std::string& type = result.files.back().type;
    const bool is_wanted = std::any_of(request.outputs.begin(), request.outputs.end(),
                                       [&](const auto& slot) { return slot.type == type; });
    if (!is_wanted || !types.insert(type).second || result.files.back().bytes < 0)
      return refuse("a file that it was not to make");
  }
  for (const json::value& value : core::get_array(message, "warnings")) {
    if (!value.is_object()) return refuse("a warning is no object");
    const json::object& warning = value.get_object();
    const auto code = core::parse_error_code(core::get_string(warning, "code"));
    result.warnings.push_back(
        {code.value_or(ErrorCode::internal), core::get_string(warning, "message")});
  }
  result.metrics = core::get_object(message, "metrics");
  result.seconds = core::get_double(message, "seconds");
  return result;
}

struct Supervisor::Slot {
  std::optional<ExecutorProcess> process;
  std::optional<Assignment> assignment;
  double started_s = 0;
  double last_message_s = 0;
  std::int64_t started_at_us = 0;
  double fraction = -1;
};

Supervisor::Supervisor(Queue& queue,
                       SupervisorOptions options,
                       std::function<void(const TaskReport&)> observer)
    : queue_(queue),
      options_(std::move(options)),
      observer_(std::move(observer)),
      watch_(queue.root()),
      board_(queue.root()),
      since_us_(core::system_clock().now_us()) {
  slots_.resize(static_cast<std::size_t>(std::max(1, options_.executors)));
  if (options_.processors <= 0)
    options_.processors = static_cast<int>(std::thread::hardware_concurrency());
}

Supervisor::~Supervisor() = default;

bool Supervisor::is_any_busy() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const Slot& slot) { return slot.assignment.has_value(); });
}

Result<void> Supervisor::run(const std::atomic<bool>& stop, const std::function<bool()>& tick) {
  BALEEN_RETURN_IF_ERROR(queue_.remove_remains_of_canceled());
  const auto loop = [&]() -> Result<void> {
    while (!stop.load()) {
      const bool may_get_more = tick();
      BALEEN_RETURN_IF_ERROR(keep_leases());
      BALEEN_RETURN_IF_ERROR(fill_idle_slots());
      if (options_.is_until_done && !is_any_busy() && !may_get_more) {
        BALEEN_ASSIGN_OR_RETURN(const bool has_open, queue_.has_open_tasks(options_.scope));
        if (!has_open) return {};
      }
      BALEEN_RETURN_IF_ERROR(wait_for_messages());
      BALEEN_RETURN_IF_ERROR(kill_stalled());
      show_live();
    }
    return fail(ErrorCode::canceled, "stopped; what is unfinished goes on with the next start");
  };
  Result<void> outcome = loop();
  Result<void> given_back = give_everything_back();
  queue_.remove_late_temporaries();
  if (!outcome.ok()) return outcome;
  return given_back;
}

Result<void> Supervisor::keep_leases() {
  const double now_s = core::steady_s();
  if (now_s >= next_reclaim_s_) {
    const bool is_idle = !options_.is_until_done && !is_any_busy();
    next_reclaim_s_ = now_s + (is_idle ? kIdleReclaimIntervalS : kReclaimIntervalS);
    BALEEN_ASSIGN_OR_RETURN(const int reclaimed, queue_.reclaim());
    if (reclaimed > 0) {
      counts_.reclaimed += reclaimed;
      next_claim_s_ = 0;
      core::log(core::LogLevel::info, "leases of dead workers reclaimed", {{"count", reclaimed}});
    }
  }
  if (now_s >= next_heartbeat_s_) {
    // Often enough to see a cancellation soon; the lease itself would need only TTL/4.
    const double interval_s = std::min(options_.cancel_check_s, options_.lease_ttl_s / 4);
    next_heartbeat_s_ = now_s + interval_s;
    std::vector<std::int64_t> fences;
    for (const Slot& slot : slots_) {
      if (slot.assignment && now_s - slot.started_s > interval_s) {
        fences.push_back(slot.assignment->request.fence);
      }
    }
    if (fences.empty()) return {};
    BALEEN_ASSIGN_OR_RETURN(const std::vector<std::int64_t> lost, queue_.heartbeat(fences));
    for (Slot& slot : slots_) {
      if (!slot.assignment) continue;
      if (std::find(lost.begin(), lost.end(), slot.assignment->request.fence) == lost.end())
        continue;
      slot.process.reset();
      BALEEN_RETURN_IF_ERROR(
          queue_.interrupt(*slot.assignment));  // Removes the temporary files; the lease is gone.
      report(slot, TaskReport::Kind::interrupted, {});
      slot.assignment.reset();
    }
  }
  return {};
}

Result<void> Supervisor::fill_idle_slots() {
  const double now_s = core::steady_s();
  if (now_s < next_claim_s_) return {};
  for (Slot& slot : slots_) {
    if (slot.assignment) continue;
    BALEEN_ASSIGN_OR_RETURN(std::optional<Assignment> assignment, queue_.claim(options_.scope));
    if (!assignment) {
      BALEEN_ASSIGN_OR_RETURN(next_claim_s_, idle_until_s(now_s));
      return {};
    }
    BALEEN_RETURN_IF_ERROR(start(slot, std::move(*assignment)));
  }
  return {};
}

/// When to ask for work again, after there was none.
Result<double> Supervisor::idle_until_s(double now_s) {
  if (!watch_.is_watching()) return now_s + kUnwatchedClaimIntervalS;
  BALEEN_ASSIGN_OR_RETURN(const std::optional<double> due_s, queue_.next_due_s(options_.scope));
  return now_s + std::min(kWatchedClaimIntervalS, due_s.value_or(kWatchedClaimIntervalS));
}

/// For a task that starts now and can use several: the processors of this worker on which none of its other tasks
/// computes. Nothing is kept free for it, nor from it: tasks that start later share the processors with it, so that there
/// are fewer than twice as many threads as executors (docs/decisions/0018-threads-in-cells.md).
int Supervisor::spare_threads() const {
  int n_spare = std::min(static_cast<int>(slots_.size()), options_.processors);
  for (const Slot& slot : slots_) {
    if (slot.assignment) n_spare -= slot.assignment->request.n_threads;
  }
  return std::clamp(n_spare, 1, kTaskThreadsMax);
}

Result<void> Supervisor::start(Slot& slot, Assignment assignment) {
  if (assignment.spec->uses_threads) assignment.request.n_threads = spare_threads();
  slot.assignment = std::move(assignment);
  slot.started_s = slot.last_message_s = core::steady_s();
  slot.started_at_us = core::system_clock().now_us();
  slot.fraction = -1;
  report(slot, TaskReport::Kind::started, {});
  if (!slot.process) {
    Result<ExecutorProcess> process = ExecutorProcess::start(options_.command);
    if (!process.ok()) return fail_attempt(slot, process.error(), {});
    slot.process.emplace(std::move(*process));
  }
  json::object message = slot.assignment->request.to_json();
  message["op"] = "run";
  if (Result<void> sent = slot.process->send(message); !sent.ok()) {
    const Error error = fail(ErrorCode::worker_error, "the executor {}", slot.process->reap());
    slot.process.reset();
    return fail_attempt(slot, error, {});
  }
  return {};
}

Result<void> Supervisor::wait_for_messages() {
  std::vector<pollfd> polled;
  std::vector<Slot*> owners;
  for (Slot& slot : slots_) {
    if (!slot.process || !slot.assignment) continue;
    polled.push_back({slot.process->socket().get(), POLLIN, 0});
    owners.push_back(&slot);
  }
  if (watch_.is_watching()) polled.push_back({watch_.fd(), POLLIN, 0});
  const bool is_idle = owners.empty() && !options_.is_until_done && watch_.is_watching();
  const double timeout_s = std::min(1e-3 * (is_idle ? kIdlePollMs : kPollMs),
                                    news_.wait_s(core::steady_s()).value_or(kIdlePollMs));
  const int ready =
      ::poll(polled.data(), polled.size(), static_cast<int>(std::ceil(1e3 * timeout_s)));
  if (ready < 0 && errno != EINTR) return core::errno_error(errno, "poll");
  const double now_s = core::steady_s();
  if (watch_.take_news()) news_.on_news(now_s);
  if (news_.take_due(now_s)) next_claim_s_ = 0;
  if (ready <= 0) return {};
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (polled[i].revents != 0) BALEEN_RETURN_IF_ERROR(receive(*owners[i]));
  }
  return {};
}

Result<void> Supervisor::receive(Slot& slot) {
  std::vector<json::object> messages;
  const Result<bool> is_open = slot.process->receive(messages);
  for (const json::object& message : messages) BALEEN_RETURN_IF_ERROR(handle(slot, message));
  if (is_open.ok() && *is_open) return {};
  const std::string fate = is_open.ok() ? slot.process->reap() : is_open.error().message;
  slot.process.reset();
  ++counts_.executor_deaths;
  if (!slot.assignment) return {};
  return fail_attempt(slot, fail(ErrorCode::worker_error, "the executor {}", fate), {});
}

Result<void> Supervisor::handle(Slot& slot, const json::object& message) {
  if (!slot.assignment) return {};
  const std::string type = core::get_string(message, "type");
  if (type == "progress") {
    TaskReport progress;
    progress.fraction = core::get_double(message, "fraction");
    // To say the same again is no progress, unless the length of the work is not known.
    if (progress.fraction < 0 || progress.fraction > slot.fraction)
      slot.last_message_s = core::steady_s();
    slot.fraction = progress.fraction;
    report(slot, TaskReport::Kind::progress, std::move(progress));
    return {};
  }
  if (type == "error") {
    const Error error = error_from_message(message);
    if (error.code == ErrorCode::worker_error || error.code == ErrorCode::sandbox_violation)
      ++counts_.executor_deaths;
    return fail_attempt(slot, error, core::get_object(message, "metrics"));
  }
  return finish(slot, message);
}

Result<void> Supervisor::finish(Slot& slot, const json::object& message) {
  const Result<AttemptResult> parsed = parse_attempt_result(message, slot.assignment->request);
  if (!parsed.ok()) return fail_attempt(slot, parsed.error(), {});
  const AttemptResult& result = *parsed;
  std::optional<Assignment> next;
  Result<FinishState> state =
      queue_.finish_and_claim(*slot.assignment, result, options_.scope, next);
  if (!state.ok()) {
    // Nothing was published. The attempt fails like any other, if the database still answers.
    if (state.error().code == ErrorCode::database_error) return std::move(state).error();
    return fail_attempt(slot, state.error(), result.metrics);
  }
  const Assignment& done = *slot.assignment;
  counts_.stage_cpu_s += core::get_double(result.metrics, "cpu_s");
  json::object fields{{"stage", done.request.stage}, {"asset_id", done.request.asset_id},
                      {"run_id", done.run_id},       {"trace_id", done.request.trace_id},
                      {"attempt", done.attempt},     {"seconds", result.seconds},
                      {"metrics", result.metrics}};
  if (*state == FinishState::fenced_off) {
    ++counts_.fenced_off;
    core::log(core::LogLevel::warning, "result dropped: the lease had passed to another worker",
              fields);
    report(slot, TaskReport::Kind::interrupted, {});
  } else {
    ++counts_.complete;
    core::log(core::LogLevel::info, "task complete", fields);
    TaskReport complete;
    complete.seconds = result.seconds;
    complete.warnings = result.warnings;
    report(slot, TaskReport::Kind::complete, std::move(complete));
  }
  slot.assignment.reset();
  next_claim_s_ = 0;
  if (next) return start(slot, std::move(*next));
  return {};
}

Result<void> Supervisor::fail_attempt(Slot& slot, const Error& error, const json::object& metrics) {
  const double seconds = core::steady_s() - slot.started_s;
  BALEEN_ASSIGN_OR_RETURN(const FailState state,
                          queue_.fail_attempt(*slot.assignment, error, metrics, seconds));
  if (state.is_fenced_off) {
    ++counts_.fenced_off;
    report(slot, TaskReport::Kind::interrupted, {});
    slot.assignment.reset();
    next_claim_s_ = 0;
    return {};
  }
  const Assignment& lost = *slot.assignment;
  core::log(core::LogLevel::info, state.will_retry ? "attempt failed" : "task failed",
            {{"stage", lost.request.stage},
             {"asset_id", lost.request.asset_id},
             {"run_id", lost.run_id},
             {"trace_id", lost.request.trace_id},
             {"attempt", lost.attempt},
             {"code", std::string(error.name())},
             {"error", error.message},
             {"retry_in_s", state.retry_in_s}});
  TaskReport report_fields;
  report_fields.error = error;
  report_fields.seconds = seconds;
  report_fields.retry_in_s = state.retry_in_s;
  ++(state.will_retry ? counts_.retried : counts_.failed);
  report(slot, state.will_retry ? TaskReport::Kind::retrying : TaskReport::Kind::failed,
         std::move(report_fields));
  slot.assignment.reset();
  next_claim_s_ = 0;
  return {};
}

Result<void> Supervisor::kill_stalled() {
  const double now_s = core::steady_s();
  for (Slot& slot : slots_) {
    if (!slot.assignment) continue;
    const bool is_stalled = now_s - slot.last_message_s >= options_.stall_timeout_s;
    if (!is_stalled && now_s - slot.started_s < options_.task_timeout_s) continue;
    slot.process.reset();
    ++counts_.executor_deaths;
    const Error error =
        is_stalled
            ? fail(ErrorCode::stage_stalled, "no progress for {:.0f} s", options_.stall_timeout_s)
            : fail(ErrorCode::stage_stalled, "not done after {:.0f} s (worker.task_timeout_s)",
                   options_.task_timeout_s);
    BALEEN_RETURN_IF_ERROR(fail_attempt(slot, error, {}));
  }
  return {};
}

void Supervisor::show_live() {
  const double now_s = core::steady_s();
  if (now_s < next_show_s_) return;
  next_show_s_ = now_s + kShowIntervalS;
  const core::ProcessIdentity& self = core::this_process();
  LiveWorker worker;
  worker.worker = self.to_string();
  worker.host = core::host_name();
  worker.pid = self.pid;
  worker.since_us = since_us_;
  worker.executors = static_cast<int>(slots_.size());
  worker.executor_deaths = counts_.executor_deaths;
  for (const Slot& slot : slots_) {
    if (!slot.assignment) continue;
    const Assignment& assignment = *slot.assignment;
    worker.tasks.push_back({assignment.request.task_id, assignment.run_id,
                            assignment.request.asset_id, assignment.request.stage,
                            assignment.attempt, slot.started_at_us, now_s - slot.started_s,
                            slot.fraction});
  }
  worker.rss_bytes = core::rss_bytes(self.pid);
  for (const Slot& slot : slots_) {
    if (slot.process) worker.rss_bytes += core::rss_bytes(slot.process->pid());
  }
  worker.rss_bytes &= ~((std::int64_t{1} << 20) - 1);  // Small changes are no reason to write.
  board_.show(worker);
}

Result<void> Supervisor::give_everything_back() {
  Result<void> outcome;
  for (Slot& slot : slots_) {
    slot.process.reset();
    if (!slot.assignment) continue;
    Result<void> interrupted = queue_.interrupt(*slot.assignment);
    report(slot, TaskReport::Kind::interrupted, {});
    slot.assignment.reset();
    if (!interrupted.ok() && outcome.ok()) outcome = std::move(interrupted);
  }
  return outcome;
}

void Supervisor::report(const Slot& slot, TaskReport::Kind kind, TaskReport report) {
  if (!observer_) return;
  report.kind = kind;
  report.run_id = slot.assignment->run_id;
  report.asset_id = slot.assignment->request.asset_id;
  report.stage = slot.assignment->request.stage;
  report.task_id = slot.assignment->request.task_id;
  report.attempt = slot.assignment->attempt;
  observer_(report);
}

}  // namespace baleen::engine
