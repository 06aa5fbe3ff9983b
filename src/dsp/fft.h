#pragma once

/// The FFT of a real signal in double precision: exact enough to judge the fast kernels by, and
/// simple enough to read. The front ends have their own batched single-precision kernels.

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

#include "core/result.h"

namespace baleen::dsp {

/// Plan of one size. `process` allocates nothing and is const: one plan may serve many threads.
class RealFft {
 public:
  /// `size` must be a power of two from 2 to 2^24, otherwise `invalid_argument`.
  [[nodiscard]] static Result<RealFft> create(std::size_t size);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bin_count() const { return size_ / 2 + 1; }

  /// bins[k] = Σ signal[n]·exp(-2πi·nk/size) for k in [0, size/2].
  /// @param signal  Shape (size,).
  /// @param bins    Shape (size/2 + 1,); may not overlap `signal`.
  void process(std::span<const double> signal, std::span<std::complex<double>> bins) const;

 private:
  explicit RealFft(std::size_t size);
  std::size_t size_;
  std::vector<std::complex<double>> twiddles_;  ///< exp(-2πi·k/size), k in [0, size/2).
  std::vector<std::size_t> reversed_;           ///< Bit reversal of [0, size/2).
};

}  // namespace baleen::dsp
