#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "cluster/block_search.h"
#include "cluster/parallel.h"
#include "cluster/spanning_tree.h"

namespace baleen::cluster {
namespace {

// Borůvka's rounds: every component takes its shortest edge to another one. What keeps them cheap:
//  - Components only grow, so the shortest foreign edge of a point never gets shorter. What one round has found stays a
//    lower bound (`bound_`) in the next, and stays the answer as long as its far end is still foreign.
//  - The k nearest neighbours give most early edges without a search: one of at most the core distance cannot be beaten.
//  - A point searches only if its bound is below the best edge that its component has already.
//  - The largest component searches nothing: the others join it or each other. (An edge is safe if it is the shortest
//    of one of its ends.)
// Threads see only what was known before their batch began, and batches are cut by size, so that ties fall the same way
// at any number of threads.

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::uint32_t kUnknown = kNoPosition;            // Ask the list, then search.
constexpr std::uint32_t kListExhausted = kNoPosition - 1;  // Search.
constexpr std::uint32_t kLastPosition = kNoPosition - 2;
/// Blocks that a thread searches one after the other, knowing what it has found.
constexpr std::size_t kPortion = 16;
/// Portions of the first batch of a round; each batch is twice as large as the one before, up to the last number.
constexpr std::size_t kFirstBatch = 4;
constexpr std::size_t kLastBatch = 256;

TreeEdge ordered(float distance, std::uint32_t a, std::uint32_t b) {
  return {distance, std::min(a, b), std::max(a, b)};
}

bool is_shorter(const TreeEdge& x, const TreeEdge& y) {
  if (x.distance != y.distance) return x.distance < y.distance;
  return x.a != y.a ? x.a < y.a : x.b < y.b;
}

constexpr TreeEdge kNoEdge{kInfinity, kNoPosition, kNoPosition};

/// Union-find with path halving.
class DisjointSets {
 public:
  explicit DisjointSets(std::size_t n) : parents_(n) {
    std::iota(parents_.begin(), parents_.end(), 0U);
  }
  std::uint32_t find(std::uint32_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  bool join(std::uint32_t i, std::uint32_t j) {
    i = find(i);
    j = find(j);
    if (i == j) return false;
    parents_[std::max(i, j)] = std::min(i, j);
    return true;
  }

 private:
  std::vector<std::uint32_t> parents_;
};

class Boruvka {
 public:
  Boruvka(const BlockTree& tree, const CoreNeighbors& neighbors, int n_threads);
  std::vector<TreeEdge> run();

 private:
  struct Found {
    std::uint32_t component;
    TreeEdge edge;
  };

  void label_nodes();
  void choose_idle_component();
  void look_up_candidates();
  void look_up(std::uint32_t position);
  void search();
  void search_portion(std::span<const std::uint32_t> blocks, std::vector<Found>& found);
  std::uint32_t searching_points(std::size_t block) const;
  bool must_search(std::size_t position, float limit) const {
    return candidate_[position] > kLastPosition && bound_[position] < limit;
  }
  void join();
  void offer(std::uint32_t component, const TreeEdge& edge) {
    if (is_shorter(edge, best_[component])) best_[component] = edge;
  }

  const BlockTree& tree_;
  const CoreNeighbors& neighbors_;
  int n_threads_;
  std::size_t n_;
  std::size_t n_components_;
  std::vector<TreeEdge> edges_;
  LineVector<std::uint32_t> component_;  // Of each position, counted from 0.
  std::vector<float> bound_;             // No foreign point is nearer.
  std::vector<std::uint32_t>
      candidate_;  // A foreign point at that distance, or one of the constants above.
  std::vector<float> node_core_;  // Of the 16 children of each node.
  std::vector<std::uint32_t> node_component_;
  std::vector<TreeEdge> best_;  // Of each component: the shortest edge known to leave it.
  std::uint32_t idle_ = 0;      // The component that does not search.
};

Boruvka::Boruvka(const BlockTree& tree, const CoreNeighbors& neighbors, int n_threads)
    : tree_(tree),
      neighbors_(neighbors),
      n_threads_(n_threads),
      n_(tree.n_points()),
      n_components_(n_),
      component_(tree.n_blocks() * kBlock, Components::kMixed),
      bound_(neighbors.core.begin(), neighbors.core.begin() + static_cast<std::ptrdiff_t>(n_)),
      candidate_(n_, kUnknown),
      node_core_(tree.nodes().size() * kBlock, kInfinity),
      node_component_(tree.nodes().size() * kBlock) {
  edges_.reserve(n_ - 1);
  std::iota(component_.begin(), component_.begin() + static_cast<std::ptrdiff_t>(n_), 0U);
  for (std::size_t node = 0; node < tree.nodes().size(); ++node) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::uint32_t child = tree.nodes()[node].child[i];
      if (child == BlockTreeNode::kNone) continue;
      const bool is_block = (child & BlockTreeNode::kIsBlock) != 0;
      const float* const below =
          is_block ? neighbors.core.data() + (child & ~BlockTreeNode::kIsBlock) * kBlock
                   : node_core_.data() + child * kBlock;
      node_core_[node * kBlock + i] = *std::min_element(below, below + kBlock);
    }
  }
}

std::vector<TreeEdge> Boruvka::run() {
  while (n_components_ > 1) {
    label_nodes();
    choose_idle_component();
    look_up_candidates();
    search();
    join();
  }
  return std::move(edges_);
}

/// The component of each child of a node, if it has only one.
void Boruvka::label_nodes() {
  for (std::size_t node = 0; node < tree_.nodes().size(); ++node) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::uint32_t child = tree_.nodes()[node].child[i];
      std::uint32_t& label = node_component_[node * kBlock + i];
      label = Components::kMixed;
      if (child == BlockTreeNode::kNone) continue;
      const std::size_t block = child & ~BlockTreeNode::kIsBlock;
      const bool is_block = block != child;
      const std::uint32_t* const below =
          is_block ? component_.data() + block * kBlock : node_component_.data() + child * kBlock;
      std::size_t n = is_block ? std::min(kBlock, n_ - block * kBlock) : kBlock;
      while (!is_block && n > 1 && tree_.nodes()[child].child[n - 1] == BlockTreeNode::kNone) --n;
      const bool is_uniform =
          std::all_of(below, below + n, [&](std::uint32_t c) { return c == below[0]; });
      if (is_uniform) label = below[0];
    }
  }
}

void Boruvka::choose_idle_component() {
  std::vector<std::uint32_t> sizes(n_components_);
  for (std::size_t i = 0; i < n_; ++i) ++sizes[component_[i]];
  idle_ = static_cast<std::uint32_t>(
      std::distance(sizes.begin(), std::max_element(sizes.begin(), sizes.end())));
}

void Boruvka::look_up_candidates() {
  best_.assign(n_components_, kNoEdge);
  for (std::uint32_t i = 0; i < n_; ++i) {
    const std::uint32_t candidate = candidate_[i];
    if (candidate == kListExhausted) continue;
    if (candidate != kUnknown) {
      if (component_[candidate] != component_[i]) {
        offer(component_[i], ordered(bound_[i], i, candidate));
        continue;
      }
      candidate_[i] = kUnknown;
    }
    look_up(i);
  }
}

/// Takes the nearest foreign point of the list of neighbours.
void Boruvka::look_up(std::uint32_t position) {
  const std::size_t n_listed = neighbors_.n_listed;
  const std::size_t first = position * n_listed;
  const float core = neighbors_.core[position];
  TreeEdge nearest = kNoEdge;
  std::uint32_t candidate = kListExhausted;
  for (std::size_t i = first; i < first + n_listed; ++i) {
    const std::uint32_t other = neighbors_.listed[i];
    if (component_[other] == component_[position]) continue;
    float reach = std::max(core, neighbors_.core[other]);
    if (!neighbors_.listed_distances.empty()) {
      reach = std::max(reach, neighbors_.listed_distances[i]);
    }
    const TreeEdge edge = ordered(reach, position, other);
    if (is_shorter(edge, nearest)) {
      nearest = edge;
      candidate = other;
    }
  }
  // Who is not in the list is at least as far as its last.
  float beyond = core;
  if (!neighbors_.listed_distances.empty() && n_listed > 0) {
    beyond = std::max(beyond, neighbors_.listed_distances[first + n_listed - 1]);
  }
  candidate_[position] = kUnknown;
  if (candidate == kListExhausted) {
    candidate_[position] = kListExhausted;
    bound_[position] = std::max(bound_[position], beyond);
    return;
  }
  if (nearest.distance <= std::max(beyond, bound_[position])) {
    candidate_[position] = candidate;
    bound_[position] = nearest.distance;
  }
  offer(component_[position], nearest);
}

/// The points of a block that may yet improve the best edge of their component, as bits.
std::uint32_t Boruvka::searching_points(std::size_t block) const {
  std::uint32_t bits = 0;
  const std::size_t first = block * kBlock;
  const std::size_t n = std::min(kBlock, n_ - first);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t component = component_[first + i];
    if (component != idle_ && must_search(first + i, best_[component].distance)) bits |= 1U << i;
  }
  return bits;
}

void Boruvka::search() {
  std::vector<std::uint32_t> blocks;
  for (std::uint32_t b = 0; b < tree_.n_blocks(); ++b) {
    if (searching_points(b) != 0) blocks.push_back(b);
  }
  std::size_t batch = kFirstBatch * kPortion;
  for (std::size_t first = 0; first < blocks.size();) {
    const std::size_t n = std::min(batch, blocks.size() - first);
    const auto these = std::span(blocks).subspan(first, n);
    std::vector<std::vector<Found>> found((n + kPortion - 1) / kPortion);
    for_each_block(n, kPortion, n_threads_, [&](std::size_t begin, std::size_t end) {
      search_portion(these.subspan(begin, end - begin), found[begin / kPortion]);
    });
    for (const auto& of_portion : found) {
      for (const Found& f : of_portion) offer(f.component, f.edge);
    }
    first += n;
    batch = std::min(2 * batch, kLastBatch * kPortion);
  }
}

void Boruvka::search_portion(std::span<const std::uint32_t> blocks, std::vector<Found>& found) {
  const Components components{&tree_, neighbors_.core, component_, node_core_, node_component_};
  ForeignQuery query;
  for (const std::uint32_t block : blocks) {
    const std::size_t first = block * kBlock;
    query.active = 0;
    for (std::uint32_t left = searching_points(block); left != 0; left &= left - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left));
      const std::uint32_t component = component_[first + i];
      float limit = best_[component].distance;
      for (const Found& f : found) {
        if (f.component == component) limit = std::min(limit, f.edge.distance);
      }
      if (!must_search(first + i, limit)) continue;
      query.active |= 1U << i;
      query.limit[i] = limit;
    }
    nearest_foreign(components, block, query);
    for (std::uint32_t left = query.active; left != 0; left &= left - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left));
      const std::size_t position = first + i;
      if (query.distance[i] > query.limit[i] || query.nearest[i] == kNoPosition) {
        bound_[position] = std::max(bound_[position], query.limit[i]);
        continue;
      }
      bound_[position] = query.distance[i];
      candidate_[position] = query.nearest[i];
      const TreeEdge edge =
          ordered(query.distance[i], static_cast<std::uint32_t>(position), query.nearest[i]);
      const auto same = std::find_if(found.begin(), found.end(), [&](const Found& f) {
        return f.component == component_[position];
      });
      if (same == found.end()) {
        found.push_back({component_[position], edge});
      } else if (is_shorter(edge, same->edge)) {
        same->edge = edge;
      }
    }
  }
}

void Boruvka::join() {
  DisjointSets sets(n_components_);
  for (std::uint32_t c = 0; c < n_components_; ++c) {
    if (c == idle_) continue;
    const TreeEdge& edge = best_[c];
    if (sets.join(component_[edge.a], component_[edge.b])) edges_.push_back(edge);
  }
  std::vector<std::uint32_t> labels(n_components_, kNoPosition);
  std::uint32_t n_labels = 0;
  for (std::uint32_t c = 0; c < n_components_; ++c) {
    const std::uint32_t root = sets.find(c);  // The least of its set, so it has a label already.
    labels[c] = root == c ? n_labels++ : labels[root];
  }
  for (std::size_t i = 0; i < n_; ++i) component_[i] = labels[component_[i]];
  n_components_ = n_labels;
}

}  // namespace

std::vector<TreeEdge> boruvka_spanning_tree(const BlockTree& tree,
                                            const CoreNeighbors& neighbors,
                                            int n_threads) {
  return Boruvka(tree, neighbors, n_threads).run();
}

}  // namespace baleen::cluster
