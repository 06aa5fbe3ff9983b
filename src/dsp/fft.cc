#include "dsp/fft.h"

#include <bit>
#include <numbers>
#include <utility>

namespace baleen::dsp {

Result<RealFft> RealFft::create(std::size_t size) {
  constexpr std::size_t kSizeMax = std::size_t{1} << 24U;
  if (!std::has_single_bit(size) || size < 2 || size > kSizeMax) {
    return fail(ErrorCode::invalid_argument, "plan an FFT of size {}: not a power of two", size);
  }
  return RealFft(size);
}

RealFft::RealFft(std::size_t size) : size_(size), twiddles_(size / 2), reversed_(size / 2) {
  for (std::size_t k = 0; k < twiddles_.size(); ++k) {
    twiddles_[k] = std::polar(
        1.0, -2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(size));
  }
  for (std::size_t k = 1; k < reversed_.size(); ++k) {
    reversed_[k] = reversed_[k / 2] / 2 + (k % 2) * (size / 4);
  }
}

void RealFft::process(std::span<const double> signal, std::span<std::complex<double>> bins) const {
  BALEEN_CHECK(signal.size() == size_ && bins.size() == bin_count());
  const std::size_t half = size_ / 2;
  // Even samples as real parts, odd ones as imaginary parts: one complex FFT of half the size.
  for (std::size_t n = 0; n < half; ++n) {
    bins[reversed_[n]] = {signal[2 * n], signal[2 * n + 1]};
  }
  for (std::size_t span = 1; span < half; span *= 2) {
    const std::size_t step = size_ / (2 * span);
    for (std::size_t start = 0; start < half; start += 2 * span) {
      for (std::size_t k = 0; k < span; ++k) {
        const std::complex<double> odd = bins[start + k + span] * twiddles_[k * step];
        bins[start + k + span] = bins[start + k] - odd;
        bins[start + k] += odd;
      }
    }
  }
  // Split: the spectra of the even and the odd samples lie in the symmetric and antisymmetric parts.
  const std::complex<double> first = bins[0];
  bins[0] = first.real() + first.imag();
  bins[half] = first.real() - first.imag();
  for (std::size_t k = 1; k <= half / 2; ++k) {
    const std::complex<double> low = bins[k];
    const std::complex<double> high = std::conj(bins[half - k]);
    const std::complex<double> even = 0.5 * (low + high);
    const std::complex<double> odd = std::complex<double>(0.0, -0.5) * (low - high) * twiddles_[k];
    bins[k] = even + odd;
    bins[half - k] = std::conj(even - odd);
  }
}

}  // namespace baleen::dsp
