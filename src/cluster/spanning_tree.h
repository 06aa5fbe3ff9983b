#pragma once

/// The exact minimum spanning tree of mutual reachability distances.
///
/// The mutual reachability distance of a and b is max(core(a), core(b), distance(a, b)), where core is the distance to
/// the k-th nearest neighbour (Campello, Moulavi, Sander: Density-based clustering based on hierarchical density
/// estimates, PAKDD 2013). Its spanning tree is found by Borůvka's method on a k-d tree (March, Ram, Gray: Fast
/// Euclidean minimum spanning tree, KDD 2010; McInnes, Healy: Accelerated hierarchical density based clustering, ICDMW
/// 2017); see boruvka.cc for what is left out.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cluster/block_tree.h"
#include "cluster/core_distance.h"

namespace baleen::cluster {

/// Distances are squared and scaled as the block tree's are; a and b are positions in it.
struct TreeEdge {
  float distance = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  friend bool operator==(const TreeEdge&, const TreeEdge&) = default;
};

/// The n - 1 edges, ascending; equal ones in the order in which Prim's method, begun at row 0 and taking the point of the
/// lowest row first, comes by them. That is what scikit-learn's HDBSCAN does, apart from a sort that is not stable; its
/// labels (not the weights) depend on it, as many mutual reachability distances are equal: all those that are the core
/// distance of one point. The result is the same at any number of threads.
///
/// Up to 4096 points Prim's method finds the tree too. Above it is Borůvka's, and lists of 15 neighbours know nearly all
/// ties, but not those of duplicates, of larger min_samples, or by chance.
std::vector<TreeEdge> spanning_tree(const BlockTree& tree,
                                    const CoreNeighbors& neighbors,
                                    int n_threads);

/// The parts of it, for tests: both give least trees.
std::vector<TreeEdge> prim_spanning_tree(const BlockTree& tree, const CoreNeighbors& neighbors);
std::vector<TreeEdge> boruvka_spanning_tree(const BlockTree& tree,
                                            const CoreNeighbors& neighbors,
                                            int n_threads);

}  // namespace baleen::cluster
