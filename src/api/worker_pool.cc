#include "api/worker_pool.h"

#include <algorithm>
#include <utility>

namespace baleen::api {

WorkerPool::WorkerPool(int n_threads, std::size_t queue_max) : queue_max_(queue_max) {
  for (int i = 0; i < std::max(n_threads, 1); ++i) threads_.emplace_back([this] { work(); });
}

bool WorkerPool::try_post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_max_ || is_joining_) return false;
    queue_.push_back(std::move(job));
  }
  has_work_.notify_one();
  return true;
}

void WorkerPool::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  has_work_.notify_one();
}

void WorkerPool::join() {
  {
    const std::lock_guard lock(mutex_);
    is_joining_ = true;
  }
  has_work_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t WorkerPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void WorkerPool::work() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      has_work_.wait(lock, [this] { return is_joining_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job();
  }
}

}  // namespace baleen::api
