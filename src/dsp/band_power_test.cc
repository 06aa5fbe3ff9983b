#include "dsp/band_power.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "dsp/window.h"
#include "support/signals.h"

namespace baleen::dsp {
namespace {

/// From the definition, in double.
double power_of(std::span<const float> samples, std::span<const double> window, std::size_t bin) {
  std::complex<double> sum = 0;
  for (std::size_t n = 0; n < window.size(); ++n) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(bin * n % window.size()) /
                         static_cast<double>(window.size());
    sum += window[n] * samples[n] * std::polar(1.0, angle);
  }
  return std::norm(sum);
}

class EveryTarget : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};
INSTANTIATE_TEST_SUITE_P(Hwy,
                         EveryTarget,
                         testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const testing::TestParamInfo<std::int64_t>& target) {
                           return std::string(hwy::TargetName(target.param));
                         });

TEST_P(EveryTarget, IsTheDefinitionForFramesOfAnyLength) {
  for (const std::size_t size : {2U, 3U, 27U, 100U, 512U, 594U, 1024U}) {
    SCOPED_TRACE(size);
    std::vector<double> window = symmetric_hann(size);
    for (double& value : window) value += 0.1;  // So that a frame of 2 has something to show.
    const std::size_t bins = size / 2 + 1, hop = 1 + size / 4, n_frames = 6;
    const BandPower power = BandPower::create(window, 0, bins).value();
    const std::vector<float> samples = test_support::white_noise((n_frames - 1) * hop + size, 5);
    std::vector<float> rows(n_frames * power.row_stride());
    power.process(samples, hop, n_frames, rows);
    const double largest = 1.1 * static_cast<double>(size);  // No bin can exceed its square.
    for (std::size_t f = 0; f < n_frames; ++f) {
      for (std::size_t b = 0; b < bins; ++b) {
        const double expected =
            power_of(std::span<const float>(samples).subspan(f * hop), window, b);
        ASSERT_NEAR(std::sqrt(rows[f * power.row_stride() + b]), std::sqrt(expected),
                    1e-6 * largest)
            << "frame " << f << " bin " << b;
      }
    }
  }
}

TEST(BandPower, BinsMayBeginAnywhereAndFramesDoNotKnowEachOther) {
  const std::vector<double> window = symmetric_hann(594);
  const BandPower all = BandPower::create(window, 0, 298).value();
  const BandPower some = BandPower::create(window, 11, 271).value();
  ASSERT_EQ(some.bin_count(), 260U);
  const std::vector<float> samples = test_support::white_noise(594 + 4 * 149, 9);
  std::vector<float> of_all(5 * all.row_stride()), of_some(5 * some.row_stride());
  all.process(samples, 149, 5, of_all);
  some.process(samples, 149, 5, of_some);
  std::vector<float> alone(some.row_stride());
  for (std::size_t f = 0; f < 5; ++f) {
    for (std::size_t b = 0; b < 260; ++b) {
      ASSERT_EQ(of_some[f * some.row_stride() + b], of_all[f * all.row_stride() + 11 + b]);
    }
    some.process(std::span<const float>(samples).subspan(f * 149), 149, 1, alone);
    for (std::size_t b = 0; b < 260; ++b) ASSERT_EQ(of_some[f * some.row_stride() + b], alone[b]);
  }
}

TEST(BandPower, RefusesBinsThatThereAreNot) {
  const std::vector<double> window = symmetric_hann(16);
  EXPECT_TRUE(BandPower::create(window, 0, 9).ok());
  EXPECT_EQ(BandPower::create(window, 0, 10).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(BandPower::create(window, 3, 3).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(BandPower::create(symmetric_hann(1), 0, 1).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace baleen::dsp
