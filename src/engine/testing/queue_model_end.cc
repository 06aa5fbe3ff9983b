// The moves of the model that end something: an attempt, a lease, a run.

#include <algorithm>

#include "engine/testing/queue_model.h"

namespace baleen::engine::model {
namespace {

bool is_open(TaskState state) {
  return state == TaskState::waiting || state == TaskState::queued || state == TaskState::running;
}

}  // namespace

// ---- how an attempt ends ------------------------------------------------------------------------

void QueueModel::complete(int task_index) {
  Task& entry = task(task_index);
  const Run& in = run(entry.run);
  entry.state = TaskState::complete;
  const auto count_down = [](Task& below) {
    if (below.upstream_open <= 0) return;
    --below.upstream_open;
    if (below.state == TaskState::waiting && below.upstream_open <= 0)
      below.state = TaskState::queued;
  };
  for (int i = 0; i < now_.n_tasks; ++i) {
    if (entry.kind == kMemberKind && has_bit(task(i).member_runs, entry.run)) count_down(task(i));
  }
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (in.task[kind] < 0 || !has_bit(kInputs[kind], entry.kind)) continue;
    count_down(task(in.task[kind]));
  }
  refresh(entry.run);
}

/// When a run is over, or goes on: for the collections that wait for its end.
void QueueModel::count_for_those_who_wait(int run_index, bool is_over) {
  const int member = run(run_index).task[kMemberKind];
  if (member < 0 || task(member).state == TaskState::complete) return;
  if (bug_ == (is_over ? Bug::members_end_uncounted : Bug::members_go_on_uncounted)) return;
  for (int i = 0; i < now_.n_tasks; ++i) {
    Task& below = task(i);
    if (below.state != TaskState::waiting || !has_bit(below.member_runs, run_index)) continue;
    below.upstream_open = static_cast<std::int16_t>(below.upstream_open + (is_over ? -1 : 1));
    if (below.upstream_open <= 0) below.state = TaskState::queued;
  }
}

void QueueModel::refresh(int run_index) {
  Run& of = run(run_index);
  rules::TaskCounts counts;
  for (const std::int16_t index : of.task) {
    if (index < 0) continue;
    const TaskState state = task(index).state;
    counts.queued += state == TaskState::queued ? 1 : 0;
    counts.running += state == TaskState::running ? 1 : 0;
    counts.failed += state == TaskState::failed ? 1 : 0;
    counts.canceled += state == TaskState::canceled ? 1 : 0;
    counts.waiting += state == TaskState::waiting ? 1 : 0;
  }
  const bool was_over = rules::is_over(of.state);
  of.state = rules::run_state(counts);
  if (of.state == rules::RunState::queued && of.has_started) of.state = rules::RunState::running;
  if (was_over != rules::is_over(of.state)) count_for_those_who_wait(run_index, !was_over);
}

void QueueModel::let_go(int worker_index, int slot) {
  Worker& by = worker(worker_index);
  by.held[static_cast<std::size_t>(slot)] = by.held[static_cast<std::size_t>(--by.n_held)];
}

void QueueModel::end_lease(const Assignment& held, AttemptStatus status) {
  now_.attempts[static_cast<std::size_t>(held.fence)].status = status;
  if (!is_lost(held)) lease(held.asset, held.kind) = Lease{};
}

void QueueModel::finish(int worker_index, int slot) {
  const Assignment held = worker(worker_index).held[static_cast<std::size_t>(slot)];
  let_go(worker_index, slot);
  has_published_ = !is_lost(held) || bug_ == Bug::fence_unchecked;
  if (!has_published_) return;
  artifact(held.asset, held.kind, held.members) = {held.fence, FileState::intact};
  end_lease(held, AttemptStatus::complete);
  task(held.task).is_forced = false;
  complete(held.task);
}

void QueueModel::fail(int worker_index, int slot, bool is_retryable) {
  const Assignment held = worker(worker_index).held[static_cast<std::size_t>(slot)];
  let_go(worker_index, slot);
  if (is_lost(held)) return;
  end_lease(held, AttemptStatus::failed);
  Task& entry = task(held.task);
  int attempts_max = kAttemptsPerTaskMax;
  if (bug_ == Bug::retries_for_ever) attempts_max = 1000;
  if (bug_ == Bug::gives_up_early) --attempts_max;
  const bool is_tried_again = rules::will_retry(is_retryable, held.number, attempts_max);
  entry.state = is_tried_again ? TaskState::queued : TaskState::failed;
  entry.not_before_us = 0;
  if (is_tried_again) {
    entry.not_before_us = now_.clock_us(kHostOf[static_cast<std::size_t>(worker_index)]) +
                          rules::to_us(rules::retry_delay_s(kRetryDelaysS, held.number));
  }
  if (bug_ != Bug::run_state_stale) refresh(entry.run);
}

void QueueModel::interrupt(int worker_index, int slot) {
  const Assignment held = worker(worker_index).held[static_cast<std::size_t>(slot)];
  let_go(worker_index, slot);
  if (is_lost(held)) return;
  end_lease(held, AttemptStatus::interrupted);
  Task& entry = task(held.task);
  entry.state = TaskState::queued;
  --entry.attempts;
  refresh(entry.run);
}

void QueueModel::reclaim(int worker_index) {
  n_changed_ = 0;
  const auto by = static_cast<std::size_t>(worker_index);
  const std::int64_t now_us = now_.clock_us(kHostOf[by]);
  if (watches_[by].begin_look(now_us, now_.now_us)) shorten_delays(now_us);
  for (int asset = 0; asset < kSubjects; ++asset) {
    for (int kind = 0; kind < kKinds; ++kind) {
      Lease& held = lease(asset, kind);
      if (held.fence == 0) continue;
      const Worker& owner = worker(held.worker);
      const bool is_mine = held.worker == worker_index && held.incarnation == owner.incarnation;
      auto liveness = core::Liveness::unknown;  // On another host.
      if (kHostOf[by] == kHostOf[static_cast<std::size_t>(held.worker)]) {
        const bool is_gone = held.incarnation != owner.incarnation || owner.life == Life::dead;
        liveness = is_gone ? core::Liveness::dead : core::Liveness::alive;
      }
      bool is_taken = rules::is_reclaimable(is_mine, liveness, [&] {
        return watches_[by].has_expired(held.fence, held.expires_us, kLeaseUs,
                                        liveness == core::Liveness::alive);
      });
      if (bug_ == Bug::reclaims_the_living) is_taken = !is_mine;
      if (bug_ == Bug::never_reclaims) is_taken = is_taken && liveness == core::Liveness::dead;
      if (!is_taken) continue;
      ++n_changed_;
      Attempt& attempt = now_.attempts[static_cast<std::size_t>(held.fence)];
      if (bug_ != Bug::attempt_left_running && attempt.status == AttemptStatus::running)
        attempt.status = AttemptStatus::interrupted;
      Task& entry = task(held.task);
      if (entry.state == TaskState::running) {
        if (bug_ != Bug::death_costs_an_attempt) --entry.attempts;
        ++entry.interruptions;
        entry.state = rules::is_given_up(entry.interruptions, kInterruptionsMax)
                          ? TaskState::failed
                          : TaskState::queued;
      }
      held = Lease{};
      refresh(entry.run);
    }
  }
}

void QueueModel::shorten_delays(std::int64_t now_us) {
  for (int i = 0; i < now_.n_tasks; ++i) {
    Task& entry = task(i);
    if (entry.state != TaskState::queued || entry.not_before_us <= 0) continue;
    entry.not_before_us = std::min(entry.not_before_us,
                                   rules::latest_retry_us(now_us, kRetryDelaysS, entry.attempts));
  }
}

// ---- what people do -----------------------------------------------------------------------------

void QueueModel::cancel(int run_index) {
  n_changed_ = 0;
  for (const std::int16_t index : run(run_index).task) {
    if (index < 0 || !is_open(task(index).state)) continue;
    Task& entry = task(index);
    if (entry.state == TaskState::running) {
      Lease& held = lease(run(run_index).asset, entry.kind);
      now_.attempts[static_cast<std::size_t>(held.fence)].status = AttemptStatus::canceled;
      if (bug_ != Bug::cancel_leaves_lease) held = Lease{};
    }
    entry.state = TaskState::canceled;
    ++n_changed_;
  }
  if (n_changed_ > 0) refresh(run_index);
}

void QueueModel::retry(int run_index) {
  n_changed_ = 0;
  for (const std::int16_t index : run(run_index).task) {
    if (index < 0) continue;
    Task& entry = task(index);
    const bool is_delayed =
        entry.state == TaskState::queued && entry.not_before_us > now_.clock_us(0);
    if (entry.state != TaskState::failed && entry.state != TaskState::canceled && !is_delayed)
      continue;
    entry.attempts = entry.interruptions = 0;
    entry.not_before_us = 0;
    entry.upstream_open = static_cast<std::int16_t>(count_open_upstream(entry));
    entry.state = entry.upstream_open > 0 ? TaskState::waiting : TaskState::queued;
    ++n_changed_;
  }
  if (n_changed_ > 0) refresh(run_index);
}

void QueueModel::kill(int worker_index) {
  worker(worker_index).life = Life::dead;
  worker(worker_index).n_held = 0;
}

}  // namespace baleen::engine::model
