#pragma once

/// Noise in the original space: points that are much farther from their neighbours than those are from theirs.
///
/// A projection (UMAP) pulls every point towards its nearest group, so that noise cannot be told from members behind it.
/// In the space of the embeddings it can, by two signs of which both are needed:
///  - Its mean distance to the k nearest neighbours is larger than theirs to their own (the idea of the local outlier
///    factor: Breunig, Kriegel, Ng, Sander, SIGMOD 2000). Within a group of any density the ratio is about 1; how much more
///    is too much depends on the data, above all on their dimensions, and therefore its logarithm is measured in robust
///    standard deviations (1.4826 × the median absolute deviation) of all points.
///  - Few points count it among their own neighbours. The members of a wide group beside a tight one, whose nearest
///    neighbours may all be in the tight one, have each other; noise has nobody.
/// Cluster with all points and mark the noise afterwards: groups are found as well as without it, and it keeps its place
/// in the map. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/knn.h"

namespace baleen::cluster {

struct NoiseOptions {
  /// In robust standard deviations. Data without noise have hardly any point above 5 (digits: none; half-seconds and
  /// seconds of real recordings as mean log-mel spectra: 0 to 1.4 %), uniform noise of 64 dimensions and more is above 9.
  double threshold = 5;
  /// A point that is a neighbour of this share of k points, or of more, is no noise. (On average points are one of k.)
  double popularity_max = 1.0 / 3;
};

struct NoiseScores {
  std::vector<float> score;  ///< Of each point, in robust standard deviations above the median.
  std::vector<std::uint32_t>
      count;                   ///< Of how many points each is one of the k nearest neighbours.
  std::vector<char> is_noise;  ///< 1: above the threshold, and not popular.
  /// Of noise, how much smaller its mean distance to its neighbours would have to be; 0 of all others.
  std::vector<float> missing;
  std::vector<float> mean_distance;  ///< Of each point, to its neighbours.
  double middle = 0,
         deviation = 1;  ///< Of all logarithms of ratios: what scores are measured with.
  std::size_t n_noise = 0;
};

/// What find_noise found out about points among which new ones come to lie. Views of the caller's.
struct NoiseYardstick {
  std::span<const float> mean_distance;  ///< NoiseScores::mean_distance
  std::span<const float> reach;          ///< Of each point, the distance to its k-th neighbour.
  double middle = 0, deviation = 1;
};

/// Of all points of a k-NN search with k of about 15. Neighbours that do not exist do not count; a point without any is
/// noise. Groups of fewer than k points look like noise.
[[nodiscard]] NoiseScores find_noise(const Neighbors& neighbors, const NoiseOptions& options);

/// The same of new points, each as if it alone had come to the others, which stay as they are.
/// @param neighbors  Of each new point its k neighbours among the old ones. That these are all whose neighbour it could
///                   be is taken for granted: `count` is of them.
[[nodiscard]] NoiseScores find_new_noise(const Neighbors& neighbors,
                                         const NoiseYardstick& yardstick,
                                         const NoiseOptions& options);

/// Takes noise out of labels: what is noise becomes −1, and labels that have lost all their points are closed up.
void remove_noise(const NoiseScores& noise, std::vector<std::int32_t>& labels);

}  // namespace baleen::cluster
