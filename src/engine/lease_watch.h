#pragma once

/// When leases run out, whatever the wall clock does meanwhile.
///
/// A lease ends at a wall time, which workers of one database agree on. Clocks are set, though: forward, and every
/// lease seems to have ended; back, and those of the dead seem to live on for hours. So the end is turned into the
/// steady clock's time when it is first seen, by the wall clock as it was before it was set; heartbeats move the end
/// and begin this anew. And a living process of this host is given a moment to beat before its lease is taken, for
/// the case that nobody could (a suspended machine) or that only we have just come.

#include <cstdint>
#include <map>

namespace baleen::engine {

class LeaseWatch {
 public:
  /// Begins a look. True if delays that were noted by the wall clock may have become longer than they were meant:
  /// it was set back since the last look, or this is the first.
  bool begin_look(std::int64_t wall_us, std::int64_t steady_us);
  /// Whether the lease of this fence has run out. `ttl_us`: for how long a heartbeat extends it.
  [[nodiscard]] bool has_expired(std::int64_t fence,
                                 std::int64_t expires_at_us,
                                 std::int64_t ttl_us,
                                 bool is_owner_alive);

 private:
  struct Seen {
    std::int64_t expires_at_us = 0;
    std::int64_t deadline_us = 0;  ///< Of the steady clock.
    std::int64_t n_look = 0;       ///< The last one.
    std::int64_t expired_since_us = -1;
  };
  std::map<std::int64_t, Seen> seen_;
  std::int64_t n_looks_ = 0;
  std::int64_t steady_us_ = 0;
  std::int64_t offset_us_ = 0;  ///< Wall clock less steady clock.
  std::int64_t older_offset_us_ = 0;
  std::int64_t set_at_us_ = 0;  ///< When it became another.
};

}  // namespace baleen::engine
