#include "cluster/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace baleen::cluster {
namespace {

TEST(ForEachBlock, VisitsEveryIndexOnceAtAnyNumberOfThreads) {
  for (const std::size_t n : {0, 1, 7, 64, 1000}) {
    for (const int n_threads : {1, 2, 5}) {
      std::vector<std::atomic<int>> visits(n);
      for_each_block(n, 7, n_threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          ++visits[i];
        }
      });
      for (const auto& count : visits) {
        EXPECT_EQ(count, 1) << n << " on " << n_threads;
      }
    }
  }
}

TEST(ForEachBlock, CutsBySizeAndNotByThreads) {
  for (const int n_threads : {1, 3}) {
    std::vector<std::size_t> lengths(4);
    for_each_block(10, 3, n_threads,
                   [&](std::size_t begin, std::size_t end) { lengths[begin / 3] = end - begin; });
    EXPECT_EQ(lengths, (std::vector<std::size_t>{3, 3, 3, 1}));
  }
}

TEST(ForEachBlock, ThrowsAgainWhatABlockThrew) {
  const auto fail = [](std::size_t begin, std::size_t) {
    if (begin == 20) {
      throw std::runtime_error("block 2");
    }
  };
  EXPECT_THROW(for_each_block(100, 10, 1, fail), std::runtime_error);
  EXPECT_THROW(for_each_block(100, 10, 4, fail), std::runtime_error);
}

}  // namespace
}  // namespace baleen::cluster
