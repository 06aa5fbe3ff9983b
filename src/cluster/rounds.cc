#include "cluster/rounds.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/check.h"

namespace baleen::cluster {

void for_each_round(
    std::size_t n_rounds,
    std::size_t n,
    std::size_t block,
    int n_threads,
    const std::function<void(std::size_t round, std::size_t begin, std::size_t end)>& work) {
  BALEEN_CHECK(block > 0 && n_threads > 0);
  const std::size_t n_blocks = (n + block - 1) / block;
  if (n_blocks == 0) {
    return;
  }
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> has_failed = false;
  std::mutex mutex;
  std::exception_ptr failure;  // Guarded by mutex.
  const std::size_t n_all = std::min<std::size_t>(static_cast<std::size_t>(n_threads), n_blocks);
  std::barrier barrier(static_cast<std::ptrdiff_t>(n_all), [&]() noexcept { next = 0; });

  const auto run = [&] {
    for (std::size_t round = 0; round < n_rounds; ++round) {
      for (std::size_t i = next++; i < n_blocks && !has_failed; i = next++) {
        try {
          work(round, i * block, std::min(n, (i + 1) * block));
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!failure) failure = std::current_exception();
          has_failed = true;
        }
      }
      barrier.arrive_and_wait();
    }
  };
  {
    std::vector<std::jthread> others;
    others.reserve(n_all - 1);
    try {
      while (others.size() + 1 < n_all) others.emplace_back(run);
    } catch (const std::system_error&) {
      // No more threads to be had: those that are there do it all.
      for (std::size_t i = others.size() + 1; i < n_all; ++i) barrier.arrive_and_drop();
    }
    run();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace baleen::cluster
