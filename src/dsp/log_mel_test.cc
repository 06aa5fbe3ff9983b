#include "dsp/log_mel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "support/npz.h"
#include "support/signals.h"

namespace baleen::dsp {
namespace {

constexpr std::size_t kMels = 64;
constexpr float kToleranceDb = 1e-3F;  // tests/golden/log_mel/ORIGIN.md

LogMel make_log_mel(const LogMelOptions& options = {}) {
  Result<LogMel> log_mel = LogMel::create(options);
  EXPECT_TRUE(log_mel.ok());
  return std::move(log_mel).value();
}

std::vector<float> log_mel_in_chunks(LogMel& log_mel,
                                     std::span<const float> samples,
                                     std::size_t chunk) {
  std::vector<float> rows;
  for (std::size_t at = 0; at < samples.size(); at += chunk) {
    log_mel.push(samples.subspan(at, std::min(chunk, samples.size() - at)), rows);
  }
  log_mel.finish(rows);
  return rows;
}

std::vector<float> log_mel_of(std::span<const float> samples) {
  LogMel log_mel = make_log_mel();
  return log_mel_in_chunks(log_mel, samples, std::max<std::size_t>(1, samples.size()));
}

/// Loud low tone in the first half, loud high tone in the second, quiet noise throughout.
std::vector<float> uneven_signal(std::size_t n_samples) {
  std::vector<float> samples = test_support::white_noise(n_samples, 3, 0.001);
  const std::vector<float> low = test_support::sine(n_samples, 90.0, 22050.0, 0.9);
  const std::vector<float> high = test_support::sine(n_samples, 9000.0, 22050.0, 0.9);
  for (std::size_t n = 0; n < n_samples; ++n) samples[n] += n < n_samples / 2 ? low[n] : high[n];
  return samples;
}

struct GoldenSignal {
  std::string name;
  std::vector<float> samples;
};

std::vector<GoldenSignal> golden_signals() {
  std::vector<float> impulses(22050, 0.0F);
  for (const std::size_t n : {0U, 5000U, 22049U}) impulses[n] = 1.0F;
  std::vector<float> square(22050);
  for (std::size_t n = 0; n < square.size(); ++n) square[n] = (n / 25) % 2 == 0 ? 1.0F : -1.0F;
  return {{"chirp", test_support::chirp(22050)},
          {"silence", std::vector<float>(11025, 0.0F)},
          {"impulses", impulses},
          {"square", square},
          {"bass", test_support::sine(22050, 90.0, 22050.0, 0.9)},
          {"whistle", test_support::sine(22050, 9000.0, 22050.0, 0.9)},
          {"noise_short", test_support::white_noise(100, 7, 0.25)},
          {"noise_odd", test_support::white_noise(12345, 8, 0.001)}};
}

TEST(LogMel, EqualsLibrosa) {
  const std::filesystem::path directory =
      std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/log_mel";
  for (const GoldenSignal& signal : golden_signals()) {
    SCOPED_TRACE(signal.name);
    const std::vector<float> expected =
        test_support::read_float32(directory / (signal.name + ".f32"));
    const std::vector<float> rows = log_mel_of(signal.samples);
    ASSERT_EQ(rows.size(), expected.size());
    float worst_db = 0.0F;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      worst_db = std::max(worst_db, std::abs(rows[i] - expected[i]));
    }
    EXPECT_LT(worst_db, kToleranceDb);
  }
}

TEST(LogMel, OutputDoesNotDependOnChunking) {
  const std::vector<float> samples = uneven_signal(40'001);
  const std::vector<float> whole = log_mel_of(samples);
  for (const std::size_t chunk : {1U, 219U, 220U, 551U, 4096U, 39'999U}) {
    SCOPED_TRACE(chunk);
    LogMel log_mel = make_log_mel();
    EXPECT_EQ(log_mel_in_chunks(log_mel, samples, chunk), whole);
  }
}

TEST(LogMel, ARowDependsOnItsOwnSamplesOnly) {
  const std::vector<float> samples = uneven_signal(40'000);
  const std::vector<float> whole = log_mel_of(samples);
  const std::size_t skipped_rows = 37;  // Not a multiple of any block.
  const std::vector<float> tail =
      log_mel_of(std::span<const float>(samples).subspan(skipped_rows * 220));
  const std::size_t first = 2;  // The first rows of the tail see padding instead of samples.
  for (std::size_t i = first * kMels; i < tail.size(); ++i) {
    ASSERT_EQ(tail[i], whole[skipped_rows * kMels + i]) << "row " << i / kMels;
  }
}

TEST(LogMel, MakesOneRowPerStartedHop) {
  for (const std::size_t n :
       {0U, 1U, 219U, 220U, 221U, 551U, 22050U, 220U * 64U, 220U * 64U + 1U}) {
    SCOPED_TRACE(n);
    const std::vector<float> rows = log_mel_of(std::vector<float>(n, 0.5F));
    EXPECT_EQ(rows.size(), kMels * (1 + n / 220));
    EXPECT_EQ(make_log_mel().row_count(static_cast<std::int64_t>(n)),
              static_cast<std::int64_t>(1 + n / 220));
  }
}

TEST(LogMel, SilenceIsExactlyTheFloor) {
  for (const float value : log_mel_of(std::vector<float>(10'000, 0.0F))) {
    ASSERT_EQ(value, -100.0F);
  }
}

TEST(LogMel, ANanSampleMakesNanOfTheRowsThatSeeItAndOfNoOther) {
  std::vector<float> samples = test_support::white_noise(30'000, 5, 0.5);
  const std::vector<float> clean = log_mel_of(samples);
  samples[15'000] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> rows = log_mel_of(samples);
  for (std::size_t f = 0; f < rows.size() / kMels; ++f) {
    const auto first_sample = static_cast<std::int64_t>(f) * 220 - 276;
    const bool sees_it = first_sample <= 15'000 && 15'000 < first_sample + 551;
    for (std::size_t m = 0; m < kMels; ++m) {
      const std::size_t i = f * kMels + m;
      ASSERT_EQ(std::isnan(rows[i]), sees_it) << "row " << f << " band " << m;
      if (!sees_it) {
        ASSERT_EQ(rows[i], clean[i]);
      }
    }
  }
}

TEST(LogMel, GainMovesEveryBandByItsDecibels) {
  const std::vector<float> loud = test_support::white_noise(10'000, 11, 0.5);
  std::vector<float> soft = loud;
  for (float& sample : soft) sample *= 0.125F;
  const std::vector<float> loud_rows = log_mel_of(loud);
  const std::vector<float> soft_rows = log_mel_of(soft);
  for (std::size_t i = 0; i < loud_rows.size(); ++i) {
    ASSERT_NEAR(loud_rows[i] - soft_rows[i], 60.0 * std::log10(2.0), 1e-4);
  }
}

TEST(LogMel, StartsAfreshAfterReset) {
  const std::vector<float> samples = uneven_signal(20'000);
  LogMel log_mel = make_log_mel();
  const std::vector<float> first = log_mel_in_chunks(log_mel, samples, 1000);
  log_mel.reset();
  EXPECT_EQ(log_mel_in_chunks(log_mel, samples, 777), first);
}

TEST(LogMel, RefusesOptionsThatMakeNoSpectrogram) {
  const LogMelOptions bad[] = {{.sample_rate{0}},
                               {.n_fft = 1000},
                               {.n_fft = 0},
                               {.win_length = 0},
                               {.win_length = 1025},
                               {.hop_length = 0},
                               {.n_mels = 0},
                               {.fmin_hz = -1.0},
                               {.fmin_hz = 9000.0, .fmax_hz = 8000.0},
                               {.fmax_hz = 11026.0},
                               {.amin = 0.0},
                               {.fmax_hz = std::numeric_limits<double>::quiet_NaN()}};
  for (const LogMelOptions& options : bad) {
    const Result<LogMel> log_mel = LogMel::create(options);
    ASSERT_FALSE(log_mel.ok()) << &options - bad;
    EXPECT_EQ(log_mel.error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace baleen::dsp
