#pragma once

/// The discrete Fourier transform by its definition: slow, obvious, and no relative of our kernels.

#include <complex>
#include <cstddef>
#include <numbers>

namespace baleen::dsp::testing_only {

/// Bin k of the n_fft-point transform of signal(0), …, signal(length - 1), zeros behind.
template <typename Signal>
[[nodiscard]] std::complex<double> naive_bin(std::size_t n_fft,
                                             std::size_t k,
                                             std::size_t length,
                                             const Signal& signal) {
  std::complex<double> sum = 0.0;
  for (std::size_t n = 0; n < length; ++n) {
    const auto turn = static_cast<double>(n * k % n_fft);
    sum += static_cast<double>(signal(n)) *
           std::polar(1.0, -2.0 * std::numbers::pi * turn / static_cast<double>(n_fft));
  }
  return sum;
}

}  // namespace baleen::dsp::testing_only
