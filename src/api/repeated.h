#pragma once

/// Housekeeping: a function that is called at once and then every so often, on a thread of its own.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace baleen::api {

class Repeated {
 public:
  Repeated(double period_s, std::function<void()> work);
  /// Waits for a call that is being made.
  ~Repeated();
  Repeated(const Repeated&) = delete;
  Repeated& operator=(const Repeated&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool is_stopping_ = false;  // mutex_
  std::thread thread_;
};

}  // namespace baleen::api
