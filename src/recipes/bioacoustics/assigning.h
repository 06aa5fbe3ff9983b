#pragma once

/// New windows in clusters that there are: pure functions of numbers.
///
///   old and new vectors → as they were made comparable then → of each new one its neighbours among the old
///     → a place in the map and in the reduction (umap_transform) → HDBSCAN*'s clusters as they are
///     → what is alone among the vectors is noise

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/bioacoustics/clustering.h"

namespace baleen::bioacoustics {

/// Of the new windows. Shapes (n_new,).
struct AssignedWindows {
  std::vector<std::int32_t> labels;  ///< Those of the clustering; -1: noise.
  std::vector<double> probabilities;
  std::vector<double> outlier_scores;
  NoiseReasons noise;
  cluster::Matrix map;  ///< (n_new, 2)
};

/// @param vectors      (n_old + n_new, d): those that were clustered, in their order, and then the new ones.
/// @param deployments  Of each row; numbers of known ones as they were then.
/// @return  ARTIFACT_CORRUPT if `fitted` is of other rows; EMBEDDING_NOT_FINITE, EMBEDDING_DIMENSIONS_DIFFER.
[[nodiscard]] Result<AssignedWindows> assign_vectors(const FittedClustering& fitted,
                                                     const ClusteringParams& params,
                                                     cluster::Matrix vectors,
                                                     std::span<const std::uint32_t> deployments,
                                                     int n_threads);

}  // namespace baleen::bioacoustics
