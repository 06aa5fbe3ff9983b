#include "api/repeated.h"

#include <chrono>
#include <exception>
#include <utility>

#include "core/log.h"

namespace baleen::api {

Repeated::Repeated(double period_s, std::function<void()> work)
    : thread_([this, period_s, work = std::move(work)] {
        std::unique_lock lock(mutex_);
        while (!is_stopping_) {
          lock.unlock();
          try {
            work();
          } catch (const std::exception& error) {
            core::log(core::LogLevel::error, "housekeeping threw", {{"error", error.what()}});
          }
          lock.lock();
          stopped_.wait_for(lock, std::chrono::duration<double>(period_s),
                            [this] { return is_stopping_; });
        }
      }) {}

Repeated::~Repeated() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

}  // namespace baleen::api
