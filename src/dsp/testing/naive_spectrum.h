#pragma once

/// The discrete Fourier transform by its definition: slow, obvious, and no relative of our kernels.

#include <complex>
#include <cstddef>
#include <numbers>
#include <vector>

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

/// All bins, from 0 to n_fft/2.
template <typename Signal>
[[nodiscard]] std::vector<std::complex<double>> naive_bins(std::size_t n_fft,
                                                           std::size_t length,
                                                           const Signal& signal) {
  std::vector<std::complex<double>> roots(n_fft);
  for (std::size_t k = 0; k < n_fft; ++k) {
    roots[k] = std::polar(
        1.0, -2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n_fft));
  }
  std::vector<std::complex<double>> bins(n_fft / 2 + 1);
  for (std::size_t n = 0; n < length; ++n) {
    const auto value = static_cast<double>(signal(n));
    for (std::size_t k = 0; k < bins.size(); ++k) bins[k] += value * roots[n * k % n_fft];
  }
  return bins;
}

}  // namespace baleen::dsp::testing_only
