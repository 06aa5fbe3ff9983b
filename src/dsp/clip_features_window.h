#pragma once

/// The second half of dsp/clip_features.h: from the values of single rows to the statistics of a
/// window. Only clip_features.cc and its test use this.

#include <span>
#include <string>
#include <vector>

#include "dsp/clip_features.h"

namespace baleen::dsp {

/// Fills in level, active fraction and values.
///
/// @param rows   At least one, at most 250.
/// @param fine   Sums over the same rows.
void summarise_rows(std::span<const ClipRowValues> rows,
                    const ClipFineSums& fine,
                    ClipFeatureWindow& window);

/// The names of ClipFeatureWindow::values, in order.
[[nodiscard]] std::vector<std::string> clip_feature_names();

}  // namespace baleen::dsp
