#pragma once

/// Distances between vectors of floats, one at a time and one to many. Vector code for what the machine has (Google
/// Highway, chosen at run time); sums have a fixed order, so the same input gives the same bits on one machine. Any
/// number of dimensions, 0 included; nothing needs to be aligned. Thread-safe: nothing is kept.

#include <cstddef>
#include <cstdint>
#include <span>

#include "cluster/matrix.h"

namespace baleen::cluster {

enum class Metric {
  euclidean,  ///< |x - y|
  cosine      ///< 1 - x·y / (|x| |y|); 1 to a zero vector, but 0 between two of them
};

/// Σ (a[i] - b[i])². As long as the values are equal it is exactly 0. The spans are of the same length.
[[nodiscard]] float squared_euclidean(std::span<const float> a, std::span<const float> b);

/// Σ a[i]·b[i].
[[nodiscard]] float dot(std::span<const float> a, std::span<const float> b);

/// Squared Euclidean distances of `query` to those rows of `points`; out.size() == rows.size(). The rows are asked
/// for ahead, so that their order costs little.
void squared_euclidean_to(std::span<const float> query,
                          MatrixView points,
                          std::span<const std::uint32_t> rows,
                          std::span<float> out);

/// Cosine distances of `query` to those rows of `points`, computed as |x/|x| - y/|y||² / 2, which keeps its precision
/// where 1 - cos loses it: an equal vector is at 0.
/// @param query_scale  1 / |query|, 0 for a zero vector.
/// @param scales       The same of every row of `points` (n_rows).
void cosine_to(std::span<const float> query,
               float query_scale,
               MatrixView points,
               std::span<const float> scales,
               std::span<const std::uint32_t> rows,
               std::span<float> out);

/// Whether no value is NaN or infinite.
[[nodiscard]] bool all_finite(std::span<const float> values);

}  // namespace baleen::cluster
