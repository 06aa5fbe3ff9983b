#pragma once

/// The design of the resampler's filter. Internal to this room; see resample.h for what it reaches.

#include <cstdint>
#include <vector>

#include "audio/resample.h"

namespace baleen::audio {

/// The low-pass filter for a conversion to `ratio` times the input's rate.
class LowPass {
 public:
  LowPass(double ratio, FilterShape shape);
  /// Input samples from the centre to the end of the filter.
  [[nodiscard]] double half_width() const { return half_width_; }
  /// The impulse response at `t` input samples from the centre; zero beyond half_width().
  [[nodiscard]] double operator()(double t) const;

 private:
  double kaiser_beta_;
  double cutoff_;  ///< Cycles per input sample.
  double half_width_;
  double window_scale_;
};

/// Taps for `n_phases` positions p/n_phases between two input samples (the last one included if
/// `with_end`): [phase][tap], tap k weighs input sample k - n_taps/2 + 1. Each phase sums to 1.
[[nodiscard]] std::vector<float> polyphase_taps(const LowPass& filter,
                                                std::int64_t n_phases,
                                                std::size_t n_taps,
                                                bool with_end);

}  // namespace baleen::audio
