// The invariants I1 to I14 of queue_model.h. Nothing here is shared with the moves: what must hold is said again.

#include <algorithm>

#include "engine/testing/queue_model.h"

namespace baleen::engine::model {
namespace {

template <typename T, std::size_t kSize>
const T& at(const std::array<T, kSize>& list, int index) {
  return list[static_cast<std::size_t>(index)];
}

/// The members that have what a collection reads.
unsigned members_that_have_it(const State& state) {
  unsigned members = 0;
  for (int asset = 0; asset < kMembers; ++asset) {
    const Artifact& artifact = at(at(state.artifacts, asset), kMemberKind);
    if (artifact.job != 0 && artifact.file == FileState::intact)
      members |= 1U << static_cast<unsigned>(asset);
  }
  return members;
}

bool is_intact(const State& state, int asset, int kind) {
  // Which members it was of may have changed since it was looked at.
  if (kind == kTotal)
    return std::any_of(state.totals.begin(), state.totals.end(),
                       [](const Artifact& total) { return total.job != 0; });
  const Artifact& artifact = at(at(state.artifacts, asset), kind);
  return artifact.job != 0 && artifact.file == FileState::intact;
}

int asset_of(const State& state, const Task& task) { return at(state.runs, task.run).asset; }

int upstream_task(const State& state, const Task& task, int kind) {
  return has_bit(at(kInputs, task.kind), kind) ? at(at(state.runs, task.run).task, kind) : -1;
}

bool is_claim(const Move& move) {
  return move.kind == MoveKind::claim || move.kind == MoveKind::finish_and_claim;
}

bool is_finish(const Move& move) {
  return move.kind == MoveKind::finish || move.kind == MoveKind::finish_and_claim;
}

/// What the worker of this move had in hand, if the move is about it and the lease is still there.
const Assignment* rightful(const State& before, const Move& move) {
  if (!is_finish(move) && move.kind != MoveKind::fail && move.kind != MoveKind::interrupt)
    return nullptr;
  const Assignment& held = at(at(before.workers, move.a).held, move.b);
  return at(at(before.leases, held.asset), held.kind).fence == held.fence ? &held : nullptr;
}

// ---- one state ----------------------------------------------------------------------------------

std::string_view find_lease_violation(const State& state) {
  int n_leases = 0;
  for (int asset = 0; asset < kSubjects; ++asset) {
    for (int kind = 0; kind < kKinds; ++kind) {
      const Lease& lease = at(at(state.leases, asset), kind);
      if (lease.fence == 0) continue;
      ++n_leases;
      const Task& task = at(state.tasks, lease.task);
      if (task.state != TaskState::running || task.kind != kind || asset_of(state, task) != asset)
        return "I1: a lease names a task that does not run";
      if (lease.fence > state.n_attempts) return "I6: a lease without an attempt";
      const Attempt& attempt = at(state.attempts, lease.fence);
      if (attempt.task != lease.task || attempt.status != AttemptStatus::running)
        return "I1: the fence of a lease is not the task's running attempt";
    }
  }
  int n_running = 0;
  for (int i = 0; i < state.n_tasks; ++i)
    n_running += at(state.tasks, i).state == TaskState::running ? 1 : 0;
  if (n_running != n_leases) return "I1: a task runs without a lease of its own";
  for (int i = 1; i <= state.n_attempts; ++i)
    n_running -= at(state.attempts, i).status == AttemptStatus::running ? 1 : 0;
  return n_running == 0 ? "" : "I6: an attempt runs without a lease";
}

/// How many tasks it waits for: of its own run what is not complete, of others what may still come.
int count_open(const State& state, const Task& task) {
  int n_open = 0;
  for (int kind = 0; kind < kKinds; ++kind) {
    const int upstream = upstream_task(state, task, kind);
    if (upstream >= 0 && at(state.tasks, upstream).state != TaskState::complete) ++n_open;
  }
  for (int run = 0; run < state.n_runs; ++run) {
    if (!has_bit(task.member_runs, run) || rules::is_over(at(state.runs, run).state)) continue;
    const Task& member = at(state.tasks, at(at(state.runs, run).task, kMemberKind));
    n_open += member.state != TaskState::complete ? 1 : 0;
  }
  return n_open;
}

std::string_view find_task_violation(const State& state) {
  for (int i = 0; i < state.n_tasks; ++i) {
    const Task& task = at(state.tasks, i);
    if (task.attempts < 0 || task.attempts > kAttemptsPerTaskMax)
      return "I13: more attempts than allowed";
    if (task.interruptions < 0 || task.interruptions > kInterruptionsMax + 1)
      return "I13: more interruptions than allowed";
    if (task.state != TaskState::waiting) continue;
    const int n_open = count_open(state, task);
    if (n_open == 0) return "I7: a task waits for nothing";
    if (n_open != task.upstream_open) return "I7: a task has miscounted what it waits for";
  }
  return "";
}

std::string_view find_run_violation(const State& state) {
  for (int i = 0; i < state.n_runs; ++i) {
    const Run& run = at(state.runs, i);
    std::array<int, 6> count{};
    for (const std::int16_t task : run.task) {
      if (task >= 0) ++count[static_cast<std::size_t>(at(state.tasks, task).state)];
    }
    const auto n = [&](TaskState task) { return count[static_cast<std::size_t>(task)]; };
    rules::RunState expected = rules::RunState::complete;
    if (n(TaskState::running) + n(TaskState::queued) > 0) {
      expected = run.has_started ? rules::RunState::running : rules::RunState::queued;
    } else if (n(TaskState::failed) > 0) {
      expected = rules::RunState::failed;
    } else if (n(TaskState::canceled) > 0) {
      expected = rules::RunState::canceled;
    } else if (n(TaskState::waiting) > 0) {  // For other runs.
      expected = run.has_started ? rules::RunState::running : rules::RunState::queued;
    }
    if (run.state != expected) return "I8: a run is not in the state that its tasks say";
    if (run.state == rules::RunState::complete && n(TaskState::waiting) > 0)
      return "I8: a run is complete while a task waits";
  }
  return "";
}

// ---- one move -----------------------------------------------------------------------------------

bool may_reclaim(const State& before, const Move& move, const Lease& lease) {
  const Worker& owner = at(before.workers, lease.worker);
  if (lease.worker == move.a && lease.incarnation == owner.incarnation) return false;
  const int host = at(kHostOf, move.a);
  const bool is_known_dead = at(kHostOf, lease.worker) == host &&
                             (owner.life == Life::dead || owner.incarnation != lease.incarnation);
  if (is_known_dead || before.clock_set_us >= lease.renewed_us) return true;
  const std::int64_t ahead_us =
      at(before.hosts, at(kHostOf, lease.worker)).offset_us - at(before.hosts, host).offset_us;
  return before.now_us - lease.renewed_us >= kLeaseUs + std::min<std::int64_t>(0, ahead_us);
}

std::string_view find_lease_change(const State& before, const Move& move, const State& after) {
  const Assignment* held = rightful(before, move);
  for (int asset = 0; asset < kSubjects; ++asset) {
    for (int kind = 0; kind < kKinds; ++kind) {
      const Lease& was = at(at(before.leases, asset), kind);
      const Lease& is = at(at(after.leases, asset), kind);
      if (was.fence == is.fence) continue;
      if (is.fence != 0 && !is_claim(move)) return "I2: a lease out of nothing";
      if (is.fence != 0 && is.fence <= before.n_attempts)
        return "I13: a fence that was there before";
      if (was.fence == 0) continue;
      if (move.kind == MoveKind::reclaim) {
        if (!may_reclaim(before, move, was)) return "I12: a living worker's lease was reclaimed";
      } else if (move.kind == MoveKind::cancel) {
        if (at(before.tasks, was.task).run != move.a)
          return "I2: another run's lease was taken away";
      } else if (held == nullptr || held->fence != was.fence) {
        return "I2: a lease went away, and not by its holder";
      }
    }
  }
  return "";
}

/// One row: which attempt it named and names; whether it is what the move's worker had in hand, and whether somebody has
/// just begun to make it again.
struct RowChange {
  int was = 0, is = 0;
  bool is_mine = false, is_leased = false;
};

std::string_view find_row_change(const RowChange& row,
                                 const Move& move,
                                 const Assignment* held,
                                 const State& after) {
  if (is_finish(move) && row.is_mine && row.is != held->fence && !row.is_leased)
    return "I3: the holder of the fence did not publish";
  if (row.was == row.is) return "";
  if (row.is == 0)
    return row.is_leased ? "" : "I3: a row went away without a lease on what replaces it";
  if (!is_finish(move) || !row.is_mine || row.is != held->fence)
    return "I3: a row of one who does not hold the fence";
  return at(after.attempts, row.is).status == AttemptStatus::complete
             ? ""
             : "I3: a row of an attempt that is not complete";
}

std::string_view find_artifact_change(const State& before, const Move& move, const State& after) {
  const Assignment* held = rightful(before, move);
  const auto find = [&](int asset, int kind, unsigned members, int was, int is) {
    const bool is_mine =
        held != nullptr && held->asset == asset && held->kind == kind && held->members == members;
    const bool is_leased = at(at(after.leases, asset), kind).fence > before.n_attempts;
    return find_row_change({was, is, is_mine, is_leased}, move, held, after);
  };
  for (int asset = 0; asset < kAssets; ++asset) {
    for (int kind = 0; kind < kTotal; ++kind) {
      const std::string_view found = find(asset, kind, 0, at(at(before.artifacts, asset), kind).job,
                                          at(at(after.artifacts, asset), kind).job);
      if (!found.empty()) return found;
    }
  }
  for (unsigned members = 0; members < before.totals.size(); ++members) {
    const std::string_view found =
        find(kCollection, kTotal, members, before.totals[members].job, after.totals[members].job);
    if (!found.empty()) return found;
  }
  return "";
}

std::string_view find_attempt_change(const State& before, const State& after) {
  if (after.n_attempts < before.n_attempts) return "I6: attempts are forgotten";
  for (int i = 1; i <= before.n_attempts; ++i) {
    if (at(before.attempts, i).status != AttemptStatus::running &&
        at(after.attempts, i) != at(before.attempts, i))
      return "I6: an attempt that had ended has changed";
  }
  return "";
}

/// Whether a task that a claim gave up had to be: an input is gone, and nothing in its run can make it again.
bool is_beyond_help(const State& after, const Task& task) {
  const int asset = asset_of(after, task);
  if (task.kind == kTotal) return members_that_have_it(after) == 0;
  if (at(kInputs, task.kind) == 0) return at(after.originals, asset) != FileState::intact;
  if (task.interruptions >= kInterruptionsMax) return true;
  for (int kind = 0; kind < kKinds; ++kind) {
    if (!has_bit(at(kInputs, task.kind), kind) || is_intact(after, asset, kind)) continue;
    const int producer = upstream_task(after, task, kind);
    if (producer < 0) return true;
    const TaskState state = at(after.tasks, producer).state;
    if (state == TaskState::failed || state == TaskState::canceled) return true;
  }
  return false;
}

std::string_view find_claimed_change(
    const State& before, const Task& was, const Move& move, const State& after, const Task& is) {
  using enum TaskState;
  switch (is.state) {
    case running:
      if (is.attempts != (was.state == complete ? 1 : was.attempts + 1))
        return "I5: a start is not one attempt";
      return was.state == failed || was.state == canceled ? "I11: a final task starts" : "";
    case complete: {
      if (was.state == complete) return "";
      const int asset = asset_of(after, is);
      // Published in this very move, even if another's forced task has replaced it since.
      const Assignment* held = rightful(before, move);
      const bool is_recorded = is_intact(before, asset, is.kind) ||
                               is_intact(after, asset, is.kind) ||
                               (held != nullptr && held->asset == asset && held->kind == is.kind);
      return is_recorded ? "" : "I4: complete without an artifact";
    }
    case failed:
      if (was.state == failed || was.state == canceled) return "I11: a final task fails";
      return is_beyond_help(after, is) ? "" : "I9: given up, though its input can be made again";
    case canceled: return "I11: a claim cancels";
    default: break;
  }
  if (was.state == failed || was.state == canceled) return "I11: a final task is open again";
  const int n_attempts = was.state == complete ? 0 : was.attempts;
  return is.attempts == n_attempts ? "" : "I5: a claim changes attempts";
}

/// Whether a task's delay was shortened, and nothing else.
bool is_only_sooner(const Task& was, const Task& is) {
  Task expected = was;
  expected.not_before_us = is.not_before_us;
  return was.state == TaskState::queued && is == expected && is.not_before_us < was.not_before_us;
}

/// Whether a collection has counted again what it waits for, and nothing else. (Who does not wait is counted again when
/// it does.)
bool is_recount(const Task& was, const Task& is) {
  Task expected = was;
  expected.upstream_open = is.upstream_open;
  if (was.state == TaskState::waiting && is.state == TaskState::queued) expected.state = is.state;
  return was.kind == kTotal && is == expected;
}

std::string_view find_one_task_change(
    const State& before, const Task& was, const Move& move, const State& after, const Task& is) {
  using enum TaskState;
  if (is_recount(was, is)) {
    // What a claim finds gone, it may set going again in the same move.
    const bool is_early = is.state != was.state && !is_claim(move) && count_open(after, is) != 0;
    return is_early ? "I7: a collection was set off early" : "";
  }
  if (is_claim(move) && !(move.kind == MoveKind::finish_and_claim && was.state == running))
    return find_claimed_change(before, was, move, after, is);
  switch (move.kind) {
    case MoveKind::fail:
      if (was.state != running) return "I11: a failure of one task moves another";
      if (is.attempts != was.attempts)
        return "I5: a failure costs one attempt, which its start has counted";
      if (is.state == queued)
        return move.c != 0 && was.attempts < kAttemptsPerTaskMax ? ""
                                                                 : "I13: tried again without limit";
      if (is.state != failed) return "I11: failed to something else";
      return move.c == 0 || was.attempts >= kAttemptsPerTaskMax ? ""
                                                                : "I9: given up with attempts left";
    case MoveKind::interrupt:
    case MoveKind::reclaim:
      if (is_only_sooner(was, is)) return "";  // The clock was set back meanwhile.
      if (was.state != running) return "I11: a dead worker's task did not run";
      if (is.attempts != was.attempts - 1) return "I5: a worker's end costs an attempt";
      if (is.state == queued) return "";
      return is.state == failed && is.interruptions >= kInterruptionsMax
                 ? ""
                 : "I9: given up with its worker";
    case MoveKind::cancel:
      if (was.run != move.a || is.state != canceled) return "I11: a cancellation of something else";
      return was.state == complete || was.state == failed ? "I11: what is final was canceled" : "";
    case MoveKind::retry:
      if (was.run != move.a) return "I11: another run's task was tried again";
      if (was.state == complete || was.state == running || was.state == waiting)
        return "I11: tried again too early";
      return is.attempts == 0 && is.interruptions == 0 ? ""
                                                       : "I5: tried again without fresh attempts";
    case MoveKind::finish:
      if (was.state == running && is.state == complete)
        return is_intact(after, asset_of(after, is), is.kind) ? ""
                                                              : "I4: complete without an artifact";
      if (is.state != was.state && (was.state != waiting || is.state != queued))
        return "I11: moved by another's end";
      return is.attempts == was.attempts ? "" : "I5: attempts changed by another's end";
    case MoveKind::finish_and_claim:
      return is.state == failed || is.state == canceled ? "I11: finished as failed" : "";
    default: return "I11: moved by what does not move tasks";
  }
}

std::string_view find_task_change(const State& before, const Move& move, const State& after) {
  for (int i = 0; i < before.n_tasks; ++i) {
    const Task& was = at(before.tasks, i);
    const Task& is = at(after.tasks, i);
    if (was == is) continue;
    const std::string_view found = find_one_task_change(before, was, move, after, is);
    if (!found.empty()) return found;
  }
  if (after.n_tasks != before.n_tasks && move.kind != MoveKind::submit)
    return "I11: a task out of nothing";
  return "";
}

bool is_paused(const State& state, const Task& task) {
  for (const int recipe : {0, at(state.runs, task.run).recipe + 1}) {
    for (const int kind : {0, task.kind + 1}) {
      if (at(at(state.pauses, recipe), kind)) return true;
    }
  }
  return false;
}

bool can_be_taken(const State& state, const Move& move, const Task& task) {
  const Worker& worker = at(state.workers, move.a);
  return task.state == TaskState::queued && has_bit(worker.scope, task.kind) &&
         task.not_before_us <= state.clock_us(at(kHostOf, move.a)) && !is_paused(state, task) &&
         at(at(state.leases, asset_of(state, task)), task.kind).fence == 0;
}

/// What a plain claim took. Where it also found tasks fresh or without their inputs, or finished one, the order
/// is left to the conformance test.
std::string_view find_turn_violation(const State& before, const Move& move, const State& after) {
  if (!is_claim(move)) return "";
  int n_changed = 0;
  int taken = -1;
  for (int i = 0; i < before.n_tasks; ++i) {
    const Task& is = at(after.tasks, i);
    if (is == at(before.tasks, i)) continue;
    ++n_changed;
    if (is.state != TaskState::running) continue;
    taken = i;
    if (is_paused(after, is)) return "I14: taken, though paused";
    if (!has_bit(at(after.workers, move.a).scope, is.kind)) return "I14: taken out of scope";
    if (is.not_before_us > after.clock_us(at(kHostOf, move.a))) return "I14: taken before its time";
  }
  if (n_changed > 1 || move.kind == MoveKind::finish_and_claim) return "";
  std::array<int, kOwners> n_running{};
  std::array<bool, kOwners> has_something{};
  for (int i = 0; i < before.n_tasks; ++i) {
    const Task& task = at(before.tasks, i);
    const auto owner = static_cast<std::size_t>(at(kOwnerOf, asset_of(before, task)));
    n_running[owner] += task.state == TaskState::running ? 1 : 0;
    if (!can_be_taken(before, move, task)) continue;
    has_something[owner] = true;
    if (n_changed == 0) return "I14: something could be taken, and was not";
  }
  if (taken < 0) return "";
  const auto mine = static_cast<std::size_t>(at(kOwnerOf, asset_of(after, at(after.tasks, taken))));
  for (std::size_t other = 0; other < kOwners; ++other) {
    if (!has_something[other]) continue;
    if (n_running[other] < n_running[mine] ||
        (n_running[other] == n_running[mine] && before.last_fence[other] < before.last_fence[mine]))
      return "I14: it was another owner's turn";
  }
  return "";
}

}  // namespace

std::string_view find_violation(const State& state) {
  for (const auto check : {find_lease_violation, find_task_violation, find_run_violation}) {
    const std::string_view found = check(state);
    if (!found.empty()) return found;
  }
  return "";
}

std::string_view find_violation(const State& before, const Move& move, const State& after) {
  for (const auto check :
       {find_lease_change, find_artifact_change, find_task_change, find_turn_violation}) {
    const std::string_view found = check(before, move, after);
    if (!found.empty()) return found;
  }
  return find_attempt_change(before, after);
}

}  // namespace baleen::engine::model
