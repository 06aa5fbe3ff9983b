#pragma once

/// How good a clustering is: against known classes, against other clusterings.
///
/// Labels are any integers, negative ones included; which ones they are does not matter. Unless said otherwise noise (−1)
/// is a group like any other, as in scikit-learn. Two sequences that are compared have one label a point, so the same
/// length. Pure.

#include <cstdint>
#include <span>
#include <vector>

namespace baleen::cluster {

using Labels = std::span<const std::int32_t>;

/// The Rand index corrected for chance: 1 for equal partitions, about 0 for independent ones, negative for worse. 1 if
/// there are no points, or if both partitions are one group, or both only groups of one.
/// Source: Hubert, Arabie: Comparing partitions, 1985; scikit-learn's adjusted_rand_score.
[[nodiscard]] double adjusted_rand_index(Labels a, Labels b);

/// Mutual information over the mean of both entropies, of [0, 1]; 1 if both partitions are one group. scikit-learn's
/// normalized_mutual_info_score with its arithmetic mean.
[[nodiscard]] double normalized_mutual_information(Labels a, Labels b);

/// The share of points that are of the most frequent class of their cluster, of [0, 1]. Points that are noise do not
/// count; 0 if all are.
[[nodiscard]] double purity(Labels classes, Labels clusters);

/// The share of points that are not noise; 0 without points.
[[nodiscard]] double coverage(Labels clusters);

/// The greatest Jaccard index |A ∩ B| / |A ∪ B| of each cluster A of `labels` with any cluster B of `other`, by label
/// from 0 to the largest; 0 where a label is not used. Points that `other` marks as `kNotSampled` count nowhere, so that
/// `other` may cluster a sample only.
[[nodiscard]] std::vector<double> best_jaccard(Labels labels, Labels other);
inline constexpr std::int32_t kNotSampled = INT32_MIN;

/// How much a sweep over parameters (or seeds, or samples) agrees.
struct SweepStability {
  double mean_ari = 1;  ///< Over all pairs of clusterings; 1 if there is only one.
  std::vector<double>
      agreement;  ///< Of each clustering: its mean adjusted Rand index with the others.
  std::size_t most_typical =
      0;  ///< The clustering with the greatest agreement; of equals the first.
  std::vector<double>
      cluster_jaccard;  ///< Of each cluster of the most typical one: its mean best_jaccard with the others.
};

/// Of at least one clustering. A cluster below 0.5 has dissolved, one above 0.75 is stable (Hennig: Cluster-wise assessment
/// of cluster stability, CSDA 2007).
[[nodiscard]] SweepStability sweep_stability(
    std::span<const std::vector<std::int32_t>> clusterings);

}  // namespace baleen::cluster
