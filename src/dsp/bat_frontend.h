#pragma once

/// The front end of the bat call detector of Bat Detective (CNN_FAST): a window of ultrasound to a spectrogram.
///
///   frames (numpy.hanning, 23 ms of the slowed sound, 3/4 overlap) → |rfft|² → bins from high to low
///   → ln(1 + 2/(fs·Σhanning²)·power) → minus each bin's mean over the window, not below 0
///   → Gaussian blur (sigma 1, edges repeated) → half the size (bilinear)
///
/// The network was trained on recordings slowed down tenfold and on 16-bit integers: rates are divided by 10 here, and
/// samples (full scale ±1) are multiplied by 32768. Because of the means a window's spectrogram depends on its length;
/// upstream's windows are 0.4 s.
///
/// Source: O. Mac Aodha et al., Bat detective - deep learning tools for bat acoustic signal detection, PLOS
/// Computational Biology 14(3), 2018, and its program. Golden: tests/golden/bat_frontend/ORIGIN.md.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "dsp/band_power.h"

namespace baleen::dsp {

struct BatFrontendOptions {
  Hertz sample_rate{256'000};
  double slice_scale_s = 0.02322;  ///< One frame, of the slowed sound.
  /// Bins [bin_begin, bin_end) of the transform without its DC: bin b is (b + 1)/slice_scale_s Hz, slowed.
  int bin_begin = 10;
  int bin_end = 270;
};

/// Not thread-safe: one object per thread. Scratch memory grows with the window.
class BatFrontend {
 public:
  /// What the network for recordings of 256 kHz and more takes (130 rows), and that for 192 kHz (115 rows).
  [[nodiscard]] static BatFrontendOptions options_256k() { return {}; }
  [[nodiscard]] static BatFrontendOptions options_192k() {
    return {Hertz{192'000}, 0.02667, 10, 240};
  }

  /// INVALID_ARGUMENT where the sample rate is too low for the bins.
  [[nodiscard]] static Result<BatFrontend> create(const BatFrontendOptions& options);

  [[nodiscard]] std::size_t frame_samples() const { return power_.frame_samples(); }
  [[nodiscard]] std::size_t hop_samples() const { return hop_; }
  /// Rows of a spectrogram: half the bins.
  [[nodiscard]] std::size_t row_count() const { return rows_.size(); }
  /// Columns of the spectrogram of so many samples: half the frames; 0 where they are less than two frames.
  [[nodiscard]] std::size_t column_count(std::size_t n_samples) const;

  /// @param window       Without NaN; at least two frames.
  /// @param spectrogram  Shape (row_count(), column_count(window.size())), the highest frequency first.
  void process(std::span<const float> window, std::span<float> spectrogram);

 private:
  /// Blur and bilinear interpolation at one place: weights of ten neighbours, the first of which may lie outside.
  struct Tap {
    std::ptrdiff_t first = 0;
    float weight[10] = {};
  };
  BatFrontend(BandPower power, std::size_t hop, double log_scale);
  [[nodiscard]] static std::vector<Tap> make_taps(std::size_t n_in, std::size_t n_out);
  [[nodiscard]] std::size_t frame_count(std::size_t n_samples) const;
  void denoise(std::size_t n_frames);

  BandPower power_;
  std::size_t hop_;
  float log_scale_;  ///< For samples of full scale ±1.
  std::vector<Tap> rows_;
  std::vector<float> spectrum_;  ///< Shape (frames, bins from low to high).
  std::vector<float> means_, column_;
};

}  // namespace baleen::dsp
