#pragma once

/// Searches of a block tree (`block_tree.h`), for the 16 points of a block at once. Exact; distances are squared and
/// scaled as the tree is. Pure, so that any number of threads may search one tree.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/block_tree.h"

namespace baleen::cluster {

inline constexpr std::uint32_t kNoPosition = 0xffffffff;

/// The k nearest points of each of 16 points. Where a tree has fewer, what is left is infinitely far and kNoPosition.
struct BlockNeighbors {
  /// @param n_ordered_  How many of each k are wanted in order, nearest first (of equals the lower position). The others
  ///                    follow in any order, except that the last is the farthest.
  explicit BlockNeighbors(std::size_t n_neighbors, std::size_t n_ordered_)
      : k(n_neighbors), n_ordered(n_ordered_), distances(kBlock * k), positions(kBlock * k) {}
  explicit BlockNeighbors(std::size_t n_neighbors) : BlockNeighbors(n_neighbors, n_neighbors) {}
  std::size_t k;
  std::size_t n_ordered;
  std::vector<float> distances;          ///< Shape (16, k).
  std::vector<std::uint32_t> positions;  ///< Shape (16, k).
};

/// Of the points of block `b`, which count among their own neighbours.
void nearest_of_block(const BlockTree& tree, std::size_t b, BlockNeighbors& neighbors);

/// Of 16 other points: `coordinates` as a block of the tree has them (scaled, 16 values of each column, aligned to 64
/// bytes, finite), `box` the least and greatest value of each column.
void nearest_of_points(const BlockTree& tree,
                       const float* coordinates,
                       const float* box,
                       BlockNeighbors& neighbors);

/// From the point at `position` to all points, by position; `distances` has the size of whole blocks and is aligned to 64
/// bytes.
void distances_from(const BlockTree& tree, std::size_t position, std::span<float> distances);

/// What a search for points of other components looks at. All by position in the tree or by node.
struct Components {
  const BlockTree* tree = nullptr;
  std::span<const float> core;               ///< Squared core distances, whole blocks.
  std::span<const std::uint32_t> component;  ///< Whole blocks.
  std::span<const float> node_core;  ///< Of each of the 16 children of each node, its least.
  std::span<const std::uint32_t> node_component;  ///< Of each child; kMixed if it has several.
  static constexpr std::uint32_t kMixed = 0xffffffff;
};

/// For each of 16 points the nearest point of another component, by squared mutual reachability distance.
struct ForeignQuery {
  std::uint32_t active = 0;  ///< One bit for each point that searches.
  /// What is not nearer does not matter; the least over all active points of one component is common to them.
  alignas(64) float limit[kBlock];
  float distance[kBlock];         ///< Infinity if there is none within the limit.
  std::uint32_t nearest[kBlock];  ///< Position, or kNoPosition.
};

/// Fills `distance` and `nearest` and lowers `limit` to what has been found. A point whose distance is above its limit
/// in the end need not be the nearest one: a neighbour of the same component has found a nearer one for all.
void nearest_foreign(const Components& components, std::size_t b, ForeignQuery& query);

}  // namespace baleen::cluster
