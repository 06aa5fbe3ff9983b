#pragma once

/// A spectrogram as a small picture for people: which sounds are in a stretch of a recording, at a glance.
///
///   frames (periodic Hann, at least half overlapping) → |FFT|² → the greatest of each pixel → dB
///   → half of what a row is louder than others taken away → levels between two percentiles
///
/// The greatest, not the mean, so that a click of one frame is seen in a column of hundreds. Recordings from the field
/// are loudest at low frequencies (wind, water, engines); half of each row's median goes, so that calls above are seen
/// and a steady tone still is. The range of levels is that of the picture's own values: from the noise floor to the loudest few.

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "dsp/fft.h"

namespace baleen::dsp {

struct SpectrogramPictureOptions {
  Hertz sample_rate{48'000};
  std::int64_t n_samples = 0;  ///< Of the stretch.
  double high_hz = 12'000;     ///< The top edge; the bottom one is 0 Hz.
  int width = 256, height = 128;
};

/// Not thread-safe. Memory is that of the picture and one frame, however long the stretch is.
class SpectrogramPicture {
 public:
  /// INVALID_ARGUMENT unless 0 < high_hz <= sample_rate/2, n_samples > 0 and the sizes are 1 to 4096.
  [[nodiscard]] static Result<SpectrogramPicture> create(const SpectrogramPictureOptions& options);

  /// Samples that are heard before the stretch begins, so that its first frames are whole; zeros where there are none.
  /// As many are heard behind it.
  [[nodiscard]] std::int64_t lead_samples() const { return static_cast<std::int64_t>(n_fft_ / 2); }
  [[nodiscard]] std::size_t n_fft() const { return n_fft_; }

  /// The next samples, from lead_samples() before the stretch on; finite. What is too much is ignored.
  void push(std::span<const float> samples);
  /// @param levels  Shape (height, width), the highest frequency first: 0 the noise floor, 255 the loudest. Where no
  ///                sound was heard, 0.
  void finish(std::span<std::uint8_t> levels);

 private:
  SpectrogramPicture(const SpectrogramPictureOptions& options, RealFft fft);
  void take_frame();
  [[nodiscard]] std::vector<float> decibels() const;

  SpectrogramPictureOptions options_;
  std::size_t n_fft_;
  std::int64_t hop_, n_frames_;
  RealFft fft_;
  std::vector<double> window_, frame_;
  std::vector<std::complex<double>> bins_;
  std::vector<std::size_t>
      row_bins_;                // Row r has bins [row_bins_[r], row_bins_[r + 1]), at least one.
  std::vector<float> pending_;  // From where the next frame begins.
  std::int64_t n_to_skip_ = 0;  // Before it begins.
  std::int64_t n_done_ = 0;     // Frames.
  std::vector<float>
      power_;  // Shape (width, height), the lowest frequency first; below 0: no frame.
};

}  // namespace baleen::dsp
