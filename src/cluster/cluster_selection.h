#pragma once

/// Which clusters of a hierarchy are the answer.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cluster/condensed_tree.h"

namespace baleen::cluster {

enum class ClusterSelection {
  eom,  ///< Excess of mass: the set of disjoint clusters with the greatest total stability.
  leaf  ///< The smallest clusters.
};

struct ClusterSelectionOptions {
  ClusterSelection method = ClusterSelection::eom;
  /// Clusters that are born below this distance are replaced by the ancestor that is not (Malzer, Baum: A hybrid
  /// approach to hierarchical density-based cluster selection, MFI 2020).
  double epsilon = 0;
  bool allow_single_cluster = false;  ///< The root may be chosen.
  std::size_t max_cluster_size = 0;   ///< eom prefers the children of a larger one; 0: any size.
};

/// The chosen clusters, ascending; none lies within another. Defined as in scikit-learn's HDBSCAN.
std::vector<std::uint32_t> select_clusters(const CondensedTree& tree,
                                           const ClusterSelectionOptions& options);

}  // namespace baleen::cluster
