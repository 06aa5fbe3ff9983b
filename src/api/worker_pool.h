#pragma once

/// A fixed number of threads and a bounded queue: where handlers run and where disks are waited for.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace baleen::api {

/// Thread-safe.
class WorkerPool {
 public:
  using Job = std::function<void()>;  ///< Must not throw.

  WorkerPool(int n_threads, std::size_t queue_max);
  ~WorkerPool() { join(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False, and nothing is done, while `queue_max` jobs wait: for new requests.
  [[nodiscard]] bool try_post(Job job);
  /// Always: for the parts of a request that was let in, of which each connection has one at a time.
  void post(Job job);
  /// Runs what is queued, then ends the threads. Repeatable.
  void join();
  [[nodiscard]] std::size_t queued() const;

 private:
  void work();

  const std::size_t queue_max_;
  mutable std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<Job> queue_;    // mutex_
  bool is_joining_ = false;  // mutex_
  std::vector<std::thread> threads_;
};

}  // namespace baleen::api
