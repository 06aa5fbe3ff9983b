#include "cluster/rounds.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/check.h"

namespace baleen::cluster {
namespace {

/// Which block of which round is to be taken next, in one number, so that nobody takes a block of a round that is over.
/// A round ends with its last block, not with the last thread: whoever was not given a processor meanwhile is not waited
/// for, unless it holds a block.
class Places {
 public:
  Places(std::size_t n_rounds, std::size_t n_blocks) : n_rounds_(n_rounds), n_blocks_(n_blocks) {}

  /// Waits for the round before to end. False if there is nothing more to do.
  bool take(std::size_t& round, std::size_t& block) {
    std::uint64_t place = next_.load(std::memory_order_acquire);
    while (true) {
      round = place >> kBlockBits;
      block = place & kBlockMask;
      if (round >= n_rounds_) return false;
      if (block >= n_blocks_) {
        next_.wait(place, std::memory_order_acquire);
        place = next_.load(std::memory_order_acquire);
      } else if (next_.compare_exchange_weak(place, place + 1, std::memory_order_acquire)) {
        return true;
      }
    }
  }
  void done(std::size_t round) {
    if (n_done_.fetch_add(1, std::memory_order_acq_rel) + 1 < n_blocks_) return;
    n_done_.store(0, std::memory_order_relaxed);
    open(round + 1);
  }
  void give_up() { open(n_rounds_); }

 private:
  static constexpr unsigned kBlockBits = 32;
  static constexpr std::uint64_t kBlockMask = (std::uint64_t{1} << kBlockBits) - 1;

  void open(std::size_t round) {
    next_.store(std::uint64_t{round} << kBlockBits, std::memory_order_release);
    next_.notify_all();
  }

  std::size_t n_rounds_, n_blocks_;
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<std::size_t> n_done_ = 0;
};

}  // namespace

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
  BALEEN_CHECK(n_rounds < UINT32_MAX && n_blocks < UINT32_MAX);
  Places places(n_rounds, n_blocks);
  std::mutex mutex;
  std::exception_ptr failure;  // Guarded by mutex.

  const auto run = [&] {
    std::size_t round = 0, i = 0;
    while (places.take(round, i)) {
      try {
        work(round, i * block, std::min(n, (i + 1) * block));
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        places.give_up();
        return;
      }
      places.done(round);
    }
  };
  {
    const std::size_t n_all = std::min<std::size_t>(static_cast<std::size_t>(n_threads), n_blocks);
    std::vector<std::jthread> others;
    others.reserve(n_all - 1);
    try {
      while (others.size() + 1 < n_all) others.emplace_back(run);
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
