#pragma once

/// Nearest neighbours of all points of a set, exactly or almost (recall about 0.998 in a fraction of the time).
///
/// Both are pure, and give the same bytes for the same points, options and seed at any number of threads.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "cluster/distance.h"
#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

/// The index of a neighbour that does not exist; its distance is +infinity.
inline constexpr std::uint32_t kNoNeighbor = std::numeric_limits<std::uint32_t>::max();

struct NeighborOptions {
  std::size_t k = 15;  ///< Neighbours of each point, itself not counted.
  Metric metric = Metric::euclidean;
  std::uint64_t seed = 42;  ///< Of the approximate search.
  int n_threads = 1;
  /// Must-not-link: empty, or one number for each point. Points of the same number (windows of one recording) are
  /// never neighbours of each other.
  std::span<const std::uint32_t> groups = {};
};

/// The k neighbours of each of n points, sorted by (distance, index), without the point itself. Where a point has
/// fewer than k (because all others are of its group), the row ends with kNoNeighbor at +infinity.
struct Neighbors {
  std::size_t n = 0;
  std::size_t k = 0;
  std::vector<std::uint32_t> indices;  ///< (n, k)
  std::vector<float> distances;        ///< (n, k); Euclidean: not squared.

  [[nodiscard]] std::span<const std::uint32_t> indices_of(std::size_t i) const {
    return {indices.data() + i * k, k};
  }
  [[nodiscard]] std::span<const float> distances_of(std::size_t i) const {
    return {distances.data() + i * k, k};
  }
};

/// The true neighbours: n² / 2 distances by blocked products of floats (as a matrix product), the best of them computed
/// anew as differences. 0.5 · n² · d multiplications; points whose neighbours the rounding of the products might have
/// hidden (tight clusters far apart) are compared with all others as differences, which is slower.
///
/// Equal points are neighbours at distance 0, lower index first; so k + 1 copies of a point fill each other's lists.
/// @return  EMBEDDING_NOT_FINITE; CLUSTER_TOO_FEW_POINTS if there are not more than k points; or if k is 0.
[[nodiscard]] Result<Neighbors> exact_neighbors(MatrixView points, const NeighborOptions& options);

/// Of the last `n_last` points their true neighbours among those before (Neighbors::n is n_last), found in the same way.
/// options.groups is not used.
/// @return  Errors as above, where `k` is held against the points before.
[[nodiscard]] Result<Neighbors> neighbors_of_last(MatrixView points,
                                                  std::size_t n_last,
                                                  const NeighborOptions& options);

/// Almost the true neighbours; every distance that is given is exact.
///
/// Points are compared in a sketch of small integers (sketch.h), cell by cell of k-means, each cell with those that
/// are near it (cells.h), then each point with the neighbours of its neighbours (a round of NN-descent: Dong, Moses,
/// Li: Efficient k-nearest neighbor graph construction, WWW 2011); of what is nearest then, the exact distances decide.
/// How fine the sketch is, how many candidates are kept, which cells are compared and whether the round of NN-descent
/// is needed is chosen by trying it on a sample of points whose true neighbours are computed. So recall is about 0.997
/// for any data, and data without structure, where nothing can be left out, cost more: in the worst case as much as
/// exact_neighbors.
/// Of several equally far points any may be given. Memory beyond the points: about 600 bytes for each at k = 15.
/// @return  Errors as above.
[[nodiscard]] Result<Neighbors> approximate_neighbors(MatrixView points,
                                                      const NeighborOptions& options);

/// The part of the true neighbours that `found` has: of each point those of `truth`'s k, equally far ones (within
/// rounding, 1e-5) counting as found. Both are of the same n; found.k >= truth.k.
[[nodiscard]] double recall(const Neighbors& found, const Neighbors& truth);

}  // namespace baleen::cluster
