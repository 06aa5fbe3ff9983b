#include "dsp/mel.h"

#include <gtest/gtest.h>

#include <cmath>

namespace baleen::dsp {
namespace {

double weight_at(const MelBand& band, std::size_t bin) {
  if (bin < band.first_bin || bin >= band.first_bin + band.weights.size()) return 0.0;
  return band.weights[bin - band.first_bin];
}

TEST(MelBank, SlaneyHasTheWeightsOfLibrosa) {
  const MelBank bank = slaney_mel_bank(
      {.sample_rate{22050}, .n_fft = 1024, .n_mels = 64, .fmin_hz = 0.0, .fmax_hz = 11025.0});
  ASSERT_EQ(bank.size(), 64U);
  // librosa.filters.mel(sr=22050, n_fft=1024, n_mels=64, dtype=np.float64)
  EXPECT_NEAR(weight_at(bank[0], 1), 0.00821736131298951, 1e-14);
  EXPECT_NEAR(weight_at(bank[0], 3), 0.01441777728609027, 1e-14);
  EXPECT_NEAR(weight_at(bank[30], 86), 0.008240847682880888, 1e-14);
  EXPECT_NEAR(weight_at(bank[63], 500), 0.0008251719358165219, 1e-14);
  EXPECT_EQ(weight_at(bank[0], 0), 0.0);
}

TEST(MelBank, SlaneyTrianglesHaveUnitArea) {
  const MelBank bank = slaney_mel_bank(
      {.sample_rate{48000}, .n_fft = 1 << 16, .n_mels = 40, .fmin_hz = 300.0, .fmax_hz = 8000.0});
  for (const MelBand& band : bank) {
    double area = 0.0;
    for (const double weight : band.weights) area += weight * 48000.0 / (1 << 16);
    EXPECT_NEAR(area, 1.0, 1e-3);
  }
}

TEST(MelBank, TensorFlowTrianglesAddUpToOneBetweenTheFirstAndTheLastCentre) {
  const MelBank bank = tensorflow_mel_bank(
      {.sample_rate{16000}, .n_fft = 512, .n_mels = 64, .fmin_hz = 125.0, .fmax_hz = 7500.0});
  for (std::size_t bin = 6; bin < 230; ++bin) {
    double sum = 0.0;
    for (const MelBand& band : bank) sum += weight_at(band, bin);
    EXPECT_NEAR(sum, 1.0, 1e-12) << "bin " << bin;
  }
  for (const MelBand& band : bank) EXPECT_EQ(weight_at(band, 0), 0.0);
}

TEST(MelBank, SidekitDropsTheBinAtTheRoundedHighEdge) {
  const MelBank bank = sidekit_mel_bank(
      {.sample_rate{16000}, .n_fft = 512, .n_mels = 24, .fmin_hz = 100.0, .fmax_hz = 8000.0});
  ASSERT_EQ(bank.size(), 24U);
  // Edges of band 0: 100, 180.13, 268.29 Hz, rounded down to the bins 3, 5, 8 of 31.25 Hz.
  const double height = 2.0 / (268.287506 - 100.0);
  EXPECT_EQ(bank[0].first_bin, 4U);
  ASSERT_EQ(bank[0].weights.size(), 4U);  // Bins 4 to 7; bin 8 (250 Hz) is dropped.
  EXPECT_NEAR(bank[0].weights[0], height * (125.0 - 100.0) / (180.130675 - 100.0), 1e-9);
  EXPECT_NEAR(bank[0].weights[3], height * (268.287506 - 218.75) / (268.287506 - 180.130675), 1e-9);
}

}  // namespace
}  // namespace baleen::dsp
