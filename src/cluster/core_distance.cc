#include "cluster/core_distance.h"

#include <algorithm>
#include <limits>

#include "cluster/block_search.h"
#include "cluster/parallel.h"
#include "core/check.h"

namespace baleen::cluster {
namespace {

/// Lists hold the likely edges of the spanning tree: with few, more of them need a search of their own; with many, they
/// take memory for nothing.
constexpr std::size_t kListedMin = 4;
constexpr std::size_t kListedMax = 15;
/// Blocks that a thread takes at once.
constexpr std::size_t kPortion = 16;

}  // namespace

CoreNeighbors find_core_neighbors(const BlockTree& tree, std::size_t min_samples, int n_threads) {
  const std::size_t n = tree.n_points();
  BALEEN_CHECK(min_samples >= 1 && min_samples <= n);
  const std::size_t k = std::min(n, std::max(min_samples, kListedMin + 1));
  CoreNeighbors found;
  found.n_listed = std::min(k - 1, kListedMax);
  found.core.assign(tree.n_blocks() * kBlock, std::numeric_limits<float>::infinity());
  found.listed.resize(n * found.n_listed);
  const bool reaches_beyond_core = k > min_samples;
  if (reaches_beyond_core) found.listed_distances.resize(n * found.n_listed);

  for_each_block(tree.n_blocks(), kPortion, n_threads, [&](std::size_t begin, std::size_t end) {
    BlockNeighbors neighbors(k, std::min(k, found.n_listed + 1));
    for (std::size_t b = begin; b < end; ++b) {
      nearest_of_block(tree, b, neighbors);
      for (std::size_t i = 0; i < kBlock && b * kBlock + i < n; ++i) {
        const std::size_t position = b * kBlock + i;
        found.core[position] = neighbors.distances[i * k + min_samples - 1];
        std::size_t n_taken = 0;  // Among many duplicates the point itself need not be found.
        for (std::size_t j = 0; j < k && n_taken < found.n_listed; ++j) {
          if (neighbors.positions[i * k + j] == position) continue;
          const std::size_t at = position * found.n_listed + n_taken++;
          found.listed[at] = neighbors.positions[i * k + j];
          if (reaches_beyond_core) found.listed_distances[at] = neighbors.distances[i * k + j];
        }
      }
    }
  });
  return found;
}

}  // namespace baleen::cluster
