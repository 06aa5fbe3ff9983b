#include "cluster/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/check.h"

namespace baleen::cluster {

void for_each_block(std::size_t n,
                    std::size_t block,
                    int n_threads,
                    const std::function<void(std::size_t begin, std::size_t end)>& work) {
  BALEEN_CHECK(block > 0 && n_threads > 0);
  const std::size_t n_blocks = (n + block - 1) / block;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> has_failed = false;
  std::mutex mutex;
  std::exception_ptr failure;        // Guarded by mutex.
  std::size_t failed_at = n_blocks;  // Guarded by mutex.

  const auto run = [&] {
    for (std::size_t i = next++; i < n_blocks && !has_failed; i = next++) {
      try {
        work(i * block, std::min(n, (i + 1) * block));
      } catch (...) {
        const std::lock_guard lock(mutex);
        has_failed = true;
        if (i < failed_at) {
          failed_at = i;
          failure = std::current_exception();
        }
      }
    }
  };

  const std::size_t n_others = std::min<std::size_t>(n_threads, n_blocks) - (n_blocks > 0 ? 1 : 0);
  {
    std::vector<std::jthread> others;
    others.reserve(n_others);
    try {
      while (others.size() < n_others) others.emplace_back(run);
    } catch (const std::system_error&) {
      // No more threads to be had: those that are there do it all.
    }
    run();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace baleen::cluster
