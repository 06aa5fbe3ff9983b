#include "cluster/condensed_tree.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"

namespace baleen::cluster {
namespace {

/// The binary single-linkage tree. Nodes below n are points (positions), node n + i is made by edge i.
class Dendrogram {
 public:
  struct Merge {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    std::uint32_t size = 0;
  };

  explicit Dendrogram(std::span<const TreeEdge> edges) : n_(edges.size() + 1) {
    merges_.reserve(edges.size());
    std::vector<std::uint32_t> parents(n_);  // A union-find forest …
    std::iota(parents.begin(), parents.end(), 0U);
    std::vector<std::uint32_t> tops(parents);  // … with the topmost node of each of its trees.
    const auto find = [&](std::uint32_t i) {
      while (parents[i] != i) i = parents[i] = parents[parents[i]];
      return i;
    };
    for (const TreeEdge& edge : edges) {
      std::uint32_t a = find(edge.a);
      std::uint32_t b = find(edge.b);
      BALEEN_CHECK(a != b);
      const Merge merge{tops[a], tops[b], size(tops[a]) + size(tops[b])};
      if (size(tops[a]) < size(tops[b])) std::swap(a, b);
      parents[b] = a;
      tops[a] = static_cast<std::uint32_t>(n_ + merges_.size());
      merges_.push_back(merge);
    }
  }

  [[nodiscard]] std::uint32_t root() const { return static_cast<std::uint32_t>(2 * n_ - 2); }
  [[nodiscard]] bool is_point(std::uint32_t node) const { return node < n_; }
  [[nodiscard]] std::size_t edge(std::uint32_t node) const { return node - n_; }
  [[nodiscard]] const Merge& merge(std::uint32_t node) const { return merges_[node - n_]; }
  [[nodiscard]] std::uint32_t size(std::uint32_t node) const {
    return is_point(node) ? 1 : merge(node).size;
  }

 private:
  std::size_t n_;
  std::vector<Merge> merges_;
};

class Condensing {
 public:
  Condensing(std::span<const TreeEdge> edges,
             std::span<const double> lambdas,
             std::span<const std::uint32_t> rows,
             std::size_t min_cluster_size)
      : lambdas_(lambdas), rows_(rows), min_cluster_size_(min_cluster_size), dendrogram_(edges) {}

  CondensedTree run() {
    tree_.cluster.resize(rows_.size());
    tree_.lambda.resize(rows_.size());
    tree_.clusters.push_back({0, static_cast<std::uint32_t>(rows_.size()), 0, 0, 0});
    waiting_.push_back({dendrogram_.root(), 0});
    while (!waiting_.empty()) {
      const Waiting next = waiting_.back();
      waiting_.pop_back();
      split(next.node, next.cluster);
    }
    return std::move(tree_);
  }

 private:
  struct Waiting {
    std::uint32_t node;
    std::uint32_t cluster;
  };

  bool is_large(std::uint32_t node) const { return dendrogram_.size(node) >= min_cluster_size_; }

  void split(std::uint32_t node, std::uint32_t cluster) {
    const double lambda = lambdas_[dendrogram_.edge(node)];
    const std::uint32_t left = dendrogram_.merge(node).left;
    const std::uint32_t right = dendrogram_.merge(node).right;
    const bool is_split = is_large(left) && is_large(right);
    for (const std::uint32_t part : {left, right}) {
      if (!is_large(part)) {
        leave(part, cluster, lambda);
      } else if (!is_split) {
        waiting_.push_back({part, cluster});
      } else {
        const std::uint32_t part_size = dendrogram_.size(part);
        count(cluster, part_size, lambda);
        waiting_.push_back({part, static_cast<std::uint32_t>(tree_.clusters.size())});
        tree_.clusters.push_back({cluster, part_size, lambda, lambda, 0});
      }
    }
  }

  void leave(std::uint32_t part, std::uint32_t cluster, double lambda) {
    below_.assign(1, part);
    while (!below_.empty()) {
      const std::uint32_t top = below_.back();
      below_.pop_back();
      if (dendrogram_.is_point(top)) {
        tree_.cluster[rows_[top]] = cluster;
        tree_.lambda[rows_[top]] = lambda;
        continue;
      }
      below_.push_back(dendrogram_.merge(top).right);
      below_.push_back(dendrogram_.merge(top).left);
    }
    count(cluster, dendrogram_.size(part), lambda);
  }

  void count(std::uint32_t cluster, std::uint32_t n, double lambda) {
    CondensedCluster& c = tree_.clusters[cluster];
    c.stability += (lambda - c.birth) * n;
    c.death = std::max(c.death, lambda);
  }

  std::span<const double> lambdas_;
  std::span<const std::uint32_t> rows_;
  std::size_t min_cluster_size_;
  Dendrogram dendrogram_;
  CondensedTree tree_;
  std::vector<Waiting> waiting_;
  std::vector<std::uint32_t> below_;
};

}  // namespace

CondensedTree condense(std::span<const TreeEdge> edges,
                       std::span<const double> lambdas,
                       std::span<const std::uint32_t> rows,
                       std::size_t min_cluster_size) {
  BALEEN_CHECK(edges.size() + 1 == rows.size() && lambdas.size() == edges.size());
  BALEEN_CHECK(rows.size() >= 2 && min_cluster_size >= 2);
  return Condensing(edges, lambdas, rows, min_cluster_size).run();
}

}  // namespace baleen::cluster
