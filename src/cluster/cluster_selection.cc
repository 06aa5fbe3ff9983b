#include "cluster/cluster_selection.h"

#include <algorithm>

namespace baleen::cluster {
namespace {

/// Those for which `is_wanted` holds and for none of their ancestors.
std::vector<std::uint32_t> topmost(const CondensedTree& tree, const std::vector<bool>& is_wanted) {
  std::vector<bool> is_covered(tree.clusters.size());
  std::vector<std::uint32_t> found;
  for (std::uint32_t c = 0; c < tree.clusters.size(); ++c) {
    const bool is_below = c > 0 && is_covered[tree.clusters[c].parent];
    is_covered[c] = is_below || is_wanted[c];
    if (is_wanted[c] && !is_below) found.push_back(c);
  }
  return found;
}

std::vector<std::uint32_t> most_stable(const CondensedTree& tree,
                                       const ClusterSelectionOptions& options) {
  const std::size_t n = tree.clusters.size();
  std::vector<double> below(n);  // The greatest stability that disjoint descendants reach.
  std::vector<bool> is_wanted(n);
  for (std::size_t c = n; c-- > (options.allow_single_cluster ? 0U : 1U);) {
    const CondensedCluster& cluster = tree.clusters[c];
    const bool is_too_large =
        options.max_cluster_size > 0 && cluster.size > options.max_cluster_size;
    is_wanted[c] = !(below[c] > cluster.stability) && !is_too_large;
    if (c > 0) below[cluster.parent] += is_wanted[c] ? cluster.stability : below[c];
  }
  return topmost(tree, is_wanted);
}

std::vector<std::uint32_t> leaves(const CondensedTree& tree,
                                  const ClusterSelectionOptions& options) {
  std::vector<bool> is_leaf(tree.clusters.size(), true);
  for (std::size_t c = 1; c < tree.clusters.size(); ++c) is_leaf[tree.clusters[c].parent] = false;
  is_leaf[0] = is_leaf[0] && options.allow_single_cluster;
  return topmost(tree, is_leaf);
}

/// The cluster itself or the lowest ancestor that is born at `epsilon` at least; below the root unless it is allowed.
std::uint32_t climb(const CondensedTree& tree,
                    std::uint32_t cluster,
                    const ClusterSelectionOptions& options) {
  const double lambda_max = 1 / options.epsilon;
  while (cluster != 0 && tree.clusters[cluster].birth > lambda_max) {
    const std::uint32_t parent = tree.clusters[cluster].parent;
    if (parent == 0 && !options.allow_single_cluster) break;
    cluster = parent;
  }
  return cluster;
}

}  // namespace

std::vector<std::uint32_t> select_clusters(const CondensedTree& tree,
                                           const ClusterSelectionOptions& options) {
  std::vector<std::uint32_t> chosen =
      options.method == ClusterSelection::eom ? most_stable(tree, options) : leaves(tree, options);
  if (options.epsilon <= 0) return chosen;
  std::vector<bool> is_wanted(tree.clusters.size());
  for (const std::uint32_t c : chosen) is_wanted[climb(tree, c, options)] = true;
  return topmost(tree, is_wanted);
}

}  // namespace baleen::cluster
