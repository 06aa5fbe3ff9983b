#pragma once

/// An answer that many ask for and that is dear to find out.

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>

#include "core/clock.h"
#include "core/result.h"

namespace baleen::api {

/// Keeps an answer for a while, or for twenty times as long as it took to find it, so that asking never takes more
/// than a twentieth of a core. Thread-safe: who comes meanwhile waits, and gets the same.
template <typename T>
class Cached {
 public:
  explicit Cached(double fresh_s) : fresh_s_(fresh_s) {}

  Result<T> get(const std::function<Result<T>()>& find) {
    constexpr double kTimesItsCost = 20;
    const std::lock_guard lock(mutex_);
    const double begin_s = core::steady_s();
    if (answer_ && begin_s < until_s_) return *answer_;
    BALEEN_ASSIGN_OR_RETURN(answer_, find());
    const double end_s = core::steady_s();
    until_s_ = end_s + std::max(fresh_s_, kTimesItsCost * (end_s - begin_s));
    return *answer_;
  }

 private:
  const double fresh_s_;
  std::mutex mutex_;
  std::optional<T> answer_;  // Guarded by mutex_.
  double until_s_ = 0;       // Guarded by mutex_.
};

}  // namespace baleen::api
