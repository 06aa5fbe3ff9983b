#include "dsp/ina_frontend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "dsp/testing/naive_spectrum.h"
#include "support/npz.h"
#include "support/shared_dir.h"
#include "support/signals.h"
#include "support/wav.h"

namespace baleen::dsp {
namespace {

constexpr std::size_t kBands = 21;

struct Features {
  std::vector<float> rows;
  std::vector<float> log_energy;
};

Features features_in_chunks(std::span<const float> samples, std::size_t chunk) {
  Result<InaFrontend> frontend = InaFrontend::create();
  EXPECT_TRUE(frontend.ok());
  Features features;
  for (std::size_t at = 0; at < samples.size(); at += chunk) {
    frontend->push(samples.subspan(at, std::min(chunk, samples.size() - at)), features.rows,
                   features.log_energy);
  }
  frontend->finish(features.rows, features.log_energy);
  return features;
}

/// Largest difference; infinities of one sign are equal, anything else of them differs infinitely.
float worst_difference(std::span<const float> a, std::span<const float> b) {
  float worst = 0.0F;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] == b[i]) continue;
    const float difference = std::abs(a[i] - b[i]);
    worst = std::max(worst, std::isfinite(difference) ? difference : HUGE_VALF);
  }
  return worst;
}

void expect_equals_reference(const std::string& name) {
  BALEEN_SHARED_FILE_OR_SKIP(npz_path, "fixtures/golden/ina_" + name + ".npz");
  BALEEN_SHARED_FILE_OR_SKIP(wav_path, "audio/ina/" + name + ".wav");
  const auto golden = test_support::read_npz(npz_path);
  const std::vector<float> mel21 = golden.at("mel21").as<float>();
  const std::vector<float> log_energy = golden.at("loge").as<float>();
  const test_support::Wav wav = test_support::read_wav_s16_mono(wav_path);
  ASSERT_EQ(wav.sample_rate_hz, 16000);
  const Features features = features_in_chunks(wav.samples, 4096);
  ASSERT_EQ(features.log_energy.size(), log_energy.size());
  ASSERT_GE(features.rows.size(), mel21.size());
  EXPECT_LT(worst_difference(features.log_energy, log_energy), 2e-5F);
  EXPECT_LT(worst_difference(features.rows, mel21), 2e-4F);
}

TEST(InaFrontend, EqualsTheReferenceOnRealMusicAndSpeech) { expect_equals_reference("musanmix"); }

TEST(InaFrontend, EqualsTheReferenceOnSilence) { expect_equals_reference("silence2sec"); }

TEST(InaFrontend, EqualsTheDefinition) {
  const std::vector<float> samples =
      test_support::chirp(8000, {.sample_rate_hz = 16000.0, .end_hz = 7800.0});
  const Features features = features_in_chunks(samples, samples.size());
  ASSERT_EQ(features.log_energy.size(), 48U);
  for (const std::size_t f : {0U, 17U, 47U}) {
    const float* frame = &samples[f * 160];
    const auto emphasised = [&](std::size_t n) {
      return frame[n] - 0.97 * frame[n == 0 ? 0 : n - 1];
    };
    double energy = 0.0;
    for (std::size_t n = 0; n < 400; ++n) energy += emphasised(n) * emphasised(n);
    EXPECT_NEAR(features.log_energy[f], std::log(energy), 1e-5);
    // Band 7: edges 860.594893, 1016.909296, 1188.880672 Hz; bins 28 to 32 rise, 33 to 37 fall.
    const double height = 2.0 / (1188.880672 - 860.594893);
    double band = 0.0;
    for (std::size_t k = 28; k <= 37; ++k) {
      const double hz = 31.25 * static_cast<double>(k);
      const double weight = k <= 32 ? (hz - 860.594893) / (1016.909296 - 860.594893)
                                    : (1188.880672 - hz) / (1188.880672 - 1016.909296);
      band += height * weight * std::norm(testing_only::naive_bin(512, k, 400, [&](std::size_t n) {
                return emphasised(n) *
                       (0.5 - 0.5 * std::cos(2.0 * M_PI * static_cast<double>(n) / 399.0));
              }));
    }
    EXPECT_NEAR(features.rows[f * kBands + 7], std::log(band), 2e-5);
  }
}

TEST(InaFrontend, SilenceIsMinusInfinityAndStaysInItsFrames) {
  std::vector<float> samples = test_support::white_noise(16'000, 4, 0.2);
  std::fill(samples.begin() + 4000, samples.begin() + 8000, 0.0F);
  const Features features = features_in_chunks(samples, 16'000);
  for (std::size_t f = 0; f < features.log_energy.size(); ++f) {
    const bool is_silent = f * 160 >= 4000 && f * 160 + 400 <= 8000;
    ASSERT_EQ(std::isinf(features.log_energy[f]), is_silent) << f;
    for (std::size_t m = 0; m < kBands; ++m) {
      const float value = features.rows[f * kBands + m];
      ASSERT_EQ(std::isinf(value), is_silent) << f << ' ' << m;
      if (is_silent) {
        ASSERT_LT(value, 0.0F);
      }
    }
  }
}

TEST(InaFrontend, MakesNoFrameOfAnIncompleteWindow) {
  for (const std::size_t n : {0U, 399U, 400U, 559U, 560U, 16'000U}) {
    SCOPED_TRACE(n);
    const Features features = features_in_chunks(std::vector<float>(n, 0.5F), 1000);
    const std::size_t expected = n < 400 ? 0 : 1 + (n - 400) / 160;
    EXPECT_EQ(features.log_energy.size(), expected);
    EXPECT_EQ(features.rows.size(), expected * kBands);
    EXPECT_EQ(InaFrontend::row_count(static_cast<std::int64_t>(n)),
              static_cast<std::int64_t>(expected));
  }
}

TEST(InaFrontend, OutputDoesNotDependOnChunking) {
  const std::vector<float> samples = test_support::white_noise(40'001, 2, 0.3);
  const Features whole = features_in_chunks(samples, samples.size());
  for (const std::size_t chunk : {1U, 159U, 400U, 16'000U}) {
    SCOPED_TRACE(chunk);
    const Features features = features_in_chunks(samples, chunk);
    EXPECT_EQ(features.rows, whole.rows);
    EXPECT_EQ(features.log_energy, whole.log_energy);
  }
}

TEST(InaFrontend, NanStaysInTheFramesThatSeeIt) {
  std::vector<float> samples = test_support::white_noise(16'000, 2, 0.3);
  samples[10'000] = std::numeric_limits<float>::quiet_NaN();
  const Features features = features_in_chunks(samples, 16'000);
  for (std::size_t f = 0; f < features.log_energy.size(); ++f) {
    const bool sees_it = f * 160 <= 10'000 && 10'000 < f * 160 + 400;
    ASSERT_EQ(std::isnan(features.log_energy[f]), sees_it) << f;
    for (std::size_t m = 0; m < kBands; ++m) {
      ASSERT_EQ(std::isnan(features.rows[f * kBands + m]), sees_it) << f << ' ' << m;
    }
  }
}

}  // namespace
}  // namespace baleen::dsp
