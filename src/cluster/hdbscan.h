#pragma once

/// HDBSCAN*: clusters of any shape and density, and noise.
///
///   BALEEN_ASSIGN_OR_RETURN(const Hdbscan clusters, Hdbscan::fit(points, {.min_cluster_size = 20}));
///   clusters.clustering().labels[i];              // −1: noise
///   clusters.assign(new_points, n_threads);       // To the clusters that there are.
///   clusters.why_noise(rows);                     // How far they are from the nearest one.
///
/// Source: Campello, Moulavi, Zimek, Sander: Hierarchical density estimates for data clustering, visualization, and
/// outlier detection, TKDD 2015; McInnes, Healy: Accelerated hierarchical density based clustering, ICDMW 2017. Options
/// and results are defined as in scikit-learn's HDBSCAN (golden: tests/golden/hdbscan/ORIGIN.md), except that
///  - duplicates have a finite density: distances below half of the least positive edge count as that half;
///  - if the root alone is chosen (allow_single_cluster) without an epsilon, all points belong to it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/block_tree.h"
#include "cluster/cluster_selection.h"
#include "cluster/condensed_tree.h"
#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

struct HdbscanOptions {
  std::size_t min_cluster_size = 5;  ///< Smaller groups are noise; at least 2.
  std::size_t min_samples =
      0;  ///< Points, itself included, up to which a core distance reaches; 0: min_cluster_size.
  ClusterSelection selection = ClusterSelection::eom;
  double cluster_selection_epsilon = 0;  ///< Clusters are not parted below this distance.
  bool allow_single_cluster = false;     ///< All points may be one cluster.
  std::size_t max_cluster_size = 0;      ///< eom parts larger ones if it can; 0: any size.
  int n_threads = 1;                     ///< Changes nothing but the time.
};

inline constexpr std::int32_t kNoise = -1;

struct ClusterInfo {
  std::uint32_t node = 0;  ///< In the condensed tree.
  std::uint32_t size = 0;  ///< Points with this label.
  double stability = 0;
  double persistence = 0;  ///< Stability over size times the greatest λ of all: of [0, 1].
  /// Rows in the densest part of each of its leaves, ascending; 64 at most.
  std::vector<std::uint32_t> exemplars;
};

/// Vectors of shape (n,) are by row of the points.
struct Clustering {
  std::vector<std::int32_t>
      labels;  ///< Of [0, clusters.size()), in the order of their first rows; or kNoise.
  std::vector<float> probabilities;  ///< How long it stays in its cluster, of [0, 1]; 0 for noise.
  std::vector<float>
      outlier_scores;  ///< GLOSH, of [0, 1]: how much denser the densest part of its surroundings is.
  std::vector<float> core_distances;
  std::vector<ClusterInfo> clusters;  ///< By label.
  CondensedTree tree;
};

/// A point among the clusters that there are.
struct Assignment {
  std::int32_t label = kNoise;
  float probability = 0;
  std::uint32_t nearest_row = 0;  ///< The nearest point by mutual reachability distance, …
  float distance = 0;             ///< … and that distance.
  float outlier_score = 0;        ///< GLOSH among what nearest_row is among.
  /// Of noise: how much nearer it would have to be to the cluster of nearest_row; infinite if that is noise, too.
  float missing = 0;
};

/// Why a point is noise, in distances: it would have to be nearer by `missing` to be in the cluster `nearest_label`.
struct NoiseReason {
  std::uint32_t row = 0;
  float core_distance =
      0;  ///< To its min_samples-th neighbour: what its neighbourhood alone demands.
  float left_at =
      0;  ///< The distance below which it is connected to no group of min_cluster_size points.
  std::uint32_t left_cluster = 0;  ///< The node of the condensed tree which it left there.
  std::int32_t nearest_label =
      kNoise;  ///< The cluster with the nearest member; kNoise if there are no clusters.
  std::uint32_t nearest_row = 0;  ///< That member, by mutual reachability distance, …
  float nearest_distance = 0;     ///< … and that distance; infinite if there are no clusters.
  float cluster_reach =
      0;              ///< The distance up to which that cluster takes points in: that of its birth.
  float missing = 0;  ///< nearest_distance - cluster_reach, at least 0.
};

/// All that assign() needs besides the points, so that it need not be computed again. Shapes (n,) are by row.
struct HdbscanState {
  std::size_t min_samples = 0;
  double distance_floor = 0;
  double root_lambda = 0;
  std::vector<float> core;                ///< (n,) Squared and scaled as the tree of blocks is.
  std::vector<std::int32_t> node_labels;  ///< Of each cluster of the condensed tree.
  std::vector<std::uint32_t> nodes;       ///< Of each label its cluster in the condensed tree.
  std::vector<CondensedCluster> tree_clusters;
  std::vector<std::uint32_t> tree_cluster;  ///< (n,)
  std::vector<double> tree_lambda;          ///< (n,)
};

class Hdbscan {
 public:
  /// Clusters the rows. Euclidean; for cosine normalise the rows (`normalize.h`): |a - b|² = 2 (1 - cos).
  ///
  /// CLUSTER_TOO_FEW_POINTS: fewer than min_cluster_size, or than min_samples. CLUSTER_POINTS_IDENTICAL: all rows are
  /// equal; with allow_single_cluster they are one cluster instead. EMBEDDING_NOT_FINITE: NaN or infinity.
  /// INVALID_ARGUMENT: options, no columns, or 2^31 rows.
  static Result<Hdbscan> fit(MatrixView points, const HdbscanOptions& options);

  [[nodiscard]] HdbscanState state() const;
  /// Of the same points: assign() answers as it did; of clustering() there are only the tree and the clusters' nodes.
  /// ARTIFACT_CORRUPT if the state is not of these points.
  static Result<Hdbscan> restore(MatrixView points, HdbscanState state);

  [[nodiscard]] const Clustering& clustering() const { return clustering_; }
  /// Leaves an object that can only be destroyed.
  [[nodiscard]] Clustering release() && { return std::move(clustering_); }

  /// To which cluster each row of `points` would belong, if none of the others were there; nothing is changed.
  /// INVALID_ARGUMENT: other columns than the points of the clusters. EMBEDDING_NOT_FINITE.
  [[nodiscard]] Result<std::vector<Assignment>> assign(MatrixView points, int n_threads) const;

  /// Of rows that are noise; others are refused (INVALID_ARGUMENT). In the order of `rows`.
  [[nodiscard]] Result<std::vector<NoiseReason>> why_noise(
      std::span<const std::uint32_t> rows) const;

 private:
  Hdbscan() = default;
  void describe(const HdbscanOptions& options);
  void find_deepest();
  [[nodiscard]] Assignment assignment(std::uint32_t position, double squared) const;
  [[nodiscard]] float missing_of(const Assignment& assignment) const;
  [[nodiscard]] double reach_of(std::int32_t label) const;
  [[nodiscard]] float to_distance(float squared) const;

  BlockTree tree_;
  LineVector<float> core_;  // As in CoreNeighbors.
  std::size_t min_samples_ = 0;
  double distance_floor_ = 0;
  double root_lambda_ = 0;  // Points that leave a chosen root below it are noise.
  std::vector<double>
      deepest_;  // Of each cluster of the condensed tree the greatest λ in it and below.
  std::vector<std::int32_t>
      node_labels_;  // Of each cluster of the condensed tree; kNoise above the chosen ones.
  Clustering clustering_;
};

}  // namespace baleen::cluster
