#include "dsp/yamnet_frontend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "dsp/testing/naive_spectrum.h"
#include "support/npz.h"
#include "support/shared_dir.h"
#include "support/signals.h"

namespace baleen::dsp {
namespace {

constexpr std::size_t kBands = 64;

std::vector<float> rows_in_chunks(std::span<const float> samples, std::size_t chunk) {
  Result<YamnetFrontend> frontend = YamnetFrontend::create();
  EXPECT_TRUE(frontend.ok());
  std::vector<float> rows;
  for (std::size_t at = 0; at < samples.size(); at += chunk) {
    frontend->push(samples.subspan(at, std::min(chunk, samples.size() - at)), rows);
  }
  frontend->finish(rows);
  return rows;
}

/// Straight from the definition, in double.
float naive_band(const float* frame, std::size_t band) {
  const auto mel = [](double hz) { return 1127.0 * std::log(1.0 + hz / 700.0); };
  const double step = (mel(7500.0) - mel(125.0)) / 65.0;
  const double low = mel(125.0) + step * static_cast<double>(band);
  double sum = 0.0;
  for (std::size_t k = 1; k <= 256; ++k) {
    const double at = mel(31.25 * static_cast<double>(k));
    const double weight = std::min((at - low) / step, (low + 2.0 * step - at) / step);
    if (weight <= 0.0) continue;
    sum += weight * std::abs(testing_only::naive_bin(512, k, 400, [&](std::size_t n) {
             return frame[n] * (0.5 - 0.5 * std::cos(2.0 * M_PI * static_cast<double>(n) / 400.0));
           }));
  }
  return static_cast<float>(std::log(sum + 0.001));
}

TEST(YamnetFrontend, EqualsTheDefinition) {
  const std::vector<float> samples =
      test_support::chirp(15600, {.sample_rate_hz = 16000.0, .end_hz = 7800.0});
  const std::vector<float> rows = rows_in_chunks(samples, samples.size());
  ASSERT_EQ(rows.size(), 96 * kBands);
  for (const std::size_t f : {0U, 13U, 64U, 95U}) {
    for (std::size_t m = 0; m < kBands; ++m) {
      EXPECT_NEAR(rows[f * kBands + m], naive_band(&samples[f * 160], m), 3e-5) << f << ' ' << m;
    }
  }
}

TEST(YamnetFrontend, EqualsTheReferenceOnRealSpeech) {
  BALEEN_SHARED_FILE_OR_SKIP(path, "fixtures/golden/yamnet_silero_first3s.npz");
  const auto golden = test_support::read_npz(path);
  const std::vector<float> samples = golden.at("wave16k").as<float>();
  const std::vector<float> expected = golden.at("log_mel").as<float>();
  const std::vector<float> rows = rows_in_chunks(samples, 1000);
  // Ours end at the last patch of 0.5 s, the reference's at the last of 0.48 s; within the samples
  // the rows are the same.
  const std::size_t n_rows = 1 + (samples.size() - 400) / 160;
  ASSERT_GE(expected.size(), n_rows * kBands);
  ASSERT_GE(rows.size(), n_rows * kBands);
  float worst = 0.0F;
  for (std::size_t i = 0; i < n_rows * kBands; ++i) {
    worst = std::max(worst, std::abs(rows[i] - expected[i]));
  }
  EXPECT_LT(worst, 1e-4F);
}

TEST(YamnetFrontend, CoversEverySampleWithPatchesOfHalfASecond) {
  for (const std::int64_t n : {0, 1, 15599, 15600, 15601, 23600, 23601, 31600, 160'000}) {
    SCOPED_TRACE(n);
    const std::int64_t n_patches = YamnetFrontend::patch_count(n);
    const auto end_of = [](std::int64_t patches) { return (patches - 1) * 8000 + 15600; };
    EXPECT_GE(end_of(n_patches), n);
    if (n_patches > 1) {
      EXPECT_LT(end_of(n_patches - 1), n);
    }
    const std::vector<float> rows = rows_in_chunks(std::vector<float>(n, 0.1F), 4096);
    EXPECT_EQ(static_cast<std::int64_t>(rows.size()), YamnetFrontend::row_count(n) * 64);
    EXPECT_EQ(YamnetFrontend::row_count(n), 96 + 50 * (n_patches - 1));
  }
}

TEST(YamnetFrontend, PadsWithSilence) {
  const std::vector<float> rows = rows_in_chunks(test_support::white_noise(1000, 1), 1000);
  EXPECT_GT(rows[0], std::log(0.001F) + 1.0F);
  for (std::size_t i = 10 * kBands; i < rows.size(); ++i) {
    ASSERT_NEAR(rows[i], std::log(0.001), 1e-6);
  }
}

TEST(YamnetFrontend, OutputDoesNotDependOnChunking) {
  const std::vector<float> samples = test_support::white_noise(40'001, 2, 0.3);
  const std::vector<float> whole = rows_in_chunks(samples, samples.size());
  for (const std::size_t chunk : {1U, 159U, 400U, 16'000U}) {
    SCOPED_TRACE(chunk);
    EXPECT_EQ(rows_in_chunks(samples, chunk), whole);
  }
}

TEST(YamnetFrontend, NanStaysInTheRowsThatSeeIt) {
  std::vector<float> samples = test_support::white_noise(20'000, 2, 0.3);
  samples[10'000] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> rows = rows_in_chunks(samples, 20'000);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t first_sample = i / kBands * 160;
    ASSERT_EQ(std::isnan(rows[i]), first_sample <= 10'000 && 10'000 < first_sample + 400) << i;
  }
}

}  // namespace
}  // namespace baleen::dsp
