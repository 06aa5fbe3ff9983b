#include "dsp/window.h"

#include <cmath>
#include <numbers>

namespace baleen::dsp {
namespace {

std::vector<double> hann(std::size_t length, std::size_t period) {
  std::vector<double> window(length);
  for (std::size_t n = 0; n < length; ++n) {
    const double phase =
        2.0 * std::numbers::pi * static_cast<double>(n) / static_cast<double>(period);
    window[n] = 0.5 - 0.5 * std::cos(phase);
  }
  return window;
}

}  // namespace

std::vector<double> periodic_hann(std::size_t length) { return hann(length, length); }

std::vector<double> symmetric_hann(std::size_t length) {
  if (length == 1) return {1.0};
  std::vector<double> window = hann(length, length - 1);
  if (!window.empty()) window.back() = 0.0;  // cos(2π) is 1, whatever the library rounds it to.
  return window;
}

}  // namespace baleen::dsp
