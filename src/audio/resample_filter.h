#pragma once

/// The design of the resampler's filter. Internal to this room; see resample.h for what it reaches.

#include <cstdint>
#include <vector>

namespace baleen::audio {

/// Zero crossings of the sinc on either side, and the Kaiser window's shape for 100 dB.
inline constexpr int kZeroCrossings = 32;
inline constexpr double kKaiserBeta = 10.06;

/// A low-pass filter with its -6 dB point at `cutoff` (in cycles per input sample, at most 0.5).
class LowPass {
 public:
  explicit LowPass(double cutoff);
  /// Input samples from the centre to the end of the filter.
  [[nodiscard]] double half_width() const { return half_width_; }
  /// The impulse response at `t` input samples from the centre; zero beyond half_width().
  [[nodiscard]] double operator()(double t) const;

 private:
  double cutoff_;
  double half_width_;
  double window_scale_;
};

/// Taps for `n_phases` positions p/n_phases between two input samples (the last one included if
/// `with_end`): [phase][tap], tap k weighs input sample k - n_taps/2 + 1. Each phase sums to 1.
[[nodiscard]] std::vector<float> polyphase_taps(const LowPass& filter,
                                                std::int64_t n_phases,
                                                std::size_t n_taps,
                                                bool with_end);

/// The taps at odd distances of a half-band filter, for input samples at distance -n_taps + 1 + 2k;
/// together with the centre tap of one half they sum to 1.
[[nodiscard]] std::vector<float> half_band_taps(const LowPass& filter, std::size_t n_taps);

}  // namespace baleen::audio
