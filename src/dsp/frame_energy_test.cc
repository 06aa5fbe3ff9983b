#include "dsp/frame_energy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/signals.h"

namespace baleen::dsp {
namespace {

FrameEnergy make(const FrameEnergyOptions& options = {}) {
  Result<FrameEnergy> energy = FrameEnergy::create(options);
  EXPECT_TRUE(energy.ok());
  return std::move(energy).value();
}

std::vector<float> levels_in_chunks(FrameEnergy energy,
                                    std::span<const float> samples,
                                    std::size_t chunk) {
  std::vector<float> levels;
  for (std::size_t at = 0; at < samples.size(); at += chunk) {
    energy.push(samples.subspan(at, std::min(chunk, samples.size() - at)), levels);
  }
  energy.finish(levels);
  return levels;
}

TEST(FrameEnergy, EqualsTheDefinition) {
  const std::vector<float> samples = test_support::white_noise(5003, 1, 0.3);
  const std::vector<float> levels = levels_in_chunks(make(), samples, 5003);
  ASSERT_EQ(levels.size(), 23U);
  for (std::size_t f = 0; f < levels.size(); ++f) {
    const std::size_t end = std::min<std::size_t>(samples.size(), f * 220 + 551);
    double sum = 0.0;
    for (std::size_t n = f * 220; n < end; ++n) sum += double{samples[n]} * samples[n];
    const double rms = std::sqrt(sum / static_cast<double>(end - f * 220));
    EXPECT_NEAR(levels[f], 20.0 * std::log10(rms), 1e-5) << f;
  }
}

TEST(FrameEnergy, FullScaleIsZeroDbfs) {
  for (const float level : levels_in_chunks(make(), std::vector<float>(3000, -1.0F), 100)) {
    EXPECT_EQ(level, 0.0F);
  }
  const std::vector<float> sine = test_support::sine(22050, 1000.0, 22050.0, 1.0);
  EXPECT_NEAR(levels_in_chunks(make(), sine, 22050)[10], -3.01, 0.02);
}

TEST(FrameEnergy, SilenceIsTheFloor) {
  for (const float level : levels_in_chunks(make(), std::vector<float>(3000, 0.0F), 100)) {
    EXPECT_EQ(level, FrameEnergy::kFloorDbfs);
  }
}

TEST(FrameEnergy, TheEndOfTheSignalIsNoSilence) {
  const std::vector<float> levels = levels_in_chunks(make(), std::vector<float>(1001, 0.5F), 1001);
  ASSERT_EQ(levels.size(), 5U);
  EXPECT_NEAR(levels.back(), -6.0206, 1e-4);
}

TEST(FrameEnergy, OutputDoesNotDependOnChunking) {
  const std::vector<float> samples = test_support::white_noise(40'001, 2, 0.3);
  const std::vector<float> whole = levels_in_chunks(make(), samples, samples.size());
  for (const std::size_t chunk : {1U, 219U, 551U, 16'000U}) {
    SCOPED_TRACE(chunk);
    EXPECT_EQ(levels_in_chunks(make(), samples, chunk), whole);
  }
}

TEST(FrameEnergy, CountsFramesAtEveryLength) {
  for (const std::size_t n : {0U, 1U, 220U, 221U, 551U, 14080U, 14081U}) {
    SCOPED_TRACE(n);
    const std::vector<float> levels = levels_in_chunks(make(), std::vector<float>(n, 0.5F), 64);
    EXPECT_EQ(levels.size(), (n + 219) / 220);
    EXPECT_EQ(make().row_count(static_cast<std::int64_t>(n)),
              static_cast<std::int64_t>((n + 219) / 220));
  }
}

TEST(FrameEnergy, NanStaysInTheFramesThatSeeIt) {
  std::vector<float> samples = test_support::white_noise(10'000, 2, 0.3);
  samples[5000] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> levels = levels_in_chunks(make(), samples, 10'000);
  for (std::size_t f = 0; f < levels.size(); ++f) {
    ASSERT_EQ(std::isnan(levels[f]), f * 220 <= 5000 && 5000 < f * 220 + 551) << f;
  }
}

TEST(FrameEnergy, StartsAfreshAfterReset) {
  FrameEnergy energy = make();
  std::vector<float> levels;
  energy.push(std::vector<float>(1000, 0.5F), levels);
  energy.finish(levels);
  energy.reset();
  levels.clear();
  energy.push(std::vector<float>(20'000, 0.25F), levels);
  energy.finish(levels);
  ASSERT_EQ(levels.size(), 91U);
  for (const float level : levels) EXPECT_NEAR(level, -12.0412, 1e-4);
}

TEST(FrameEnergy, RefusesSizesThatAreNotPositive) {
  const FrameEnergyOptions bad[] = {
      {.sample_rate{0}}, {.window_samples = 0}, {.hop_samples = 0}, {.hop_samples = -1}};
  for (const FrameEnergyOptions& options : bad) {
    const Result<FrameEnergy> energy = FrameEnergy::create(options);
    ASSERT_FALSE(energy.ok());
    EXPECT_EQ(energy.error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace baleen::dsp
