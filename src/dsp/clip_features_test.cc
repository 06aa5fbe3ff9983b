#include "dsp/clip_features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "dsp/log_mel.h"
#include "support/signals.h"

namespace baleen::dsp {
namespace {

using test_support::sine;
using test_support::white_noise;

std::vector<float> log_mel_rows(const std::vector<float>& samples) {
  auto mel = LogMel::create({});
  std::vector<float> rows;
  mel.value().push(samples, rows);
  mel.value().finish(rows);
  return rows;
}

std::vector<ClipFeatureWindow> windows_of(const std::vector<float>& rows,
                                          std::size_t rows_per_push = 1'000'000) {
  ClipFeatures features;
  std::vector<ClipFeatureWindow> windows;
  const std::size_t step = rows_per_push * kClipMelBands;
  for (std::size_t i = 0; i < rows.size(); i += step) {
    features.push(std::span(rows).subspan(i, std::min(step, rows.size() - i)), windows);
  }
  features.finish(windows);
  return windows;
}

float value_of(const ClipFeatureWindow& window, const std::string& name) {
  const std::vector<std::string> names = ClipFeatures::names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return window.values[i];
  }
  ADD_FAILURE() << "no feature " << name;
  return 0;
}

/// White noise whose amplitude follows a raised cosine.
std::vector<float> pulsating_noise(double seconds, double rate_hz) {
  std::vector<float> x = white_noise(static_cast<std::size_t>(22050 * seconds), 5, 0.5);
  for (std::size_t n = 0; n < x.size(); ++n) {
    x[n] *= static_cast<float>(
        0.55 - 0.45 * std::cos(6.283185307 * rate_hz * static_cast<double>(n) / 22050));
  }
  return x;
}

TEST(ClipFeatures, DoNotDependOnChunking) {
  std::vector<float> samples = pulsating_noise(6, 3);
  const std::vector<float> tone = sine(samples.size(), 440, 22050, 0.3);
  for (std::size_t n = samples.size() / 2; n < samples.size(); ++n) samples[n] = tone[n];
  const std::vector<float> rows = log_mel_rows(samples);
  const auto whole = windows_of(rows);
  for (const std::size_t chunk : {1U, 3U, 49U, 50U, 251U}) {
    SCOPED_TRACE(chunk);
    const auto chunked = windows_of(rows, chunk);
    ASSERT_EQ(chunked.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(chunked[i].values, whole[i].values);
  }
}

TEST(ClipFeatures, OneWindowForEachStartedHalfSecondCoversAllRows) {
  for (const std::size_t n_rows : {0U, 1U, 49U, 50U, 51U, 100U, 149U, 150U, 151U, 250U, 1003U}) {
    SCOPED_TRACE(n_rows);
    const auto windows = windows_of(std::vector<float>(n_rows * kClipMelBands, -30.0F), 7);
    ASSERT_EQ(windows.size(), (n_rows + kClipBlockRows - 1) / kClipBlockRows);
    std::int64_t next = 0;
    for (const ClipFeatureWindow& window : windows) {
      EXPECT_EQ(window.block_begin_row, next);
      next = window.block_end_row;
    }
    EXPECT_EQ(next, static_cast<std::int64_t>(n_rows));
  }
}

TEST(ClipFeatures, ObjectIsReadyForTheNextRecordingAfterFinish) {
  const std::vector<float> rows = log_mel_rows(pulsating_noise(3, 4));
  ClipFeatures features;
  std::vector<ClipFeatureWindow> first;
  features.push(rows, first);
  features.finish(first);
  std::vector<ClipFeatureWindow> second;
  features.push(rows, second);
  features.finish(second);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].values, second[i].values);
}

TEST(ClipFeatures, DoNotDependOnTheGain) {
  std::vector<float> rows = log_mel_rows(pulsating_noise(5, 4));
  for (float& v : rows) v = std::max(v, -60.0F);
  std::vector<float> quiet = rows;
  for (float& v : quiet) v -= 30.0F;
  const auto loud_windows = windows_of(rows);
  const auto quiet_windows = windows_of(quiet);
  for (std::size_t i = 0; i < loud_windows.size(); ++i) {
    EXPECT_NEAR(quiet_windows[i].level_dbfs, loud_windows[i].level_dbfs - 30.0F, 0.01F);
    for (std::size_t f = 0; f < kClipFeatureCount; ++f) {
      EXPECT_NEAR(quiet_windows[i].values[f], loud_windows[i].values[f], 0.02F)
          << ClipFeatures::names()[f];
    }
  }
}

TEST(ClipFeatures, AreFiniteForSilenceInfinityAndNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float level : {-100.0F, -kInfinity, kInfinity, std::nanf("")}) {
    std::vector<float> rows(300 * kClipMelBands, -100.0F);
    std::fill(rows.begin() + 100 * 64, rows.begin() + 200 * 64, level);
    for (const ClipFeatureWindow& window : windows_of(rows)) {
      for (const float v : window.values) EXPECT_TRUE(std::isfinite(v)) << level;
    }
  }
}

TEST(ClipFeatures, NamesAreUniqueAndOnePerValue) {
  const std::vector<std::string> names = ClipFeatures::names();
  EXPECT_EQ(names.size(), kClipFeatureCount);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(ClipFeatures, ASteadyToneKeepsItsStructureAndNoiseDoesNot) {
  const auto tone = windows_of(log_mel_rows(sine(22050 * 4, 440, 22050, 0.3)));
  const auto noise = windows_of(log_mel_rows(white_noise(22050 * 4, 3, 0.3)));
  EXPECT_GT(value_of(tone[3], "similar_320ms.mean"), 0.9F);
  EXPECT_LT(value_of(noise[3], "similar_320ms.mean"), 0.2F);
  EXPECT_GT(value_of(tone[3], "lasting_low"), 0.9F);
  EXPECT_LT(value_of(noise[3], "lasting_low"), 0.2F);
}

TEST(ClipFeatures, ModulationIsStrongestAtTheRateOfThePulses) {
  for (const auto& [rate_hz, strongest] :
       {std::pair(2.0, "2"), {5.0, "5"}, {8.0, "8"}, {20.0, "20"}}) {
    SCOPED_TRACE(rate_hz);
    const auto windows = windows_of(log_mel_rows(pulsating_noise(4, rate_hz)));
    const float peak = value_of(windows[3], std::string("level.modulation_") + strongest + "hz");
    for (const char* other : {"1", "2", "3.2", "5", "8", "12.5", "20", "32"}) {
      if (std::string(other) == strongest) continue;
      EXPECT_GT(peak, value_of(windows[3], std::string("level.modulation_") + other + "hz"))
          << other;
    }
  }
}

TEST(MelRowLevel, IsTheRmsOfATone) {
  for (const double hz : {200.0, 1000.0, 5000.0}) {
    SCOPED_TRACE(hz);
    const std::vector<float> rows = log_mel_rows(sine(22050, hz, 22050, 0.5));
    const std::span<const float> middle = std::span(rows).subspan(50 * 64, 64);
    EXPECT_NEAR(mel_row_level_dbfs(middle.first<64>()), 20 * std::log10(0.5 / std::sqrt(2.0)), 1.0);
  }
}

TEST(MelRowLevel, IsTheRmsOfNoise) {
  const std::vector<float> rows = log_mel_rows(white_noise(22050, 9, 0.5));
  double power = 0;
  for (std::size_t r = 20; r < 80; ++r) {
    power += std::pow(10.0, mel_row_level_dbfs(std::span(rows).subspan(r * 64).first<64>()) / 10.0);
  }
  EXPECT_NEAR(10 * std::log10(power / 60), 20 * std::log10(0.5 / std::sqrt(3.0)), 1.0);
}

}  // namespace
}  // namespace baleen::dsp
