#pragma once

/// The steps of clustering.h one by one, for those that take some of them several times or not at all.

#include <span>
#include <vector>

#include "cluster/hdbscan.h"
#include "cluster/knn.h"
#include "cluster/noise.h"
#include "cluster/normalize.h"
#include "cluster/umap.h"
#include "recipes/bioacoustics/clustering.h"

namespace baleen::bioacoustics {

/// Rows get length 1; rows of zeros stay. EMBEDDING_NOT_FINITE.
[[nodiscard]] Result<void> to_unit_length(cluster::Matrix& vectors);

[[nodiscard]] cluster::NormalizeOptions normalize_options(int n_threads);

/// Lengths of 1 where cosines are meant, and deployments centred if that is asked for and there are several;
/// returns the centres.
/// @param params  Resolved.
/// @return  CLUSTER_TOO_FEW_POINTS, CLUSTER_POINTS_IDENTICAL, EMBEDDING_NOT_FINITE.
[[nodiscard]] Result<cluster::Normalization> make_comparable(
    const ClusteringParams& params,
    std::span<const std::uint32_t> deployments,
    int n_threads,
    cluster::Matrix& vectors);

/// Neighbours for the map, and those by which noise is told.
struct Surroundings {
  cluster::Neighbors neighbors;
  cluster::NoiseScores noise;  ///< Empty where none is looked for.
  std::vector<float>
      reach;  ///< Of each window, to the last of the neighbours by which noise is told.
};

[[nodiscard]] Result<Surroundings> look_around(const cluster::Matrix& vectors,
                                               std::span<const std::uint32_t> recordings,
                                               const ClusteringParams& params,
                                               int n_threads);

/// Of the reduction (`is_map` false) or the map of n_rows windows.
[[nodiscard]] cluster::UmapOptions umap_options(const ClusteringParams& params,
                                                std::size_t n_rows,
                                                bool is_map,
                                                int n_threads);

/// The map (n, 2), or the reduction (n, n_maps · n_components).
[[nodiscard]] Result<cluster::Matrix> reduce(const cluster::Matrix& vectors,
                                             const cluster::Neighbors& neighbors,
                                             const ClusteringParams& params,
                                             bool is_map,
                                             int n_threads);

[[nodiscard]] cluster::HdbscanOptions hdbscan_options(const ClusteringParams& params,
                                                      int n_threads);

}  // namespace baleen::bioacoustics
