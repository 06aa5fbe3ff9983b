#pragma once

/// The second half of dsp/clip_features.h: from the values of single rows to the statistics of a
/// window. Only clip_features.cc and its test use this.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "dsp/clip_features.h"

namespace baleen::dsp {

/// What is kept of each row. Order: first those summarised as mean and deviation.
namespace row_value {
inline constexpr std::size_t cepstrum = 0;  // 12 values: c1 to c12.
inline constexpr std::size_t rise = 12;
inline constexpr std::size_t fall = 13;
inline constexpr std::size_t peak_low = 14;
inline constexpr std::size_t peak_mid = 15;
inline constexpr std::size_t peak_high = 16;
inline constexpr std::size_t similar = 17;  // 4 values: lags of 30, 80, 160 and 320 ms.
inline constexpr std::size_t glide = 21;
inline constexpr std::size_t flatness = 22;
inline constexpr std::size_t centroid = 23;
inline constexpr std::size_t spread = 24;
inline constexpr std::size_t wide = 25;
inline constexpr std::size_t peak_band = 26;
inline constexpr std::size_t summarised = 27;  // Count of the above.
inline constexpr std::size_t level = 27;
inline constexpr std::size_t envelope = 28;  // 4 values.
inline constexpr std::size_t count = 32;
}  // namespace row_value

using ClipRowValues = std::array<float, row_value::count>;

/// Fills in level, active fraction and values; at least one row, at most 250.
void summarise_rows(std::span<const ClipRowValues> rows, ClipFeatureWindow& window);

/// The names of ClipFeatureWindow::values, in order.
[[nodiscard]] std::vector<std::string> clip_feature_names();

}  // namespace baleen::dsp
