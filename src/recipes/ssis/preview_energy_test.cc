#include "recipes/ssis/preview_energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

namespace baleen::ssis {
namespace {

constexpr Hertz kRate{22050};

std::vector<std::int16_t> sine(double seconds, double amplitude) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(seconds * kRate.value));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<std::int16_t>(
        32767.0 * amplitude *
        std::sin(2.0 * std::numbers::pi * 1000.0 * static_cast<double>(i) / kRate.value));
  return samples;
}

PreviewEnergy energy_of(std::span<const std::int16_t> samples) {
  PreviewEnergy energy(kRate);
  energy.push(samples);
  energy.finish();
  return energy;
}

void append(std::vector<std::int16_t>& to, const std::vector<std::int16_t>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

TEST(PreviewEnergy, LevelsAreRmsRelativeToFullScale) {
  EXPECT_NEAR(energy_of(sine(1.0, 1.0)).level_dbfs(10), -3.01, 0.26);
  EXPECT_NEAR(energy_of(sine(1.0, 0.01)).level_dbfs(10), -43.01, 0.3);
  const std::vector<std::int16_t> square(22050, -32768);
  EXPECT_DOUBLE_EQ(energy_of(square).level_dbfs(3), 0.0);
  EXPECT_DOUBLE_EQ(energy_of(square).rms(3), 1.0);
}

TEST(PreviewEnergy, DigitalSilenceIsTheFloor) {
  const PreviewEnergy energy = energy_of(std::vector<std::int16_t>(22050, 0));
  EXPECT_EQ(energy.level_dbfs(0), PreviewEnergy::kFloorDbfs);
  EXPECT_EQ(energy.rms(0), 0.0);
  EXPECT_TRUE(energy.pauses(200).empty());
}

TEST(PreviewEnergy, StepsAreTwentyMillisecondsAtAnyRate) {
  for (const int rate : {50, 8000, 11025, 16000, 22050, 44100, 48000}) {
    SCOPED_TRACE(rate);
    PreviewEnergy energy(Hertz{rate});
    energy.push(std::vector<std::int16_t>(static_cast<std::size_t>(rate) * 10, 100));
    EXPECT_EQ(energy.step_count(), 500);
    energy.finish();
    EXPECT_EQ(energy.step_count(), 500);
  }
  const PreviewEnergy rest = energy_of(std::vector<std::int16_t>(442, 32767));
  ASSERT_EQ(rest.step_count(), 2);
  EXPECT_EQ(rest.level_dbfs(1), 0.0);  // One sample, and not one in 441.
}

TEST(PreviewEnergy, TheResultDoesNotDependOnThePortionsNorOnTheSampleType) {
  std::mt19937 random(1);
  std::vector<std::int16_t> samples(100'000);
  std::vector<float> floats;
  for (auto& sample : samples) {
    sample = static_cast<std::int16_t>(random() % 65536 - 32768);
    floats.push_back(static_cast<float>(sample) / 32768.0F);
  }
  const PreviewEnergy whole = energy_of(samples);
  for (const std::size_t portion : {1U, 440U, 441U, 442U, 5000U}) {
    SCOPED_TRACE(portion);
    PreviewEnergy a(kRate);
    PreviewEnergy b(kRate, 100'000);
    for (std::size_t at = 0; at < samples.size(); at += portion) {
      const std::size_t n = std::min(portion, samples.size() - at);
      a.push(std::span(samples).subspan(at, n));
      b.push(std::span(floats).subspan(at, n));
    }
    a.finish();
    b.finish();
    ASSERT_EQ(a.step_count(), whole.step_count());
    ASSERT_EQ(b.step_count(), whole.step_count());
    for (std::int64_t step = 0; step < whole.step_count(); ++step) {
      EXPECT_EQ(a.level_dbfs(step), whole.level_dbfs(step));
      EXPECT_EQ(b.level_dbfs(step), whole.level_dbfs(step));
    }
  }
}

TEST(PreviewEnergy, ImpossibleFloatsAreCut) {
  PreviewEnergy energy(kRate);
  const float values[] = {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), 1e30F};
  energy.push(values);
  energy.finish();
  EXPECT_EQ(energy.level_dbfs(0), 0.0);
}

TEST(PreviewEnergy, PausesLongerThanTheMinimumAreFoundWhereTheyAre) {
  std::vector<std::int16_t> samples = sine(2.0, 0.5);
  append(samples, sine(0.3, 0.001));
  append(samples, sine(2.0, 0.5));
  append(samples, sine(0.2, 0.001));  // Not longer than 200 ms.
  append(samples, sine(2.0, 0.5));
  append(samples, sine(1.0, 0.0));
  const PreviewEnergy energy = energy_of(samples);
  const std::vector<Pause> pauses = energy.pauses(200);
  ASSERT_EQ(pauses.size(), 2U);
  EXPECT_EQ(pauses[0].begin * PreviewEnergy::kStep, 2000);
  EXPECT_EQ(pauses[0].end * PreviewEnergy::kStep, 2300);
  EXPECT_EQ(pauses[1].begin * PreviewEnergy::kStep, 6500);
  EXPECT_EQ(pauses[1].end, energy.step_count());
}

TEST(PreviewEnergy, PausesOfANoisyRecordingAreFoundAboveItsFloor) {
  // Speech 15 dB above a hiss: nothing lies 30 dB below the loud steps.
  std::mt19937 random(2);
  std::normal_distribution<double> noise;
  std::vector<std::int16_t> samples;
  for (int second = 0; second < 20; ++second)
    for (int i = 0; i < 22050; ++i) {
      const double level = i < 11025 ? 0.2 : 0.2 / std::pow(10.0, 15.0 / 20.0);
      samples.push_back(
          static_cast<std::int16_t>(std::clamp(8000.0 * level * noise(random), -32768.0, 32767.0)));
    }
  const auto pauses = energy_of(samples).pauses(200);
  EXPECT_GE(pauses.size(), 18U);
  EXPECT_LE(pauses.size(), 22U);
}

TEST(PreviewEnergy, ASteadySoundHasNoPauses) {
  EXPECT_TRUE(energy_of(sine(10.0, 0.5)).pauses(200).empty());
}

TEST(PreviewEnergy, RelativeVarianceIsZeroForATone_OneForHalfSilence) {
  EXPECT_NEAR(energy_of(sine(2.0, 0.5)).relative_variance(0, 100), 0.0, 1e-9);
  std::vector<std::int16_t> half = sine(1.0, 0.5);
  append(half, sine(1.0, 0.0));
  const PreviewEnergy energy = energy_of(half);
  EXPECT_NEAR(energy.relative_variance(0, 100), 1.0, 0.01);  // Mean ½, variance ¼.
  EXPECT_NEAR(energy.relative_variance(0, 50), 0.0, 1e-9);
  EXPECT_EQ(energy.relative_variance(60, 90), 0.0);  // Silence.
  EXPECT_EQ(energy.relative_variance(50, 50), 0.0);
  EXPECT_EQ(energy.relative_variance(-5, 1'000'000), energy.relative_variance(0, 100));
}

}  // namespace
}  // namespace baleen::ssis
