#pragma once

/// The design of the resampler's filter. Internal to this room; see resample.h for what it reaches.

#include <cstdint>
#include <vector>

namespace baleen::audio {

/// With f = half of the lower rate: the -6 dB point in f (where frequencies above f would alias, and
/// where there are none), the filter's reach in half periods of f on either side, and the Kaiser
/// window's shape for 100 dB.
inline constexpr double kCutoffDown = 0.95;
inline constexpr double kCutoffUp = 0.97;
inline constexpr int kReach = 32;
inline constexpr double kKaiserBeta = 10.06;

/// The low-pass filter for a conversion to `ratio` times the input's rate.
class LowPass {
 public:
  explicit LowPass(double ratio);
  /// Input samples from the centre to the end of the filter.
  [[nodiscard]] double half_width() const { return half_width_; }
  /// The impulse response at `t` input samples from the centre; zero beyond half_width().
  [[nodiscard]] double operator()(double t) const;

 private:
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
