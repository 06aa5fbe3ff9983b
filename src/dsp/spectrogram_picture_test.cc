#include "dsp/spectrogram_picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace baleen::dsp {
namespace {

constexpr int kWidth = 200, kHeight = 100;

/// The picture of samples that are a whole recording: zeros before and behind.
std::vector<std::uint8_t> picture_of(std::span<const float> samples,
                                     SpectrogramPictureOptions options,
                                     std::size_t chunk = 1000) {
  options.n_samples = std::ssize(samples);
  SpectrogramPicture picture = SpectrogramPicture::create(options).value();
  picture.push(std::vector<float>(static_cast<std::size_t>(picture.lead_samples()), 0.0F));
  for (std::size_t at = 0; at < samples.size(); at += chunk)
    picture.push(samples.subspan(at, std::min(chunk, samples.size() - at)));
  std::vector<std::uint8_t> levels(static_cast<std::size_t>(options.width * options.height));
  picture.finish(levels);
  return levels;
}

std::vector<float> noise(std::size_t n, double amplitude, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, amplitude);
  std::vector<float> samples(n);
  for (float& sample : samples) sample = static_cast<float>(normal(random));
  return samples;
}

/// The row of the greatest level of a column.
std::size_t peak_row(std::span<const std::uint8_t> levels, std::size_t column) {
  std::size_t best = 0;
  for (std::size_t row = 1; row < kHeight; ++row)
    if (levels[row * kWidth + column] > levels[best * kWidth + column]) best = row;
  return best;
}

TEST(SpectrogramPicture, TheRidgeOfAChirpIsWhereItIs) {
  constexpr double kRateHz = 48'000, kDurationS = 2, kFromHz = 1000, kToHz = 11'000;
  std::vector<float> samples = noise(static_cast<std::size_t>(kRateHz * kDurationS), 0.001);
  for (std::size_t n = 0; n < samples.size(); ++n) {
    const double t = static_cast<double>(n) / kRateHz;
    samples[n] += static_cast<float>(
        0.1 * std::sin(2 * std::numbers::pi *
                       (kFromHz * t + (kToHz - kFromHz) * t * t / (2 * kDurationS))));
  }
  const auto levels = picture_of(samples, {.width = kWidth, .height = kHeight});
  for (std::size_t column = 5; column < kWidth - 5; ++column) {
    const double hz = kFromHz + (kToHz - kFromHz) * (static_cast<double>(column) + 0.5) / kWidth;
    const double row = kHeight - 0.5 - hz / 12'000 * kHeight;
    EXPECT_NEAR(static_cast<double>(peak_row(levels, column)), row, 1.5) << column;
    EXPECT_GT(levels[peak_row(levels, column) * kWidth + column], 200);
  }
}

TEST(SpectrogramPicture, ACallOfAFewMillisecondsInAMinuteIsSeen) {
  constexpr std::size_t kRateHz = 192'000;
  std::vector<float> samples = noise(60 * kRateHz, 0.01);
  constexpr std::size_t kBegin = 30 * kRateHz + 1234, kLength = kRateHz / 200;  // 5 ms.
  for (std::size_t n = 0; n < kLength; ++n) {
    samples[kBegin + n] += static_cast<float>(
        0.02 * std::sin(2 * std::numbers::pi * 50'000 * static_cast<double>(n) / kRateHz));
  }
  const auto levels = picture_of(
      samples,
      {.sample_rate = Hertz{kRateHz}, .high_hz = 96'000, .width = kWidth, .height = kHeight});
  const std::size_t row = kHeight - 1 - kHeight * 50 / 96;
  const std::size_t loudest =
      static_cast<std::size_t>(std::max_element(levels.begin(), levels.end()) - levels.begin());
  EXPECT_NEAR(static_cast<double>(loudest / kWidth), static_cast<double>(row), 1);
  EXPECT_EQ(loudest % kWidth, kWidth / 2);
}

TEST(SpectrogramPicture, NeitherTheLevelNorTheChunksMatter) {
  const std::vector<float> samples = noise(20'000, 0.1, 7);
  std::vector<float> quiet = samples;
  for (float& sample : quiet) sample /= 1024;  // A power of two: the same mantissas.
  const SpectrogramPictureOptions options{.width = kWidth, .height = kHeight};
  const auto levels = picture_of(samples, options, 20'000);
  EXPECT_EQ(picture_of(samples, options, 1), levels);
  const auto quiet_levels = picture_of(quiet, options, 777);
  for (std::size_t i = 0; i < levels.size(); ++i) EXPECT_NEAR(quiet_levels[i], levels[i], 1);
}

TEST(SpectrogramPicture, NoiseIsNotBlownUpToSignals) {
  const auto levels = picture_of(noise(96'000, 0.01), {.width = kWidth, .height = kHeight});
  EXPECT_LT(*std::max_element(levels.begin(), levels.end()), 160);
}

TEST(SpectrogramPicture, SilenceAndASingleSampleAreDark) {
  for (const std::size_t n : {1U, 2U, 100U, 10'000U}) {
    SCOPED_TRACE(n);
    const auto levels =
        picture_of(std::vector<float>(n, 0.0F), {.width = kWidth, .height = kHeight});
    EXPECT_EQ(*std::max_element(levels.begin(), levels.end()), 0);
  }
}

TEST(SpectrogramPicture, ASteadyToneBelowWindStaysVisible) {
  std::vector<float> samples = noise(96'000, 0.0001);
  for (std::size_t n = 0; n < samples.size(); ++n)
    samples[n] += static_cast<float>(
        0.1 * std::sin(2 * std::numbers::pi * 6000 * static_cast<double>(n) / 48'000));
  const auto levels = picture_of(samples, {.width = kWidth, .height = kHeight});
  EXPECT_NEAR(static_cast<double>(peak_row(levels, 100)), kHeight / 2.0, 1);
  EXPECT_GT(levels[peak_row(levels, 100) * kWidth + 100], 200);
}

TEST(SpectrogramPicture, RefusesWhatCannotBeDrawn) {
  const auto refused = [](SpectrogramPictureOptions options) {
    const auto picture = SpectrogramPicture::create(options);
    return !picture.ok() && picture.error().code == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(refused({.n_samples = 0}));
  EXPECT_TRUE(refused({.n_samples = 10, .high_hz = 0}));
  EXPECT_TRUE(refused({.n_samples = 10, .high_hz = 24'001}));
  EXPECT_TRUE(refused({.n_samples = 10, .width = 0}));
  EXPECT_TRUE(refused({.n_samples = 10, .height = 5000}));
}

}  // namespace
}  // namespace baleen::dsp
