#include "cluster/rounds.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace baleen::cluster {
namespace {

TEST(ForEachRound, EndsEveryRoundBeforeTheNext) {
  for (const int n_threads : {1, 2, 5}) {
    constexpr std::size_t kN = 101;
    std::vector<std::size_t> rounds_of(kN);
    std::atomic<int> n_early = 0;
    for_each_round(50, kN, 7, n_threads,
                   [&](std::size_t round, std::size_t begin, std::size_t end) {
                     for (std::size_t i = begin; i < end; ++i) {
                       if (rounds_of[i]++ != round) ++n_early;
                     }
                   });
    EXPECT_EQ(n_early, 0);
    EXPECT_EQ(rounds_of, std::vector<std::size_t>(kN, 50));
  }
}

TEST(ForEachRound, SeesWhatTheRoundBeforeHasWritten) {
  // A prefix sum by doubling: each round reads what others wrote in the one before.
  constexpr std::size_t kN = 1000;
  for (const int n_threads : {1, 3}) {
    std::vector<int> values[2] = {std::vector<int>(kN, 1), std::vector<int>(kN)};
    for_each_round(10, kN, 16, n_threads,
                   [&](std::size_t round, std::size_t begin, std::size_t end) {
                     const std::size_t step = std::size_t{1} << round;
                     for (std::size_t i = begin; i < end; ++i) {
                       const auto& from = values[round % 2];
                       values[1 - round % 2][i] = from[i] + (i >= step ? from[i - step] : 0);
                     }
                   });
    for (std::size_t i = 0; i < kN; ++i) ASSERT_EQ(values[0][i], static_cast<int>(i) + 1);
  }
}

TEST(ForEachRound, ThrowsAgainWhatABlockThrew) {
  for (const int n_threads : {1, 4}) {
    EXPECT_THROW(for_each_round(20, 100, 10, n_threads,
                                [](std::size_t round, std::size_t begin, std::size_t) {
                                  if (round == 3 && begin == 20)
                                    throw std::runtime_error("block 2");
                                }),
                 std::runtime_error);
  }
}

TEST(ForEachRound, DoesNothingWithoutWork) {
  for_each_round(5, 0, 10, 2, [](std::size_t, std::size_t, std::size_t) { FAIL(); });
  for_each_round(0, 5, 10, 2, [](std::size_t, std::size_t, std::size_t) { FAIL(); });
}

}  // namespace
}  // namespace baleen::cluster
