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
};

/// The system's clock. Thread-safe.
[[nodiscard]] const Clock& system_clock();

/// Monotonic seconds, for durations only.
[[nodiscard]] double steady_s();
/// CPU seconds (user + system) used by this process so far.
[[nodiscard]] double process_cpu_s();

/// RFC 3339 in UTC with milliseconds: "2026-11-20T09:27:09.123Z" (always 24 characters).
[[nodiscard]] std::string rfc3339(std::int64_t time_us);

}  // namespace baleen::core
