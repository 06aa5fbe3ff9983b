#pragma once

/// The decisions of the queue that need nothing but their arguments: the queue itself and the model of it
/// (testing/queue_model.h) share them, so that the model cannot decide otherwise. Pure, of any thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/process.h"

namespace baleen::engine::rules {

constexpr int kTasksPerClaim = 64;  ///< Bounds how long one claim holds the write lock.
constexpr std::int64_t kPriorityUs = 60'000'000;  ///< One unit of priority is worth a minute.

constexpr std::int64_t to_us(double seconds) { return static_cast<std::int64_t>(seconds * 1e6); }

/// The order in which tasks of one owner are taken, lowest first: their age, less their priority.
constexpr std::int64_t rank_us(std::int64_t now_us, int priority) {
  return now_us - priority * kPriorityUs;
}

/// Whether attempt `attempt` (from 1), which has just failed, is followed by another.
constexpr bool will_retry(bool is_retryable, int attempt, int attempts_max) {
  return is_retryable && attempt < attempts_max;
}

/// How long to wait after attempt `attempt` (from 1) has failed; the last delay repeats.
constexpr double retry_delay_s(std::span<const double> delays_s, int attempt) {
  if (delays_s.empty()) return 0;
  return delays_s[std::min(delays_s.size() - 1, static_cast<std::size_t>(attempt - 1))];
}

/// Whether a task that has lost this many workers is given up.
constexpr bool is_given_up(int interruptions, int interruptions_max) {
  return interruptions >= interruptions_max;
}

/// Whether a lease may be taken back. Our own end with their executors; those of the dead at once; the others when
/// they have expired, which is asked last (a LeaseWatch remembers).
template <typename HasExpired>
constexpr bool is_reclaimable(bool is_mine, core::Liveness owner, HasExpired has_expired) {
  return !is_mine && (owner == core::Liveness::dead || has_expired());
}

/// No retry is due later than this, whatever the clock was when it was delayed. `attempts`: so far.
constexpr std::int64_t latest_retry_us(std::int64_t now_us,
                                       std::span<const double> delays_s,
                                       int attempts) {
  return now_us + (attempts <= 0 ? 0 : to_us(retry_delay_s(delays_s, attempts)));
}

enum class RunState { queued, running, complete, failed, canceled };

constexpr std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::queued: return "queued";
    case RunState::running: return "running";
    case RunState::complete: return "complete";
    case RunState::failed: return "failed";
    case RunState::canceled: return "canceled";
  }
  return "";
}

/// How many tasks of a run are in which state; those that are complete decide nothing.
struct TaskCounts {
  std::int64_t queued = 0, running = 0, failed = 0, canceled = 0, waiting = 0;
};

constexpr RunState run_state(const TaskCounts& counts) {
  if (counts.running > 0) return RunState::running;
  if (counts.queued > 0) return RunState::queued;
  if (counts.failed > 0) return RunState::failed;
  if (counts.canceled > 0) return RunState::canceled;
  if (counts.waiting > 0)
    return RunState::queued;  // For tasks of other runs: of this one none is left to wait for.
  return RunState::complete;
}

constexpr bool is_over(RunState state) {
  return state != RunState::running && state != RunState::queued;
}

static_assert(rank_us(0, 1) < rank_us(0, 0));
static_assert(will_retry(true, 2, 3) && !will_retry(true, 3, 3) && !will_retry(false, 1, 3));
static_assert(!is_reclaimable(true, core::Liveness::dead, [] { return true; }));
static_assert(!is_reclaimable(false, core::Liveness::alive, [] { return false; }));
static_assert(is_reclaimable(false, core::Liveness::unknown, [] { return true; }));
static_assert(is_reclaimable(false, core::Liveness::dead, [] { return false; }));

}  // namespace baleen::engine::rules
