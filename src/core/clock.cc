#include "core/clock.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace baleen::core {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_us() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  [[nodiscard]] std::int64_t steady_us() const override {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
  }
};

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

double steady_s() { return seconds_of(CLOCK_MONOTONIC); }

double process_cpu_s() { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

std::string rfc3339(std::int64_t time_us) {
  const std::int64_t microseconds = (time_us % 1'000'000 + 1'000'000) % 1'000'000;
  const auto seconds = static_cast<std::time_t>((time_us - microseconds) / 1'000'000);
  const auto milliseconds = static_cast<int>(microseconds / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}.{:03d}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     milliseconds);
}

}  // namespace baleen::core
