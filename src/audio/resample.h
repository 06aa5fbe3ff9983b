#pragma once

/// Sample-rate conversion of mono floats: a polyphase windowed-sinc FIR filter without delay.
///
/// Output sample n lies at the time of input position n·from/to, and depends only on the input around
/// it; so the result does not depend on how the input is cut into pieces, and a conversion may start
/// in the middle (start_at). With f = half of the lower rate: flat within 0.001 dB up to 0.85 f, -6 dB
/// at 0.95 f, at least 100 dB down beyond 1.05 f (Kaiser window; J. F. Kaiser, 1974); when the rate
/// rises, all of that 0.02 f higher. ffmpeg's default filter (FilterShape::ffmpeg) is half as steep and has
/// its -6 dB at 0.97 f; levels of white noise agree with it within 0.1 dB.
/// Beyond the ends the input counts as zeros.
///
/// Every output is a sum in one fixed order, without fused multiply-add: all processors give the
/// same bits. The taps come from a table with one set per phase or, where that would be too large
/// (47,999 Hz to 22,050 Hz), are interpolated between the phases of a finer one (error below -100 dB).

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace baleen::audio {

enum class FilterShape {
  steep,   ///< For recordings that are to be kept.
  ffmpeg,  ///< For networks: what ffmpeg makes of a recording is what their references heard.
};

class Resampler {
 public:
  /// INVALID_ARGUMENT for rates below 1 kHz or above 1.536 MHz. Costs up to some milliseconds.
  static Result<Resampler> create(Hertz from, Hertz to, FilterShape shape = FilterShape::steep);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;

  /// Appends every output sample that the input so far determines. The input must be finite.
  void process(std::span<const float> in, std::vector<float>& out);
  /// Appends the rest, so that there are output_samples() of all input. Then reset or start_at.
  void flush(std::vector<float>& out);

  /// As new.
  void reset() { start_at(0); }
  /// As if everything up to output sample `output_index` had been done: the next output is that one.
  /// Returns the index of the input sample with which process() must go on (0 or more).
  std::int64_t start_at(std::int64_t output_index);

  /// The number of outputs of `input_samples`: those that lie before the end of the input, which is
  /// the quotient rounded up. (ffmpeg -ar gives the same, but for one sample at ratios above 4.)
  [[nodiscard]] std::int64_t output_samples(std::int64_t input_samples) const;

 private:
  struct State;
  explicit Resampler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace baleen::audio
