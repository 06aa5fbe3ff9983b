#pragma once

/// A model of the queue: the same moves as engine::Queue, in memory and in virtual time, so that millions of
/// histories can be tried with every invariant checked after every move. queue_conformance_test.cc holds it
/// against the real queue, move by move; the pure decisions are shared (queue_rules.h).
///
/// The world is small on purpose: three owners with four assets, two of them in a collection, six stages in four
/// recipes, four workers on two hosts whose clocks go wrong, a disk that loses files. I1 to I6 are those of queue.h:
///
///  I1   A task is `running` if and only if one lease names it; the lease's fence is its one running attempt.
///  I2   A lease goes away only by its holder's hand, with its run's cancellation, or by a reclaim.
///  I3   An artifact's row is new only where the holder of the fence published, and names that attempt.
///  I4   A task becomes `complete` only if an intact artifact of its stage is recorded.
///  I5   A worker that dies or stops costs no attempt; a stage that fails costs one.
///  I6   Every lease has its attempt's row; a row that has ended never changes again.
///  I7   A waiting task counts exactly the upstream tasks that are not complete, and there is one. Of its members'
///       runs a collection waits for the end only: those that are over do not count (decision 0013).
///  I8   The state of a run follows from those of its tasks.
///  I9   A task fails only for a reason: an error that does not pass, attempts or workers used up, an input
///       that nothing in its run can make again.
///  I10  Nothing is lost: once faults cease, one worker brings every run to its end, and no lease is left.
///  I11  Tasks move only along the arrows of queue.h.
///  I12  A lease is reclaimed only from the dead (known to be, on the same host), or when nobody has renewed it for
///       its time, less what the clock of the one was behind the other's. (Where a clock was set since: whenever.)
///  I13  Attempts and interruptions stay within their limits; fences only grow.
///  I14  A claim takes from the owner with the fewest running tasks that has something to take, and nothing
///       that is paused, not yet due, or leased by another task.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/lease_watch.h"
#include "engine/queue_rules.h"

namespace baleen::engine::model {

constexpr int kAssets = 4, kOwners = 3, kKinds = 6, kRecipes = 4, kWorkers = 4, kHosts = 2;
/// What runs are about: the assets, and behind them the collection.
constexpr int kSubjects = kAssets + 1, kCollection = kAssets;
constexpr int kMembers = 2;  ///< The first assets; all of one owner.
constexpr int kMemberKind = 0,
              kTotal = 5;  ///< What the collection's stage reads of each member, and that stage.
constexpr int kRunsMax = 14, kTasksMax = kRunsMax * kKinds, kAttemptsMax = 400, kHeldMax = 2;
constexpr int kAttemptsPerTaskMax = 3, kInterruptionsMax = 3;
constexpr std::array<double, 3> kRetryDelaysS = {60, 300, 900};
constexpr std::int64_t kLeaseUs = 600'000'000;

/// Stages a(original), b(a), c(a), d(b, c), e(b), t(a of the members); recipes: a to e; a and c; d alone, whose
/// inputs are made by other runs; t, of the collection.
constexpr std::array<unsigned, kKinds> kInputs = {0, 0b00001, 0b00001, 0b00110, 0b00010, 0};
constexpr std::array<unsigned, kRecipes> kStages = {0b11111, 0b00101, 0b01000, 0b100000};
constexpr std::array<int, kSubjects> kOwnerOf = {0, 0, 1, 2, 0};
constexpr std::array<int, kWorkers> kHostOf = {0, 0, 1, 1};
constexpr unsigned kAllStages = 0b111111;

constexpr bool has_bit(unsigned mask, int bit) {
  return ((mask >> static_cast<unsigned>(bit)) & 1U) != 0;
}

enum class TaskState : std::uint8_t { waiting, queued, running, complete, failed, canceled };
enum class AttemptStatus : std::uint8_t { running, complete, failed, canceled, interrupted };
enum class FileState : std::uint8_t { missing, intact, damaged };
enum class Life : std::uint8_t { running, stopped, dead };
[[nodiscard]] std::string_view to_string(TaskState state);
[[nodiscard]] std::string_view to_string(AttemptStatus status);

struct Task {
  std::int16_t run = 0;
  std::int8_t kind = 0;
  TaskState state = TaskState::waiting;
  bool is_forced = false;
  std::int16_t upstream_open = 0, attempts = 0, interruptions = 0;
  std::int64_t not_before_us = 0, rank_us = 0;
  unsigned member_runs =
      0;  ///< Bit by bit: the runs whose task of kMemberKind it has an edge from.
  bool operator==(const Task&) const = default;
};

struct Run {
  std::int8_t recipe = 0, asset = 0;
  bool has_started = false;
  rules::RunState state = rules::RunState::queued;
  std::array<std::int16_t, kKinds> task{};  ///< -1: this run has no task of that stage.
  std::int64_t created_us = 0;
};

struct Lease {
  int fence = 0;  ///< 0: there is none.
  std::int16_t task = 0, worker = 0;
  int incarnation = 0;  ///< Of the worker: a process.
  std::int64_t expires_us = 0;
  std::int64_t renewed_us = 0;  ///< True time.
};

struct Attempt {
  std::int16_t task = 0;
  AttemptStatus status = AttemptStatus::running;
  std::int8_t number = 0;
  bool operator==(const Attempt&) const = default;
};

struct Artifact {
  int job = 0;  ///< The attempt that its row names; 0: there is no row.
  FileState file = FileState::missing;
};

/// What a worker has in hand, whether it still may or not.
struct Assignment {
  int fence = 0;
  std::int16_t task = 0;
  std::int8_t asset = 0, kind = 0, number = 0;
  unsigned members = 0;  ///< Of kTotal: which of them had something to read.
};

struct Worker {
  Life life = Life::running;
  int incarnation = 0, boot = 0;
  unsigned scope = kAllStages;
  int n_held = 0;
  std::array<Assignment, kHeldMax> held{};
};

struct Host {
  std::int64_t offset_us = 0;  ///< How far its clock is off.
  int boot = 0;
};

/// Everything there is: what the database, the disks and the processes hold.
struct State {
  std::int64_t now_us = 1'700'000'000'000'000;
  int n_runs = 0, n_tasks = 0, n_attempts = 0;
  std::array<std::array<Lease, kKinds>, kSubjects> leases{};
  std::array<std::array<Artifact, kKinds>, kAssets> artifacts{};  ///< Of all stages but kTotal.
  std::array<Artifact, 1U << kMembers>
      totals{};  ///< By the members that were read: that is their signature.
  std::array<FileState, kAssets> originals{};
  std::array<int, kOwners> last_fence{};
  std::array<std::array<bool, kKinds + 1>, kRecipes + 1> pauses{};  ///< Index 0: any.
  std::array<Worker, kWorkers> workers{};
  std::array<Host, kHosts> hosts{};
  std::int64_t clock_set_us = 0;  ///< When a clock was set last, in true time.
  std::array<Run, kRunsMax> runs{};
  std::array<Task, kTasksMax> tasks{};
  std::array<Attempt, kAttemptsMax + 1> attempts{};  ///< From 1: the fence.

  [[nodiscard]] std::int64_t clock_us(int host) const {
    return now_us + hosts[static_cast<std::size_t>(host)].offset_us;
  }
};

enum class MoveKind : std::uint8_t {
  submit,            ///< a asset, b recipe, c priority, d stages (0: all), e forced stages
  pause,             ///< b recipe + 1, c stage + 1 (0: any)
  resume,            ///< likewise
  claim,             ///< a worker
  finish,            ///< a worker, b which assignment
  finish_and_claim,  ///< likewise
  fail,              ///< likewise; c: 1 if the error may pass
  interrupt,         ///< likewise
  drop,              ///< likewise: it has seen that the lease is gone
  heartbeat,         ///< a worker
  reclaim,           ///< a worker
  cancel,            ///< a run
  retry,             ///< a run
  kill,              ///< a worker
  kill_in_finish,  ///< a worker, b which assignment: the file has its name, the row is not written
  stop,            ///< a worker
  go_on,           ///< a worker
  restart,         ///< a worker: another process
  reboot,          ///< a host
  jump,            ///< a host, b seconds
  advance,         ///< time_us
  lose,            ///< a asset, b stage, or -1: the original
  damage,          ///< likewise
  restore,         ///< a asset: its original
  rescope,         ///< a worker, d the stages that it takes
};

struct Move {
  MoveKind kind = MoveKind::advance;
  int a = 0, b = 0, c = 0;
  unsigned d = 0, e = 0;
  std::int64_t time_us = 0;
};
[[nodiscard]] std::string to_string(const Move& move);

/// Mistakes a queue could have, made on purpose to see that the invariants notice.
enum class Bug : std::uint8_t {
  none,
  fence_unchecked,         ///< Whoever finishes publishes.
  reclaims_the_living,     ///< Any lease of another is taken.
  never_reclaims,          ///< Expired leases stay.
  retries_for_ever,        ///< The limit is not looked at.
  gives_up_early,          ///< One attempt fewer than promised.
  death_costs_an_attempt,  ///< Of a reclaimed lease.
  lease_unchecked,         ///< Two tasks of one stage and asset run at once.
  run_state_stale,         ///< A failure does not reach the run.
  cancel_leaves_lease,     ///< So that a canceled attempt publishes.
  upstream_miscounted,  ///< Made again, an input sets off a task that waits for another one, too.
  gives_up_on_open_input,   ///< An input that is just being made again counts as lost.
  pause_ignored,            ///< By claims.
  owner_order_ignored,      ///< The first task in the queue goes first, whoever's it is.
  attempt_left_running,     ///< A reclaimed attempt's row is not ended.
  members_end_uncounted,    ///< A run that ends without success keeps its collection waiting.
  members_go_on_uncounted,  ///< A run that is tried again is not waited for again.
  members_must_succeed,     ///< Tried again, a collection waits for runs that are over.
};

class QueueModel {
 public:
  explicit QueueModel(Bug bug = Bug::none);

  /// Makes a move; false, and nothing happens, if it makes no sense now.
  bool apply(const Move& move);
  [[nodiscard]] const State& state() const { return now_; }

  /// What the last claim took: a fence, or 0.
  [[nodiscard]] int claimed_fence() const { return claimed_fence_; }
  /// Whether the last finish published.
  [[nodiscard]] bool has_published() const { return has_published_; }
  /// Of the last submit: the run and whether it is new.
  [[nodiscard]] int submitted_run() const { return submitted_run_; }
  [[nodiscard]] bool is_new_run() const { return is_new_run_; }
  /// How many leases the last reclaim took, or tasks the last retry or cancel changed.
  [[nodiscard]] int n_changed() const { return n_changed_; }

  [[nodiscard]] bool is_paused(const Task& task) const;
  [[nodiscard]] bool is_lost(const Assignment& held) const;

 private:
  Task& task(int index) { return now_.tasks[static_cast<std::size_t>(index)]; }
  Run& run(int index) { return now_.runs[static_cast<std::size_t>(index)]; }
  Worker& worker(int index) { return now_.workers[static_cast<std::size_t>(index)]; }
  Lease& lease(int asset, int kind) {
    return now_.leases[static_cast<std::size_t>(asset)][static_cast<std::size_t>(kind)];
  }
  Artifact& artifact(int asset, int kind, unsigned members) {
    if (kind == kTotal) return now_.totals[members];
    return now_.artifacts[static_cast<std::size_t>(asset)][static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] bool is_intact(int asset, int kind) const;
  [[nodiscard]] int missing_input(int asset, int kind) const;
  [[nodiscard]] int count_open_upstream(const Task& of) const;
  /// The members that have what a collection reads.
  [[nodiscard]] unsigned members_that_have_it() const;
  /// The runs that are making it.
  [[nodiscard]] unsigned open_member_runs() const;
  void recount_below(Task& below);
  void count_for_those_who_wait(int run_index, bool is_over);

  bool apply_to_worker(const Move& move);
  bool submit(const Move& move);
  bool claim(int worker_index);
  [[nodiscard]] int next_queued(int worker_index) const;
  [[nodiscard]] int first_of(int owner, int worker_index) const;
  void take_lease(int task_index, int worker_index);
  void handle_missing_input(int task_index, int producer);
  int add_attempt(int task_index, AttemptStatus status, int number);
  void give_up(int task_index);
  void take_turn(int task_index);
  void complete(int task_index);
  void refresh(int run_index);
  void finish(int worker_index, int slot);
  void fail(int worker_index, int slot, bool is_retryable);
  void interrupt(int worker_index, int slot);
  void let_go(int worker_index, int slot);
  void end_lease(const Assignment& held, AttemptStatus status);
  void reclaim(int worker_index);
  void shorten_delays(std::int64_t now_us);
  void cancel(int run_index);
  void retry(int run_index);
  void kill(int worker_index);

  Bug bug_;
  State now_;
  int claimed_fence_ = 0, submitted_run_ = -1, n_changed_ = 0;
  bool has_published_ = false, is_new_run_ = false;
  std::array<LeaseWatch, kWorkers> watches_;  ///< Of the workers' present processes.
};

/// What is wrong with a state, or with a move that led from one to the other; "" if nothing is.
[[nodiscard]] std::string_view find_violation(const State& state);
[[nodiscard]] std::string_view find_violation(const State& before,
                                              const Move& move,
                                              const State& after);

}  // namespace baleen::engine::model
