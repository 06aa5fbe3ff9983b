#pragma once

/// Frames of samples to rows of log band energies: the arithmetic that all front ends share.
///
/// Internal to this room. window → real FFT → |.| or |.|² → bands → logarithm, for sixteen frames at
/// a time, one frame to a vector lane, by the best instructions that the processor has (chosen at
/// run time). A row depends on the samples of its own frame only, not on its neighbours in the batch.
///
/// Single precision leaves an error of about 1e-7 of a frame's level in every bin, which is not small
/// in a band 60 dB below. With `is_precise` that is mended: a frame with more low than high
/// frequencies is differenced after the window (and the power gain of the difference taken back in
/// the bands), and a frame where a band still lies too deep below the rest is done again in double.

#include <cstddef>
#include <memory>
#include <vector>

#include "core/result.h"
#include "dsp/mel.h"

namespace baleen::dsp {

enum class Spectrum { magnitude, power };

struct MelSpectrumOptions {
  int n_fft = 0;  ///< 512 or 1024.
  int hop_length = 0;
  /// Taps, at most n_fft; samples behind them count as zero. (Where the taps lie within n_fft only
  /// turns the phase of the spectrum, which nobody sees.)
  std::vector<double> window;
  /// x[i] - pre_emphasis·x[i-1] inside each frame, with x[-1] = x[0].
  double pre_emphasis = 0.0;
  Spectrum spectrum = Spectrum::power;
  /// Triangles: a bin may weigh in two neighbouring bands at most.
  MelBank bank;
  /// row[m] = log_scale·ln(max(band + log_offset, log_floor)). NaN stays NaN, ln(0) is -infinity.
  double log_scale = 1.0;
  double log_offset = 0.0;
  double log_floor = 0.0;
  /// Every band as exact as double precision would make it, to some 2e-4 of its power. Needs
  /// Spectrum::power and a positive log_floor, below which nothing needs to be exact.
  bool is_precise = false;
};

struct MelPlan;

/// Movable; not thread-safe: one object per thread.
class MelSpectrum {
 public:
  /// `invalid_argument` for sizes or banks that the kernel does not know.
  [[nodiscard]] static Result<MelSpectrum> create(const MelSpectrumOptions& options);
  ~MelSpectrum();
  MelSpectrum(MelSpectrum&&) noexcept;
  MelSpectrum& operator=(MelSpectrum&&) noexcept;

  [[nodiscard]] std::size_t band_count() const;
  /// Floats that must be readable behind the last frame's last sample; what they are is no matter.
  [[nodiscard]] std::size_t slack_samples() const;

  /// Rows of frames that begin every hop_length samples.
  /// @param samples  (n_frames - 1)·hop_length + window.size() samples, and the slack. If n_frames is
  ///                 no multiple of 16, the slack is that of the next multiple.
  /// @param rows     Shape (n_frames, band_count()), row-major.
  void process(const float* samples, std::size_t n_frames, float* rows);

  /// Frames done in double precision so far.
  [[nodiscard]] std::size_t refined_count() const;

 private:
  struct Workspace;
  explicit MelSpectrum(std::unique_ptr<const MelPlan> plan);

  std::unique_ptr<const MelPlan> plan_;
  std::unique_ptr<Workspace> workspace_;
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
