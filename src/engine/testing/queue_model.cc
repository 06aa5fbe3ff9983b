// The moves of the model. Each says what engine::Queue does, with arrays for tables.

#include "engine/testing/queue_model.h"

#include <fmt/format.h>

namespace baleen::engine::model {
namespace {

constexpr std::array<std::string_view, 25> kMoveNames = {
    "submit", "pause",     "resume",         "claim",     "finish",  "finish_and_claim",
    "fail",   "interrupt", "drop",           "heartbeat", "reclaim", "cancel",
    "retry",  "kill",      "kill_in_finish", "stop",      "go_on",   "restart",
    "reboot", "jump",      "advance",        "lose",      "damage",  "restore",
    "rescope"};

bool is_open(TaskState state) {
  return state == TaskState::waiting || state == TaskState::queued || state == TaskState::running;
}

}  // namespace

std::string_view to_string(TaskState state) {
  constexpr std::array<std::string_view, 6> kNames = {"waiting",  "queued", "running",
                                                      "complete", "failed", "canceled"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view to_string(AttemptStatus status) {
  constexpr std::array<std::string_view, 5> kNames = {"running", "complete", "failed", "canceled",
                                                      "interrupted"};
  return kNames[static_cast<std::size_t>(status)];
}

std::string to_string(const Move& move) {
  return fmt::format("{} {} {} {} {} {} {}", kMoveNames[static_cast<std::size_t>(move.kind)],
                     move.a, move.b, move.c, move.d, move.e, move.time_us);
}

QueueModel::QueueModel(Bug bug) : bug_(bug) { now_.originals.fill(FileState::intact); }

// ---- looking ------------------------------------------------------------------------------------

bool QueueModel::is_paused(const Task& task) const {
  const auto recipe =
      static_cast<std::size_t>(now_.runs[static_cast<std::size_t>(task.run)].recipe) + 1;
  const auto kind = static_cast<std::size_t>(task.kind) + 1;
  return now_.pauses[0][0] || now_.pauses[0][kind] || now_.pauses[recipe][0] ||
         now_.pauses[recipe][kind];
}

bool QueueModel::is_intact(int asset, int kind) const {
  if (kind == kTotal) return now_.totals[members_that_have_it()].job != 0;
  const Artifact& artifact =
      now_.artifacts[static_cast<std::size_t>(asset)][static_cast<std::size_t>(kind)];
  return artifact.job != 0 && artifact.file == FileState::intact;
}

/// The first input of a stage that is not there: a stage, -1 for the original, -2 if all are.
int QueueModel::missing_input(int asset, int kind) const {
  if (kind == kTotal) return members_that_have_it() == 0 ? -1 : -2;
  const unsigned inputs = kInputs[static_cast<std::size_t>(kind)];
  if (inputs == 0 && now_.originals[static_cast<std::size_t>(asset)] != FileState::intact)
    return -1;
  for (int input = 0; input < kKinds; ++input) {
    if (has_bit(inputs, input) && !is_intact(asset, input)) return input;
  }
  return -2;
}

int QueueModel::count_open_upstream(const Task& of) const {
  const Run& in = now_.runs[static_cast<std::size_t>(of.run)];
  int count = 0;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (!has_bit(kInputs[static_cast<std::size_t>(of.kind)], static_cast<int>(kind)) ||
        in.task[kind] < 0)
      continue;
    count +=
        now_.tasks[static_cast<std::size_t>(in.task[kind])].state != TaskState::complete ? 1 : 0;
  }
  for (int i = 0; i < now_.n_runs; ++i) {
    if (!has_bit(of.member_runs, i)) continue;
    const Run& other = now_.runs[static_cast<std::size_t>(i)];
    const Task& member = now_.tasks[static_cast<std::size_t>(other.task[kMemberKind])];
    if (member.state == TaskState::complete) continue;
    count += rules::is_over(other.state) && bug_ != Bug::members_must_succeed ? 0 : 1;
  }
  return count;
}

unsigned QueueModel::members_that_have_it() const {
  unsigned members = 0;
  for (int asset = 0; asset < kMembers; ++asset) {
    if (is_intact(asset, kMemberKind)) members |= 1U << static_cast<unsigned>(asset);
  }
  return members;
}

unsigned QueueModel::open_member_runs() const {
  unsigned runs = 0;
  for (int i = 0; i < now_.n_runs; ++i) {
    const Run& other = now_.runs[static_cast<std::size_t>(i)];
    const int task = other.task[kMemberKind];
    if (other.asset >= kMembers || task < 0 || rules::is_over(other.state)) continue;
    if (is_open(now_.tasks[static_cast<std::size_t>(task)].state))
      runs |= 1U << static_cast<unsigned>(i);
  }
  return runs;
}

bool QueueModel::is_lost(const Assignment& held) const {
  return now_.leases[static_cast<std::size_t>(held.asset)][static_cast<std::size_t>(held.kind)]
             .fence != held.fence;
}

// ---- submit -------------------------------------------------------------------------------------

bool QueueModel::submit(const Move& move) {
  const int asset = move.a;
  const int recipe = move.b;
  const unsigned stages = kStages[static_cast<std::size_t>(recipe)];
  const std::int64_t now_us = now_.clock_us(0);
  const auto newest = [&](bool is_open_one) {
    int found = -1;
    for (int i = 0; i < now_.n_runs; ++i) {
      const Run& other = run(i);
      if (other.asset != asset || other.recipe != recipe) continue;
      if (is_open_one ? rules::is_over(other.state) : other.state != rules::RunState::complete)
        continue;
      if (found < 0 || other.created_us >= run(found).created_us) found = i;
    }
    return found;
  };
  is_new_run_ = false;
  if (move.d == 0 && move.e == 0) {
    submitted_run_ = newest(true);
    if (submitted_run_ >= 0) return true;
  }
  unsigned stale = 0;  // What is stale, and what is below it.
  for (int kind = 0; kind < kKinds; ++kind) {
    if (!has_bit(stages, kind)) continue;
    const unsigned upstream = kInputs[static_cast<std::size_t>(kind)] & stages;
    if (missing_input(asset, kind) != -2 || !is_intact(asset, kind) || (upstream & stale) != 0)
      stale |= 1U << static_cast<unsigned>(kind);
  }
  const unsigned member_runs = asset == kCollection ? open_member_runs() : 0;
  if (member_runs != 0) stale |= 1U << static_cast<unsigned>(kTotal);
  const unsigned open = stale | (move.e & stages);
  const unsigned wanted = move.d == 0 ? stages : stages & move.d;
  if ((open & wanted) == 0) {
    submitted_run_ = newest(false);
    if (submitted_run_ >= 0) return true;
  }
  if (now_.n_runs == kRunsMax) return false;
  is_new_run_ = true;
  submitted_run_ = now_.n_runs++;
  Run& made = run(submitted_run_);
  made = Run{};
  made.recipe = static_cast<std::int8_t>(recipe);
  made.asset = static_cast<std::int8_t>(asset);
  made.created_us = now_us;
  made.task.fill(-1);
  for (int kind = 0; kind < kKinds; ++kind) {
    if (!has_bit(wanted, kind)) continue;
    made.task[static_cast<std::size_t>(kind)] = static_cast<std::int16_t>(now_.n_tasks);
    Task& entry = task(now_.n_tasks++);
    entry = Task{};
    entry.run = static_cast<std::int16_t>(submitted_run_);
    entry.kind = static_cast<std::int8_t>(kind);
    entry.is_forced = has_bit(move.e, kind);
    entry.member_runs = member_runs;
    entry.upstream_open = static_cast<std::int16_t>(count_open_upstream(entry));
    entry.rank_us = rules::rank_us(now_us, move.c);
    if (!has_bit(open, kind)) {
      entry.state = TaskState::complete;
    } else {
      entry.state = entry.upstream_open > 0 ? TaskState::waiting : TaskState::queued;
    }
  }
  refresh(submitted_run_);
  return true;
}

// ---- claim --------------------------------------------------------------------------------------

int QueueModel::first_of(int owner, int worker_index) const {
  const std::int64_t now_us = now_.clock_us(kHostOf[static_cast<std::size_t>(worker_index)]);
  const unsigned scope = now_.workers[static_cast<std::size_t>(worker_index)].scope;
  int found = -1;
  for (int i = 0; i < now_.n_tasks; ++i) {
    const Task& entry = now_.tasks[static_cast<std::size_t>(i)];
    if (entry.state != TaskState::queued) continue;
    const int asset = now_.runs[static_cast<std::size_t>(entry.run)].asset;
    if (owner >= 0 && kOwnerOf[static_cast<std::size_t>(asset)] != owner) continue;
    if (entry.not_before_us > now_us || !has_bit(scope, entry.kind)) continue;
    if (bug_ != Bug::lease_unchecked &&
        now_.leases[static_cast<std::size_t>(asset)][static_cast<std::size_t>(entry.kind)].fence !=
            0)
      continue;
    if (bug_ != Bug::pause_ignored && is_paused(entry)) continue;
    if (found < 0 || entry.rank_us < now_.tasks[static_cast<std::size_t>(found)].rank_us) found = i;
  }
  return found;
}

int QueueModel::next_queued(int worker_index) const {
  if (bug_ == Bug::owner_order_ignored) return first_of(-1, worker_index);
  std::array<int, kOwners> order = {0, 1, 2};
  std::array<int, kOwners> n_running{};
  for (int i = 0; i < now_.n_tasks; ++i) {
    const Task& entry = now_.tasks[static_cast<std::size_t>(i)];
    if (entry.state != TaskState::running) continue;
    const int asset = now_.runs[static_cast<std::size_t>(entry.run)].asset;
    ++n_running[static_cast<std::size_t>(kOwnerOf[static_cast<std::size_t>(asset)])];
  }
  std::sort(order.begin(), order.end(), [&](int left, int right) {
    const auto l = static_cast<std::size_t>(left);
    const auto r = static_cast<std::size_t>(right);
    if (n_running[l] != n_running[r]) return n_running[l] < n_running[r];
    if (now_.last_fence[l] != now_.last_fence[r]) return now_.last_fence[l] < now_.last_fence[r];
    return left < right;
  });
  for (const int owner : order) {
    const int found = first_of(owner, worker_index);
    if (found >= 0) return found;
  }
  return -1;
}

bool QueueModel::claim(int worker_index) {
  claimed_fence_ = 0;
  for (int i = 0; i < rules::kTasksPerClaim; ++i) {
    const int index = next_queued(worker_index);
    if (index < 0) return true;
    const Task& entry = task(index);
    const int asset = run(entry.run).asset;
    const int missing = missing_input(asset, entry.kind);
    if (missing != -2) {
      handle_missing_input(index, missing);
    } else if (is_intact(asset, entry.kind) && !entry.is_forced) {
      complete(index);
    } else {
      take_lease(index, worker_index);
      return true;
    }
    take_turn(index);
  }
  return true;
}

int QueueModel::add_attempt(int task_index, AttemptStatus status, int number) {
  Attempt& added = now_.attempts[static_cast<std::size_t>(++now_.n_attempts)];
  added = {static_cast<std::int16_t>(task_index), status, static_cast<std::int8_t>(number)};
  return now_.n_attempts;
}

void QueueModel::take_turn(int task_index) {
  const int asset = run(task(task_index).run).asset;
  now_.last_fence[static_cast<std::size_t>(kOwnerOf[static_cast<std::size_t>(asset)])] =
      now_.n_attempts;
}

void QueueModel::take_lease(int task_index, int worker_index) {
  Task& entry = task(task_index);
  Run& in = run(entry.run);
  Worker& by = worker(worker_index);
  const std::int64_t now_us = now_.clock_us(kHostOf[static_cast<std::size_t>(worker_index)]);
  const unsigned members = entry.kind == kTotal ? members_that_have_it() : 0;
  artifact(in.asset, entry.kind, members).job = 0;  // What is forced, missing or damaged.
  ++entry.attempts;
  const int fence = add_attempt(task_index, AttemptStatus::running, entry.attempts);
  lease(in.asset, entry.kind) = {fence,
                                 static_cast<std::int16_t>(task_index),
                                 static_cast<std::int16_t>(worker_index),
                                 by.incarnation,
                                 now_us + kLeaseUs,
                                 now_.now_us};
  entry.state = TaskState::running;
  take_turn(task_index);
  in.has_started = true;
  in.state = rules::RunState::running;
  claimed_fence_ = fence;
  by.held[static_cast<std::size_t>(by.n_held++)] = {
      fence,      static_cast<std::int16_t>(task_index),    in.asset,
      entry.kind, static_cast<std::int8_t>(entry.attempts), members};
}

void QueueModel::handle_missing_input(int task_index, int producer) {
  Task& entry = task(task_index);
  Run& in = run(entry.run);
  const int producer_task = producer < 0 ? -1 : in.task[static_cast<std::size_t>(producer)];
  if (producer_task < 0 || rules::is_given_up(entry.interruptions, kInterruptionsMax))
    return give_up(task_index);
  Task& made_by = task(producer_task);
  const bool is_reset = made_by.state == TaskState::complete;
  if (!is_reset && (!is_open(made_by.state) || bug_ == Bug::gives_up_on_open_input))
    return give_up(task_index);
  if (is_reset) {
    made_by.state = TaskState::queued;
    made_by.attempts = 0;
    made_by.not_before_us = 0;
  }
  add_attempt(task_index, AttemptStatus::failed, entry.attempts);
  ++entry.interruptions;
  if (bug_ == Bug::upstream_miscounted) {
    entry.state = TaskState::waiting;
    entry.upstream_open = 1;
    return refresh(entry.run);
  }
  // All that wait, or are about to start, below what is made again.
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (in.task[kind] < 0 || !has_bit(kInputs[kind], producer)) continue;
    recount_below(task(in.task[kind]));
  }
  for (int i = 0; i < now_.n_tasks; ++i) {
    if (producer == kMemberKind && has_bit(task(i).member_runs, entry.run)) recount_below(task(i));
  }
  refresh(entry.run);
}

void QueueModel::recount_below(Task& below) {
  if (below.state != TaskState::waiting && below.state != TaskState::queued) return;
  below.state = TaskState::waiting;
  below.upstream_open = static_cast<std::int16_t>(count_open_upstream(below));
}

void QueueModel::give_up(int task_index) {
  Task& entry = task(task_index);
  add_attempt(task_index, AttemptStatus::failed, entry.attempts + 1);
  entry.state = TaskState::failed;
  refresh(entry.run);
}

// ---- moves --------------------------------------------------------------------------------------

bool QueueModel::apply(const Move& move) {
  const auto a = static_cast<std::size_t>(move.a);
  const auto file = [&]() -> FileState& {
    return move.b < 0 ? now_.originals[a]
                      : now_.artifacts[a][static_cast<std::size_t>(move.b)].file;
  };
  switch (move.kind) {
    case MoveKind::submit: return submit(move);
    case MoveKind::pause:
    case MoveKind::resume: {
      bool& pause = now_.pauses[static_cast<std::size_t>(move.b)][static_cast<std::size_t>(move.c)];
      n_changed_ = pause != (move.kind == MoveKind::pause) ? 1 : 0;
      pause = move.kind == MoveKind::pause;
      return true;
    }
    case MoveKind::cancel:
    case MoveKind::retry:
      if (move.a >= now_.n_runs) return false;
      move.kind == MoveKind::cancel ? cancel(move.a) : retry(move.a);
      return true;
    case MoveKind::reboot:
      ++now_.hosts[a].boot;
      for (int i = 0; i < kWorkers; ++i) {
        if (kHostOf[static_cast<std::size_t>(i)] == move.a) kill(i);
      }
      return true;
    case MoveKind::jump:
      now_.hosts[a].offset_us += move.b * std::int64_t{1'000'000};
      now_.clock_set_us = now_.now_us;
      return true;
    case MoveKind::advance: now_.now_us += move.time_us; return true;
    case MoveKind::lose:
    case MoveKind::damage:
      if (file() != FileState::intact) return false;
      file() = move.kind == MoveKind::lose ? FileState::missing : FileState::damaged;
      return true;
    case MoveKind::restore:
      if (now_.originals[a] == FileState::intact) return false;
      now_.originals[a] = FileState::intact;
      return true;
    default: return apply_to_worker(move);
  }
}

bool QueueModel::apply_to_worker(const Move& move) {
  Worker& by = worker(move.a);
  if (move.kind == MoveKind::restart) {
    if (by.life != Life::dead) return false;
    by.life = Life::running;
    ++by.incarnation;
    watches_[static_cast<std::size_t>(move.a)] = LeaseWatch();
    by.boot = now_.hosts[static_cast<std::size_t>(kHostOf[static_cast<std::size_t>(move.a)])].boot;
    return true;
  }
  if (move.kind == MoveKind::go_on) {
    if (by.life != Life::stopped) return false;
    by.life = Life::running;
    return true;
  }
  if (move.kind == MoveKind::rescope) {
    by.scope = move.d;
    return true;
  }
  if (by.life == Life::dead) return false;
  if (move.kind == MoveKind::kill) {
    kill(move.a);
    return true;
  }
  if (by.life != Life::running) return false;
  switch (move.kind) {
    case MoveKind::claim:
      if (by.n_held == kHeldMax) return false;
      return claim(move.a);
    case MoveKind::stop: by.life = Life::stopped; return true;
    case MoveKind::reclaim: reclaim(move.a); return true;
    case MoveKind::heartbeat:
      n_changed_ = 0;
      for (int i = 0; i < by.n_held; ++i) {
        const Assignment& held = by.held[static_cast<std::size_t>(i)];
        if (is_lost(held)) {
          ++n_changed_;
        } else {
          Lease& kept = lease(held.asset, held.kind);
          kept.expires_us = now_.clock_us(kHostOf[static_cast<std::size_t>(move.a)]) + kLeaseUs;
          kept.renewed_us = now_.now_us;
        }
      }
      return true;
    default: break;
  }
  if (move.b >= by.n_held) return false;
  const Assignment held = by.held[static_cast<std::size_t>(move.b)];
  switch (move.kind) {
    case MoveKind::finish: finish(move.a, move.b); return true;
    case MoveKind::finish_and_claim: finish(move.a, move.b); return claim(move.a);
    case MoveKind::fail: fail(move.a, move.b, move.c != 0); return true;
    case MoveKind::interrupt: interrupt(move.a, move.b); return true;
    case MoveKind::drop:
      if (!is_lost(held)) return false;
      let_go(move.a, move.b);
      return true;
    case MoveKind::kill_in_finish:
      if (is_lost(held)) return false;
      artifact(held.asset, held.kind, held.members).file = FileState::intact;
      kill(move.a);
      return true;
    default: return false;
  }
}

}  // namespace baleen::engine::model
