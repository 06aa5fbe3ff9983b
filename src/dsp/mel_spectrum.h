#pragma once

/// Frames of samples to rows of log band energies: the arithmetic that all front ends share.
///
/// Internal to this room. window → real FFT → |.| or |.|² → bands → logarithm.

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

#include "dsp/fft.h"
#include "dsp/mel.h"

namespace baleen::dsp {

enum class Spectrum { magnitude, power };

struct MelSpectrumOptions {
  int n_fft = 0;
  int hop_length = 0;
  /// Taps; samples behind them, up to n_fft, count as zero. (Where the taps lie within n_fft only
  /// turns the phase of the spectrum, which nobody sees.)
  std::vector<double> window;
  /// y[i] = x[i] - pre_emphasis·x[i-1] inside each frame, with x[-1] = x[0].
  double pre_emphasis = 0.0;
  Spectrum spectrum = Spectrum::power;
  MelBank bank;
  /// row[m] = log_scale·ln(max(band + log_offset, log_floor)). NaN stays NaN, ln(0) is -infinity.
  double log_scale = 1.0;
  double log_offset = 0.0;
  double log_floor = 0.0;
};

class MelSpectrum {
 public:
  [[nodiscard]] static Result<MelSpectrum> create(MelSpectrumOptions options);

  [[nodiscard]] std::size_t band_count() const { return options_.bank.size(); }

  /// Rows of frames that begin every hop_length samples.
  /// @param samples  (n_frames - 1)·hop_length + window.size() samples.
  /// @param rows     Shape (n_frames, band_count()), row-major.
  void process(const float* samples, std::size_t n_frames, float* rows);

 private:
  MelSpectrum(MelSpectrumOptions options, RealFft fft);
  void process_frame(const float* frame, float* row);

  MelSpectrumOptions options_;
  RealFft fft_;
  std::vector<double> signal_;
  std::vector<std::complex<double>> bins_;
  std::vector<double> levels_;
};

/// FrameStream's callback: appends the rows of a block.
struct RowAppender {
  MelSpectrum& spectrum;
  std::vector<float>& out;

  void operator()(const float* samples, std::size_t n_frames) const {
    const std::size_t old_size = out.size();
    out.resize(old_size + n_frames * spectrum.band_count());
    spectrum.process(samples, n_frames, out.data() + old_size);
  }
};

}  // namespace baleen::dsp
