#pragma once

/// How far the neighbours in a map are neighbours in truth.

#include <cstddef>
#include <cstdint>

#include "cluster/distance.h"
#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

struct TrustworthinessOptions {
  std::size_t n_neighbors = 15;
  Metric metric = Metric::euclidean;  ///< Of the points; the map is compared by Euclidean distance.
  std::size_t n_sampled = 0;          ///< Points to look at, spread evenly; 0: all.
  std::uint64_t seed = 42;
  int n_threads = 1;
};

/// 1 - 2 / (n k (2n - 3k - 1)) · Σ over points i and those j of their k nearest in the map that are not among their k
/// nearest in truth, of (rank of j among the neighbours of i) - k: 1 if no neighbour in the map is a stranger. As
/// scikit-learn's `trustworthiness`. (Venna, Kaski: Neighborhood preservation in nonlinear projection methods, 2001.)
/// With a sample the mean over it, at a cost of n_sampled · n · d.
/// @return  EMBEDDING_NOT_FINITE; CLUSTER_TOO_FEW_POINTS unless n > 2 k.
[[nodiscard]] Result<double> trustworthiness(MatrixView points,
                                             MatrixView map,
                                             const TrustworthinessOptions& options);

}  // namespace baleen::cluster
