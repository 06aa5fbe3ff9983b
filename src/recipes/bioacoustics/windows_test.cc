#include "recipes/bioacoustics/windows.h"

#include <gtest/gtest.h>

#include <numeric>

namespace baleen::bioacoustics {
namespace {

TEST(WindowPlan, CoversEverySampleAndPadsOnlyTheLast) {
  const WindowPlan plan{5, 5};
  EXPECT_EQ(plan.count(0), 0);
  EXPECT_EQ(plan.count(1), 1);
  EXPECT_EQ(plan.count(5), 1);
  EXPECT_EQ(plan.count(6), 2);
  EXPECT_EQ(plan.padding(0, 6), 0);
  EXPECT_EQ(plan.padding(1, 6), 4);
}

TEST(WindowPlan, OverlappingWindowsEndWithTheRecording) {
  const WindowPlan plan{4, 2};
  EXPECT_EQ(plan.count(4), 1);
  EXPECT_EQ(plan.count(10), 4) << "a fifth would hear nothing that the fourth has not heard";
  EXPECT_EQ(plan.padding(3, 10), 0);
  EXPECT_EQ(plan.count(11), 5);
  EXPECT_EQ(plan.padding(4, 11), 1);
}

TEST(WindowPlan, WhereThereAreGapsNoWindowBeginsBehindTheEnd) {
  const WindowPlan plan{2, 5};
  EXPECT_EQ(plan.count(8), 2);
  EXPECT_EQ(plan.count(10), 2);
  EXPECT_EQ(plan.count(11), 3);
  EXPECT_EQ(plan.padding(2, 11), 1);
}

TEST(WindowPlan, ImpossibleOnesAreRefused) {
  for (const double seconds : {0.0, -1.0, 1e-9, 1e9, std::nan("")}) {
    EXPECT_EQ(WindowPlan::create(seconds, 1, Hertz{16'000}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(WindowPlan::create(1, seconds, Hertz{16'000}).error().code,
              ErrorCode::invalid_argument);
  }
  EXPECT_EQ(WindowPlan::create(5, 2.5, Hertz{22'050})->hop_samples, 55'125);
}

struct Cut {
  int window, hop;
};
class Cutter : public ::testing::TestWithParam<Cut> {};

TEST_P(Cutter, GivesTheWindowsOfThePlanHoweverTheSamplesArriveAndWhereverItBegins) {
  const WindowPlan plan{GetParam().window, GetParam().hop};
  for (const int n_samples : {1, 7, 50, 101}) {
    std::vector<float> samples(static_cast<std::size_t>(n_samples));
    std::iota(samples.begin(), samples.end(), 1.0F);
    std::vector<float> expected;
    for (std::int64_t w = 0; w < plan.count(n_samples); ++w) {
      for (std::int64_t i = plan.begin(w); i < plan.begin(w) + plan.window_samples; ++i)
        expected.push_back(i < n_samples ? samples[static_cast<std::size_t>(i)] : 0.0F);
    }
    for (const std::int64_t first : {std::int64_t{0}, plan.count(n_samples) - 1}) {
      for (const std::size_t piece : {1, 3, 64}) {
        WindowCutter cutter(plan);
        std::vector<float> windows;
        std::int64_t n = 0;
        const auto rest = std::span(samples).subspan(static_cast<std::size_t>(plan.begin(first)));
        for (std::size_t at = 0; at < rest.size(); at += piece) {
          n += static_cast<std::int64_t>(
              cutter.push(rest.subspan(at, std::min(piece, rest.size() - at)), windows));
        }
        n += static_cast<std::int64_t>(cutter.finish(plan.count(n_samples) - first, windows));
        EXPECT_EQ(n, plan.count(n_samples) - first);
        EXPECT_EQ(windows, std::vector<float>(expected.begin() + first * plan.window_samples,
                                              expected.end()))
            << n_samples << " samples from window " << first << " in pieces of " << piece;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Plans,
                         Cutter,
                         ::testing::Values(Cut{5, 5}, Cut{5, 2}, Cut{3, 10}, Cut{1, 1}));

}  // namespace
}  // namespace baleen::bioacoustics
