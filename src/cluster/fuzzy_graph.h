#pragma once

/// The weighted graph of UMAP: how strongly points belong to each other's neighbourhoods. Internal to the room.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cluster/knn.h"

namespace baleen::cluster {

/// A symmetric graph, the edges of each vertex in ascending order: edges of i are [begins[i], begins[i + 1]).
struct FuzzyGraph {
  std::vector<std::uint64_t> begins;  ///< n + 1.
  std::vector<std::uint32_t> targets;
  std::vector<float> weights;  ///< (0, 1]

  [[nodiscard]] std::size_t size() const { return begins.size() - 1; }
};

/// Of each neighbour the membership exp(-(d - rho) / sigma), where rho is the distance of the nearest neighbour that
/// is not at 0 and sigma is such that the memberships of a point add up to log2(k + 1): (n, k). Where there is no
/// neighbour it is 0.
/// Source: McInnes, Healy, Melville: UMAP, arXiv:1802.03426v3, algorithm 3; k + 1 because that counts the point itself.
[[nodiscard]] std::vector<float> memberships(const Neighbors& neighbors, int n_threads);

/// The fuzzy union of the memberships of both ends: a + b - a b. Edges below `weight_min` times the largest weight are
/// left out.
[[nodiscard]] FuzzyGraph fuzzy_union(const Neighbors& neighbors,
                                     const std::vector<float>& memberships,
                                     float weight_min,
                                     int n_threads);

}  // namespace baleen::cluster
