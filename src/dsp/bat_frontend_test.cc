#include "dsp/bat_frontend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "support/npz.h"
#include "support/signals.h"

namespace baleen::dsp {
namespace {

constexpr float kTolerance = 1e-5F;  // tests/golden/bat_frontend/ORIGIN.md

std::vector<float> spectrogram_of(const BatFrontendOptions& options,
                                  std::span<const float> samples) {
  BatFrontend frontend = BatFrontend::create(options).value();
  std::vector<float> spectrogram(frontend.row_count() * frontend.column_count(samples.size()));
  frontend.process(samples, spectrogram);
  return spectrogram;
}

std::vector<float> sweep(std::size_t n_samples, const test_support::ChirpOptions& options) {
  return test_support::chirp(n_samples, options);
}

struct GoldenSignal {
  std::string name;
  BatFrontendOptions options;
  std::vector<float> samples;
};

std::vector<GoldenSignal> golden_signals() {
  const BatFrontendOptions high = BatFrontend::options_256k(), low = BatFrontend::options_192k();
  return {{"sweep_256k", high, sweep(12'949, {256e3, 100e3, 20e3, 0.05, 0.01, 1})},
          {"sweep_192k", low, sweep(9600, {192e3, 20e3, 90e3, 0.5, 0.1, 2})},
          {"short_256k", high, sweep(900, {256e3, 30e3, 60e3, 0.2, 0.2, 3})}};
}

TEST(BatFrontend, EqualsNumpyAndScipy) {
  const std::filesystem::path directory =
      std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/bat_frontend";
  for (const GoldenSignal& signal : golden_signals()) {
    SCOPED_TRACE(signal.name);
    const std::vector<float> expected =
        test_support::read_float32(directory / (signal.name + ".f32"));
    const std::vector<float> spectrogram = spectrogram_of(signal.options, signal.samples);
    ASSERT_EQ(spectrogram.size(), expected.size());
    float worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(spectrogram[i] - expected[i]));
    EXPECT_LT(worst, kTolerance);
    RecordProperty(signal.name, std::to_string(worst));
  }
}

TEST(BatFrontend, AToneThatSetsInLiesInItsRow) {
  // A steady tone would be a part of the mean, and gone.
  const std::size_t n = 51'200;
  std::vector<float> samples = test_support::sine(n, 60'000, 256e3, 0.3);
  std::fill_n(samples.begin(), n - n / 8, 0.0F);
  BatFrontend frontend = BatFrontend::create(BatFrontend::options_256k()).value();
  const std::size_t columns = frontend.column_count(n);
  const std::vector<float> spectrogram = spectrogram_of(BatFrontend::options_256k(), samples);
  const auto at = static_cast<std::size_t>(
      std::max_element(spectrogram.begin(), spectrogram.end()) - spectrogram.begin());
  // 60 kHz is bin 139.2 of 270 … 11, at half the size.
  EXPECT_NEAR(static_cast<double>(at / columns), (270 - 139.2) / 2, 1.5);
  EXPECT_GT(at % columns, columns * 7 / 8 - 3);
  const std::vector<float> steady =
      spectrogram_of(BatFrontend::options_256k(), test_support::sine(n, 60'000, 256e3, 0.3));
  EXPECT_LT(*std::max_element(steady.begin(), steady.end()), 0.5F);
}

TEST(BatFrontend, SilenceIsNothing) {
  const std::vector<float> silence =
      spectrogram_of(BatFrontend::options_256k(), std::vector<float>(10'000));
  EXPECT_TRUE(std::ranges::all_of(silence, [](float value) { return value == 0; }));
}

TEST(BatFrontend, AWindowDoesNotKnowTheOneBefore) {
  const std::vector<float> first = test_support::white_noise(30'000, 4, 0.5);
  const std::vector<float> second = test_support::white_noise(9'000, 5, 0.1);
  BatFrontend frontend = BatFrontend::create(BatFrontend::options_192k()).value();
  std::vector<float> out(frontend.row_count() * frontend.column_count(first.size()));
  frontend.process(first, out);
  out.resize(frontend.row_count() * frontend.column_count(second.size()));
  frontend.process(second, out);
  EXPECT_EQ(out, spectrogram_of(BatFrontend::options_192k(), second));
}

TEST(BatFrontend, HalfAsManyColumnsAsFramesAndNoneOfFewerThanTwo) {
  const BatFrontend frontend = BatFrontend::create(BatFrontend::options_256k()).value();
  EXPECT_EQ(frontend.row_count(), 130U);
  ASSERT_EQ(frontend.frame_samples(), 594U);
  ASSERT_EQ(frontend.hop_samples(), 149U);
  EXPECT_EQ(frontend.column_count(0), 0U);
  EXPECT_EQ(frontend.column_count(594 + 148), 0U);
  EXPECT_EQ(frontend.column_count(594 + 149), 1U);
  EXPECT_EQ(frontend.column_count(594 + 2 * 149), 2U);
  EXPECT_EQ(frontend.column_count(594 + 3 * 149), 2U);
  EXPECT_EQ(BatFrontend::create(BatFrontend::options_192k()).value().row_count(), 115U);
}

TEST(BatFrontend, ARateTooLowForItsBinsIsRefused) {
  BatFrontendOptions options = BatFrontend::options_256k();
  options.sample_rate = Hertz{192'000};
  EXPECT_EQ(BatFrontend::create(options).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace baleen::dsp
