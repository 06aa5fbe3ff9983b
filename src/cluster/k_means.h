#pragma once

/// k-means: centres that are near to the points, for a cluster that people want to see in so many pieces.
///
/// Seeding: Arthur, Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007; then Lloyd's iteration. The
/// best of a few starts. Distances are Euclidean; with vectors of length 1 they order as the cosine does.

#include <cstddef>
#include <cstdint>
#include <span>

#include "cluster/matrix.h"

namespace baleen::cluster {

struct KMeansOptions {
  std::size_t n_clusters = 2;
  int n_starts = 4;
  int n_iterations_max = 50;
  std::uint64_t seed = 42;
};

/// Centres (k, d): as many as asked for, fewer where there are fewer different points. The same points and options give
/// the same bytes.
[[nodiscard]] Matrix k_means(MatrixView points, const KMeansOptions& options);

/// The row of the centre that is nearest to a point; of equals the first. There must be one.
[[nodiscard]] std::size_t nearest_centre(MatrixView centres, std::span<const float> point);

}  // namespace baleen::cluster
