#include "cluster/spanning_tree.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "cluster/block_search.h"

namespace baleen::cluster {
namespace {

/// Up to here n² distances take less than the k-NN search.
constexpr std::size_t kPrimMax = 4096;

std::size_t position_of_row_0(const BlockTree& tree) {
  return static_cast<std::size_t>(
      std::distance(tree.rows().begin(), std::find(tree.rows().begin(), tree.rows().end(), 0U)));
}

/// The edges at each position: those of position i are `ends[first[i]]` to `ends[first[i + 1]]`.
struct Adjacency {
  struct End {
    float distance;
    std::uint32_t position;
  };
  explicit Adjacency(std::span<const TreeEdge> edges)
      : first(edges.size() + 2), ends(2 * edges.size()) {
    for (const TreeEdge& edge : edges) {
      ++first[edge.a];
      ++first[edge.b];
    }
    std::uint32_t sum = 0;
    for (std::uint32_t& count : first) count = sum += count;
    for (const TreeEdge& edge : edges) {
      ends[--first[edge.a]] = {edge.distance, edge.b};
      ends[--first[edge.b]] = {edge.distance, edge.a};
    }
  }
  std::vector<std::uint32_t> first;
  std::vector<End> ends;
};

/// The edges of a least tree in the order of Prim's method. Nearly all ties are of the edges of one point, at its core
/// distance; those edges therefore take part whether they are in the tree or not.
class PrimOrder {
 public:
  PrimOrder(const BlockTree& tree, const CoreNeighbors& neighbors, std::span<const TreeEdge> edges)
      : tree_(tree), neighbors_(neighbors), adjacency_(edges), is_visited_(tree.n_points()) {}

  std::vector<TreeEdge> run() {
    std::vector<TreeEdge> ordered;
    ordered.reserve(tree_.n_points() - 1);
    visit(position_of_row_0(tree_));
    while (!waiting_.empty()) {
      const Waiting next = waiting_.top();
      waiting_.pop();
      if (is_visited_[next.to]) continue;
      ordered.push_back({next.distance, next.from, next.to});
      visit(next.to);
    }
    return ordered;
  }

 private:
  struct Waiting {
    float distance;
    std::uint32_t row;
    std::uint32_t from;
    std::uint32_t to;
    bool operator<(const Waiting& other) const {  // std::priority_queue has the greatest on top.
      return std::tie(distance, row) > std::tie(other.distance, other.row);
    }
  };

  void visit(std::size_t position) {
    is_visited_[position] = true;
    for (std::uint32_t i = adjacency_.first[position]; i < adjacency_.first[position + 1]; ++i) {
      reach(adjacency_.ends[i].distance, position, adjacency_.ends[i].position);
    }
    const float core = neighbors_.core[position];
    const std::size_t first = position * neighbors_.n_listed;
    for (std::size_t i = first; i < first + neighbors_.n_listed; ++i) {
      const std::uint32_t to = neighbors_.listed[i];
      const bool is_within =
          neighbors_.listed_distances.empty() || neighbors_.listed_distances[i] <= core;
      if (is_within && neighbors_.core[to] <= core) reach(core, position, to);
    }
  }

  void reach(float distance, std::size_t from, std::uint32_t to) {
    if (is_visited_[to]) return;
    waiting_.push({distance, tree_.rows()[to], static_cast<std::uint32_t>(from), to});
  }

  const BlockTree& tree_;
  const CoreNeighbors& neighbors_;
  Adjacency adjacency_;
  std::vector<bool> is_visited_;
  std::priority_queue<Waiting> waiting_;
};

}  // namespace

std::vector<TreeEdge> prim_spanning_tree(const BlockTree& tree, const CoreNeighbors& neighbors) {
  const std::size_t n = tree.n_points();
  const auto rows = tree.rows();
  std::vector<TreeEdge> best(n,
                             {std::numeric_limits<float>::infinity(), 0, 0});  // To each outside.
  std::vector<std::uint32_t> outside(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    outside[rows[i]] = i;  // By row, so that the first of several nearest ones is the lowest.
    best[i].b = i;
  }
  LineVector<float> distances(tree.n_blocks() * kBlock);
  std::vector<TreeEdge> edges;
  edges.reserve(n - 1);
  std::uint32_t current = outside[0];
  outside.erase(outside.begin());
  while (!outside.empty()) {
    distances_from(tree, current, distances);
    const float core = neighbors.core[current];
    auto nearest = outside.begin();
    for (auto i = outside.begin(); i != outside.end(); ++i) {
      const float reach = std::max({core, neighbors.core[*i], distances[*i]});
      if (reach < best[*i].distance) best[*i] = {reach, current, *i};
      if (best[*i].distance < best[*nearest].distance) nearest = i;
    }
    current = *nearest;
    edges.push_back(best[current]);
    outside.erase(nearest);
  }
  return edges;
}

std::vector<TreeEdge> spanning_tree(const BlockTree& tree,
                                    const CoreNeighbors& neighbors,
                                    int n_threads) {
  std::vector<TreeEdge> edges =
      tree.n_points() <= kPrimMax
          ? prim_spanning_tree(tree, neighbors)
          : PrimOrder(tree, neighbors, boruvka_spanning_tree(tree, neighbors, n_threads)).run();
  std::stable_sort(edges.begin(), edges.end(),
                   [](const TreeEdge& x, const TreeEdge& y) { return x.distance < y.distance; });
  return edges;
}

}  // namespace baleen::cluster
