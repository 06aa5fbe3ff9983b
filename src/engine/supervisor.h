#pragma once

/// The supervisor: claims tasks, hands them to executors, publishes what they made.
///
/// One thread, one database connection, one poll loop. It runs no stage code, so nothing a recording
/// holds can take it down or make it miss a heartbeat.

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/executor_process.h"
#include "engine/live.h"
#include "engine/queue.h"
#include "store/watch.h"

namespace baleen::engine {

struct SupervisorOptions {
  int executors = 1;
  int processors = 0;  ///< To share among them; 0: those of this machine.
  ExecutorCommand command;
  double lease_ttl_s = 600;
  double stall_timeout_s = 300;    ///< An executor that makes no progress for this long is killed.
  double task_timeout_s = 86'400;  ///< One that takes longer too, whatever it says.
  double cancel_check_s = 1;       ///< How soon it is seen that what runs was canceled.
  bool is_until_done = false;  ///< Return when nothing in scope is open; otherwise when stopped.
  Scope scope;
};

/// Threads of one task, at most: more would wait for memory.
inline constexpr int kTaskThreadsMax = 16;

/// What happened to one task, for whoever shows progress.
struct TaskReport {
  enum class Kind {
    started,
    progress,
    complete,
    retrying,
    failed,
    interrupted
  } kind = Kind::started;
  std::string run_id, asset_id, stage;
  std::int64_t task_id = 0;
  int attempt = 1;
  double fraction = 0;  ///< progress
  double seconds = 0;   ///< complete
  double retry_in_s = 0;
  std::optional<Error> error;
  std::vector<StageWarning> warnings;
};

struct SupervisorCounts {
  std::int64_t complete = 0, failed = 0, retried = 0, fenced_off = 0, executor_deaths = 0,
               reclaimed = 0;
  double stage_cpu_s = 0;
};

/// What an executor says that it made. WORKER_ERROR for what is no result of this request: whatever an executor has
/// become of a recording, its words do not take the supervisor down.
[[nodiscard]] Result<AttemptResult> parse_attempt_result(const json::object& message,
                                                         const StageRequest& request);

class Supervisor {
 public:
  Supervisor(Queue& queue,
             SupervisorOptions options,
             std::function<void(const TaskReport&)> observer);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Works until `stop` is set (CANCELED), until done if so asked, or until the database fails.
  /// `tick` is called in every turn of the loop; while it returns true, more work may still come.
  /// On return no executor runs and no lease is held.
  [[nodiscard]] Result<void> run(const std::atomic<bool>& stop, const std::function<bool()>& tick);

  [[nodiscard]] const SupervisorCounts& counts() const { return counts_; }

 private:
  struct Slot;
  [[nodiscard]] Result<void> fill_idle_slots();
  [[nodiscard]] Result<double> idle_until_s(double now_s);
  [[nodiscard]] Result<void> start(Slot& slot, Assignment assignment);
  [[nodiscard]] int spare_threads() const;
  [[nodiscard]] Result<void> wait_for_messages();
  [[nodiscard]] Result<void> receive(Slot& slot);
  [[nodiscard]] Result<void> handle(Slot& slot, const json::object& message);
  [[nodiscard]] Result<void> finish(Slot& slot, const json::object& message);
  [[nodiscard]] Result<void> fail_attempt(Slot& slot,
                                          const Error& error,
                                          const json::object& metrics);
  [[nodiscard]] Result<void> keep_leases();
  [[nodiscard]] Result<void> kill_stalled();
  void show_live();
  [[nodiscard]] Result<void> give_everything_back();
  [[nodiscard]] bool is_any_busy() const;
  void report(const Slot& slot, TaskReport::Kind kind, TaskReport report);

  Queue& queue_;
  SupervisorOptions options_;
  std::function<void(const TaskReport&)> observer_;
  std::vector<Slot> slots_;
  SupervisorCounts counts_;
  double next_reclaim_s_ = 0;
  double next_heartbeat_s_ = 0;
  double next_claim_s_ = 0;
  double next_show_s_ = 0;
  store::NewsSchedule news_;
  store::DatabaseWatch watch_;
  LiveBoard board_;
  const std::int64_t since_us_;
};

}  // namespace baleen::engine
