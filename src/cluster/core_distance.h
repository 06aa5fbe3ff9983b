#pragma once

/// Core distances: how far the k-th nearest neighbour is, the reciprocal of a local density.

#include <cstdint>
#include <vector>

#include "cluster/block_tree.h"

namespace baleen::cluster {

/// What one k-NN search of every point leaves, in the order of a block tree. Squared and scaled as the tree is.
struct CoreNeighbors {
  LineVector<float>
      core;  ///< Shape (16 × blocks,): distance to the k-th point, itself included; infinity behind the last.
  std::size_t n_listed = 0;  ///< Neighbours in each list, 16 at most.
  std::vector<std::uint32_t>
      listed;  ///< Shape (n, n_listed): positions, nearest first, without the point itself.
  std::vector<float> listed_distances;  ///< Of `listed`; empty where none is farther than `core`.
};

/// Searches for all points; `min_samples` of [1, n] counts the point itself, as in scikit-learn.
CoreNeighbors find_core_neighbors(const BlockTree& tree, std::size_t min_samples, int n_threads);

}  // namespace baleen::cluster
