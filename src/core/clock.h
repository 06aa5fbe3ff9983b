#pragma once

/// Wall time for records, steady time for durations; tests pass their own Clock.

#include <cstdint>
#include <string>

namespace baleen::core {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Microseconds since 1970-01-01 UTC.
  [[nodiscard]] virtual std::int64_t now_us() const = 0;
  /// Microseconds of a clock that nobody sets: the same for all processes of one boot, suspended time included.
  /// A test's clock has but one time, unless it says otherwise.
  [[nodiscard]] virtual std::int64_t steady_us() const { return now_us(); }
};

/// The system's clock. Thread-safe.
[[nodiscard]] const Clock& system_clock();

/// Monotonic seconds, for durations only.
[[nodiscard]] double steady_s();
/// CPU seconds (user + system) used by this process so far.
[[nodiscard]] double process_cpu_s();

/// RFC 3339 in UTC with milliseconds: "2026-11-20T09:27:09.123Z" (always 24 characters until the year
/// 9999). Also before 1970.
[[nodiscard]] std::string rfc3339(std::int64_t time_us);

}  // namespace baleen::core
