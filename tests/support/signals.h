#pragma once

/// Signals by formula, which scripts in other languages can repeat to the last bit.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace baleen::test_support {

/// Uniform integers by x ← 1664525·x + 1013904223 mod 2^32 (Numerical Recipes).
class Lcg {
 public:
  explicit Lcg(std::uint32_t seed) : state_(seed) {}
  [[nodiscard]] std::uint32_t next() {
    state_ = 1664525U * state_ + 1013904223U;
    return state_;
  }
  /// In [-1, 1), a multiple of 2^-15.
  [[nodiscard]] double next_s16() {
    return static_cast<double>(static_cast<std::int32_t>(next() >> 16U) - 32768) / 32768.0;
  }

 private:
  std::uint32_t state_;
};

/// The nearest 16-bit value, as float: floor(32768·x + 0.5)/32768, clipped to 16 bits.
[[nodiscard]] float to_s16(double x);

/// Uniform noise of ±amplitude, at 16 bits.
[[nodiscard]] std::vector<float> white_noise(std::size_t n_samples,
                                             std::uint32_t seed,
                                             double amplitude = 1.0);

/// amplitude·sin(2πfn/rate), at 16 bits.
[[nodiscard]] std::vector<float> sine(std::size_t n_samples,
                                      double frequency_hz,
                                      double sample_rate_hz,
                                      double amplitude);

/// amplitude·sin(2π(f0·n/rate + (f1-f0)/2·n²/(rate·n_samples))) + white noise: from f0 to f1, at
/// 16 bits.
struct ChirpOptions {
  double sample_rate_hz = 22050.0;
  double begin_hz = 50.0;
  double end_hz = 10000.0;
  double amplitude = 0.5;
  double noise_amplitude = 0.01;
  std::uint32_t seed = 1;
};
[[nodiscard]] std::vector<float> chirp(std::size_t n_samples, const ChirpOptions& options = {});

}  // namespace baleen::test_support
