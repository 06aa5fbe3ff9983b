#include "audio/clock_drift.h"

#include <gtest/gtest.h>

#include <random>

namespace baleen::audio {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::int64_t kBeginUs = 1'558'504'800'000'000;

TEST(ClockDrift, IsLinearBetweenPointsAndGoesOnBeyond) {
  // 90 days; the clock was 2 s fast at the start and 11 s fast at the end.
  const std::vector<ClockPoint> points = {
      {kBeginUs + 2'000'000, kBeginUs},
      {kBeginUs + 90 * kDayUs + 11'000'000, kBeginUs + 90 * kDayUs}};
  const ClockCorrection clock = ClockCorrection::create(points).value();
  EXPECT_EQ(clock.to_true_us(points[0].recorder_us), points[0].true_us);
  EXPECT_EQ(clock.to_true_us(points[1].recorder_us), points[1].true_us);
  EXPECT_EQ(clock.to_true_us(kBeginUs + 45 * kDayUs + 6'500'000), kBeginUs + 45 * kDayUs);
  EXPECT_EQ(clock.to_true_us(kBeginUs + 100 * kDayUs + 12'000'000), kBeginUs + 100 * kDayUs);
  EXPECT_EQ(clock.to_true_us(kBeginUs - 10 * kDayUs + 1'000'000), kBeginUs - 10 * kDayUs);
  EXPECT_NEAR(clock.drift_ppm(kBeginUs), 9.0 / (90 * 86'400) * 1e6, 1e-6);
  EXPECT_NEAR(clock.true_rate_hz(48'000, kBeginUs), 48'000 * (1 + 9.0 / (90 * 86'400)), 1e-9);
}

TEST(ClockDrift, OnePointIsAnOffset) {
  const std::vector<ClockPoint> points = {{5'000'000, 2'000'000}};
  const ClockCorrection clock = ClockCorrection::create(points).value();
  EXPECT_EQ(clock.to_true_us(kBeginUs), kBeginUs - 3'000'000);
  EXPECT_EQ(clock.to_recorder_us(clock.to_true_us(kBeginUs)), kBeginUs);
  EXPECT_EQ(clock.drift_ppm(0), 0);
}

TEST(ClockDrift, IsMonotonicExactAtThePointsAndInvertible) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::vector<ClockPoint> points = {{kBeginUs, kBeginUs + 1234}};
    for (int i = 0; i < 6; ++i) {
      const auto step = static_cast<std::int64_t>(random() % (30 * kDayUs) + kDayUs);
      const auto drift = static_cast<std::int64_t>(random() % (step / 1000)) - step / 2000;
      points.push_back({points.back().recorder_us + step + drift, points.back().true_us + step});
    }
    std::vector<ClockPoint> shuffled = points;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    const ClockCorrection clock = ClockCorrection::create(shuffled).value();
    for (const ClockPoint& point : points)
      EXPECT_EQ(clock.to_true_us(point.recorder_us), point.true_us);
    std::int64_t before = INT64_MIN;
    for (std::int64_t time = kBeginUs - 5 * kDayUs; time < kBeginUs + 250 * kDayUs;
         time += kDayUs / 3 + 1) {
      const std::int64_t true_us = clock.to_true_us(time);
      EXPECT_GT(true_us, before);
      EXPECT_NEAR(static_cast<double>(clock.to_recorder_us(true_us) - time), 0, 1);
      before = true_us;
    }
  }
}

TEST(ClockDrift, ImpossibleComparisonsAreRefused) {
  using Points = std::vector<ClockPoint>;
  for (const Points& points :
       {Points{}, Points{{1, 1}, {1, 2}}, Points{{1, 5}, {2, 5}}, Points{{1, 5}, {2, 4}},
        Points{{0, 0}, {kDayUs, kDayUs + 3'600'000'000}}}) {  // The clock was set by an hour.
    EXPECT_EQ(ClockCorrection::create(points).error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace baleen::audio
