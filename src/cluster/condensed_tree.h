#pragma once

/// The hierarchy of HDBSCAN*: which clusters there are at which density, and when each point leaves them.
///
/// Density is λ = 1 / distance. From λ = 0, where all points are one cluster (the root), upwards, clusters lose points
/// and split; parts of fewer than min_cluster_size points are no clusters but points that leave (Campello, Moulavi,
/// Zimek, Sander: Hierarchical density estimates for data clustering, visualization, and outlier detection, TKDD 2015;
/// McInnes, Healy 2017).
///
/// Of merges at equal distances the order of the edges decides which is the lower one; clusters that live between them
/// have no stability.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/spanning_tree.h"

namespace baleen::cluster {

struct CondensedCluster {
  std::uint32_t parent = 0;  ///< Of lower index; the root's is itself.
  std::uint32_t size = 0;    ///< Points at its birth.
  double birth = 0;          ///< λ at which it parts from its siblings; 0 of the root.
  double death = 0;          ///< The greatest λ at which a point, or a child cluster, leaves it.
  double stability =
      0;  ///< Sum over its points of the λ from its birth until they leave it: its excess of mass.
};

struct CondensedTree {
  std::vector<CondensedCluster> clusters;  ///< The root is 0.
  std::vector<std::uint32_t> cluster;  ///< Shape (n,): the last, smallest cluster of each point.
  std::vector<double> lambda;          ///< Shape (n,): where the point leaves it.
};

/// From a minimum spanning tree of at least two points.
/// @param edges    Ascending; ends are positions.
/// @param lambdas  Of each edge, finite and positive; equal for equal distances.
/// @param rows     The row of each position; the result is by row.
/// @param min_cluster_size  At least 2.
CondensedTree condense(std::span<const TreeEdge> edges,
                       std::span<const double> lambdas,
                       std::span<const std::uint32_t> rows,
                       std::size_t min_cluster_size);

}  // namespace baleen::cluster
