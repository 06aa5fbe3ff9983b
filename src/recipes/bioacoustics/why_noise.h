#pragma once

/// Why a window is in no cluster, in words for people: what `assignments` says in numbers.

#include <string>
#include <string_view>

#include "formats/parquet_tables.h"

namespace baleen::bioacoustics {

/// One row of an assignments table, as far as it is about noise.
struct NoiseFacts {
  formats::WindowNoise reason = formats::WindowNoise::none;
  int nearest_label = -1;    ///< -1: there is no cluster.
  double missing = 0;        ///< As in docs/formats/embeddings_parquet.md; NaN: not known.
  double outlier_score = 0;  ///< GLOSH
};

/// One or two sentences, such as "Alone: … The nearest cluster is 3 (moan)."; "" for a window that is no noise.
/// @param nearest_name  What people call the nearest cluster; "" if nothing.
[[nodiscard]] std::string explain_noise(const NoiseFacts& facts,
                                        std::string_view nearest_name = {});

}  // namespace baleen::bioacoustics
