#pragma once

/// From embeddings to clusters and a map: a pure function of numbers.
///
///   vectors → length 1 (cosine) → neighbours → UMAP to a few dimensions → HDBSCAN* → less what is noise
///                                            └─► UMAP to two: the map         by its neighbours

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cluster/hdbscan.h"
#include "cluster/matrix.h"
#include "core/json.h"
#include "core/result.h"

namespace baleen::bioacoustics {

struct ClusteringParams {
  std::string metric = "cosine";  ///< cosine, euclidean
  bool has_reduction =
      true;  ///< UMAP before HDBSCAN; without it the vectors themselves are clustered.
  std::int64_t n_neighbors = 15;
  double min_dist = 0;            ///< Of the reduction; the map has 0.1.
  std::int64_t n_components = 5;  ///< Of the reduction.
  /// Reductions of other seeds side by side, so that chance in one of them counts less; 0: chosen by the number of windows
  /// (resolve).
  std::int64_t n_maps = 0;
  std::int64_t min_cluster_size = 0;  ///< 0: chosen by the number of windows (resolve).
  std::int64_t min_samples = 0;       ///< 0: min_cluster_size.
  std::string selection = "eom";      ///< eom, leaf
  double epsilon = 0;
  /// Windows that are far from all others among the vectors themselves are noise, wherever UMAP puts them.
  bool has_noise_rejection = true;
  bool is_linked_within_recording = true;  ///< Whether windows of one recording may be neighbours.
  /// Windows that hold less sound than this part of them, at the ends of recordings, are left out: their padding would
  /// make a cluster of its own.
  double min_fill = 0.5;
  std::int64_t seed = 42;

  [[nodiscard]] json::object to_json() const;
  /// The same with what is chosen: a min_cluster_size of 0: a quarter of the square root of the number of windows, at least 5. A
  /// few hundred windows may hold groups of five; of a million, thousands of those would be nobody's help. And n_maps of
  /// 0: four up to 20,000 windows, where they cost seconds; one for more, where chance has less to say.
  [[nodiscard]] ClusteringParams resolve(std::size_t n_windows) const;
  /// Defaults for what is absent. INVALID_ARGUMENT names what is unknown or out of range.
  [[nodiscard]] static Result<ClusteringParams> from_json(const json::object& object);
};

struct ClusteringResult {
  cluster::Clustering clusters;
  cluster::Matrix map;  ///< (n, 2)
};

/// @param vectors     (n, d); changed: with the cosine metric each row gets length 1.
/// @param recordings  The recording of each row, as a number.
/// @param progress    Called with the fraction done.
/// @return  EMBEDDING_NOT_FINITE, CLUSTER_TOO_FEW_POINTS, CLUSTER_POINTS_IDENTICAL.
[[nodiscard]] Result<ClusteringResult> cluster_vectors(cluster::Matrix vectors,
                                                       std::span<const std::uint32_t> recordings,
                                                       const ClusteringParams& params,
                                                       int n_threads,
                                                       const std::function<void(double)>& progress);

}  // namespace baleen::bioacoustics
