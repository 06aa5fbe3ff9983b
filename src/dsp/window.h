#pragma once

/// Analysis windows, as double so that a kernel rounds them once.

#include <cstddef>
#include <vector>

namespace baleen::dsp {

/// Hann window of a period of `length` samples: 0.5 - 0.5·cos(2πn/length). For spectral analysis
/// (scipy `get_window("hann", length)`, tf.signal).
[[nodiscard]] std::vector<double> periodic_hann(std::size_t length);

/// Hann window whose first and last values are exactly zero: 0.5 - 0.5·cos(2πn/(length-1))
/// (numpy.hanning). A length of 1 gives {1}.
[[nodiscard]] std::vector<double> symmetric_hann(std::size_t length);

}  // namespace baleen::dsp
