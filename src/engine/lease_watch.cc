#include "engine/lease_watch.h"

#include <algorithm>
#include <cstdlib>

namespace baleen::engine {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kJumpUs = kSecondUs / 2;        // Less is how clocks are disciplined.
constexpr std::int64_t kOldTimeUs = 10 * kSecondUs;    // By then every living worker has beaten.
constexpr std::int64_t kShortestUs = 5 * kSecondUs;    // Others may have a longer TTL than we.
constexpr std::int64_t kAliveGraceUs = 3 * kSecondUs;  // Heartbeats come every second.

}  // namespace

bool LeaseWatch::begin_look(std::int64_t wall_us, std::int64_t steady_us) {
  const std::int64_t offset_us = wall_us - steady_us;
  const std::int64_t jump_us = n_looks_ == 0 ? 0 : offset_us - offset_us_;
  if (std::abs(jump_us) >= kJumpUs) {
    const bool is_old_time_over = steady_us - set_at_us_ > kOldTimeUs;
    older_offset_us_ = is_old_time_over ? offset_us_ : std::min(older_offset_us_, offset_us_);
    set_at_us_ = steady_us;
  } else if (n_looks_ == 0) {
    older_offset_us_ = offset_us;
    set_at_us_ = steady_us;
  }
  const bool is_first = n_looks_ == 0;
  std::erase_if(seen_, [&](const auto& seen) { return seen.second.n_look < n_looks_; });
  ++n_looks_;
  offset_us_ = offset_us;
  steady_us_ = steady_us;
  return is_first || jump_us <= -kJumpUs;
}

bool LeaseWatch::has_expired(std::int64_t fence,
                             std::int64_t expires_at_us,
                             std::int64_t ttl_us,
                             bool is_owner_alive) {
  Seen& seen = seen_[fence];
  if (seen.n_look == 0 || seen.expires_at_us != expires_at_us) {
    const bool is_old_time_over = steady_us_ - set_at_us_ > kOldTimeUs;
    const std::int64_t offset_us =
        is_old_time_over ? offset_us_ : std::min(offset_us_, older_offset_us_);
    const std::int64_t left_us =
        std::min(expires_at_us - (steady_us_ + offset_us), std::max(ttl_us, kShortestUs));
    seen = {expires_at_us, steady_us_ + left_us, n_looks_, -1};
  }
  seen.n_look = n_looks_;
  if (steady_us_ <= seen.deadline_us) return false;
  if (!is_owner_alive) return true;
  if (seen.expired_since_us < 0) seen.expired_since_us = steady_us_;
  return steady_us_ - seen.expired_since_us >= std::min(ttl_us, kAliveGraceUs);
}

}  // namespace baleen::engine
