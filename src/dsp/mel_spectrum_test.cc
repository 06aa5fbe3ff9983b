#include "dsp/mel_spectrum.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "dsp/ina_frontend.h"
#include "dsp/log_mel.h"
#include "dsp/testing/naive_spectrum.h"
#include "dsp/window.h"
#include "dsp/yamnet_frontend.h"
#include "support/signals.h"

namespace baleen::dsp {
namespace {

/// Every instruction set that this machine has and the build knows, one after another.
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

/// Straight from the definition, in double.
std::vector<double> naive_row(const MelSpectrumOptions& options, const float* frame) {
  std::vector<double> row;
  std::vector<double> levels;
  const auto bins = testing_only::naive_bins(
      static_cast<std::size_t>(options.n_fft), options.window.size(), [&](std::size_t n) {
        const double before = frame[n == 0 ? 0 : n - 1];
        return options.window[n] * (frame[n] - options.pre_emphasis * before);
      });
  for (const std::complex<double>& bin : bins) {
    levels.push_back(options.spectrum == Spectrum::power ? std::norm(bin) : std::abs(bin));
  }
  for (const MelBand& band : options.bank) {
    double sum = options.log_offset;
    for (std::size_t i = 0; i < band.weights.size(); ++i) {
      sum += band.weights[i] * levels[band.first_bin + i];
    }
    row.push_back(options.log_scale * std::log(std::max(sum, options.log_floor)));
  }
  return row;
}

/// Worst difference of n_frames rows from the definition, in units of the output.
double worst_difference(const MelSpectrumOptions& options,
                        const std::vector<float>& samples,
                        std::size_t n_frames) {
  Result<MelSpectrum> spectrum = MelSpectrum::create(options);
  EXPECT_TRUE(spectrum.ok());
  const std::size_t n_bands = options.bank.size();
  const auto hop = static_cast<std::size_t>(options.hop_length);
  std::vector<float> padded = samples;
  padded.resize((n_frames + 16) * hop + options.window.size() + spectrum->slack_samples());
  std::vector<float> rows(n_frames * n_bands);
  spectrum->process(padded.data(), n_frames, rows.data());
  double worst = 0.0;
  for (std::size_t f = 0; f < n_frames; ++f) {
    const std::vector<double> expected = naive_row(options, &padded[f * hop]);
    for (std::size_t m = 0; m < n_bands; ++m) {
      const double difference = std::abs(rows[f * n_bands + m] - expected[m]);
      worst = std::isnan(difference) ? HUGE_VAL : std::max(worst, difference);
    }
  }
  return worst;
}

MelSpectrumOptions decibel_options(int n_fft, int n_taps, int hop) {
  MelSpectrumOptions options;
  options.n_fft = n_fft;
  options.hop_length = hop;
  options.window = periodic_hann(static_cast<std::size_t>(n_taps));
  options.bank = slaney_mel_bank(
      {.sample_rate{22050}, .n_fft = n_fft, .n_mels = 40, .fmin_hz = 0.0, .fmax_hz = 11025.0});
  options.log_scale = 10.0 / std::log(10.0);
  options.log_floor = 1e-10;
  options.is_precise = true;
  return options;
}

TEST_P(EveryTarget, EqualsTheDefinitionForWindowsAndHopsOfAllSizes) {
  struct Shape {
    int n_fft, n_taps, hop;
  };
  for (const Shape& shape : {Shape{1024, 551, 220}, Shape{1024, 1024, 256}, Shape{1024, 1023, 333},
                             Shape{1024, 300, 500}, Shape{1024, 512, 7}, Shape{512, 400, 160},
                             Shape{512, 512, 1}, Shape{512, 1, 3}, Shape{512, 2, 2}}) {
    SCOPED_TRACE(testing::Message() << shape.n_fft << ' ' << shape.n_taps << ' ' << shape.hop);
    const MelSpectrumOptions options = decibel_options(shape.n_fft, shape.n_taps, shape.hop);
    const std::vector<float> noise = test_support::white_noise(6000, 1, 0.5);
    EXPECT_LT(worst_difference(options, noise, 5), 2e-4);
  }
}

TEST_P(EveryTarget, IsPreciseFarBelowALoudTone) {
  const MelSpectrumOptions options = decibel_options(1024, 551, 220);
  for (const double hz : {60.0, 440.0, 3000.0, 10'000.0}) {
    SCOPED_TRACE(hz);
    const std::vector<float> tone = test_support::sine(9000, hz, 22050.0, 0.9);
    EXPECT_LT(worst_difference(options, tone, 20), 1e-3);
  }
}

TEST_P(EveryTarget, IsPreciseWhereTheTiltChangesFromFrameToFrame) {
  const MelSpectrumOptions options = decibel_options(1024, 551, 220);
  std::vector<float> samples = test_support::white_noise(9000, 4, 0.01);
  const std::vector<float> low = test_support::sine(9000, 200.0, 22050.0, 0.8);
  for (std::size_t n = 0; n < samples.size(); ++n) {
    if (n / 700 % 2 == 0) samples[n] += low[n];
  }
  EXPECT_LT(worst_difference(options, samples, 37), 1e-3);
}

TEST_P(EveryTarget, MagnitudesAndPreEmphasisEqualTheDefinition) {
  MelSpectrumOptions options;
  options.n_fft = 512;
  options.hop_length = 160;
  options.window = symmetric_hann(400);
  options.pre_emphasis = 0.97;
  options.spectrum = Spectrum::magnitude;
  options.log_offset = 0.001;
  options.bank = tensorflow_mel_bank(
      {.sample_rate{16000}, .n_fft = 512, .n_mels = 64, .fmin_hz = 125.0, .fmax_hz = 7500.0});
  const std::vector<float> chirp = test_support::chirp(6000, {.sample_rate_hz = 16000.0});
  EXPECT_LT(worst_difference(options, chirp, 21), 5e-4);
}

TEST(MelSpectrum, AllTargetsAgree) {
  const std::vector<float> samples = test_support::chirp(30'000);
  std::vector<std::vector<float>> rows_of_targets;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::vector<float> rows;
    Result<LogMel> log_mel = LogMel::create({});
    ASSERT_TRUE(log_mel.ok());
    log_mel->push(samples, rows);
    log_mel->finish(rows);
    rows_of_targets.push_back(rows);
  }
  hwy::SetSupportedTargetsForTest(0);
  for (const std::vector<float>& rows : rows_of_targets) {
    ASSERT_EQ(rows.size(), rows_of_targets[0].size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_NEAR(rows[i], rows_of_targets[0][i], 1e-3) << i;
    }
  }
}

TEST(MelSpectrum, RefusesWhatTheKernelDoesNotKnow) {
  const auto code_of = [](const MelSpectrumOptions& options) {
    const Result<MelSpectrum> spectrum = MelSpectrum::create(options);
    return spectrum.ok() ? ErrorCode::internal : spectrum.error().code;
  };
  MelSpectrumOptions options = decibel_options(1024, 551, 220);
  EXPECT_EQ(code_of(options), ErrorCode::internal);  // Good.
  options.n_fft = 2048;
  EXPECT_EQ(code_of(options), ErrorCode::invalid_argument);
  options = decibel_options(1024, 551, 220);
  options.window.resize(1025);
  EXPECT_EQ(code_of(options), ErrorCode::invalid_argument);
  options = decibel_options(1024, 551, 220);
  options.hop_length = 0;
  EXPECT_EQ(code_of(options), ErrorCode::invalid_argument);
  options = decibel_options(1024, 551, 220);
  options.log_floor = 0.0;  // No floor, no limit to the precision that is asked for.
  EXPECT_EQ(code_of(options), ErrorCode::invalid_argument);
  options = decibel_options(1024, 551, 220);
  options.bank.push_back(
      {.first_bin = 5, .weights = {1.0}});  // Bin 5 is in two other bands already.
  EXPECT_EQ(code_of(options), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace baleen::dsp
