#include "cluster/hdbscan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "cluster/core_distance.h"
#include "cluster/spanning_tree.h"

namespace baleen::cluster {
namespace {

constexpr std::size_t kExemplarsMax = 64;

Result<void> check_finite(const MatrixView& points) {
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    for (const float x : points.row(i)) {
      if (!std::isfinite(x)) {
        return fail(ErrorCode::embedding_not_finite, "cluster: point {} holds {}", i, x);
      }
    }
  }
  return {};
}

Result<void> check(const MatrixView& points, const HdbscanOptions& options) {
  const std::size_t n = points.n_rows();
  if (options.min_cluster_size < 2) {
    return fail(ErrorCode::invalid_argument, "cluster: min_cluster_size {}: must be 2 or more",
                options.min_cluster_size);
  }
  if (!(options.cluster_selection_epsilon >= 0) || options.n_threads < 1) {
    return fail(ErrorCode::invalid_argument,
                "cluster: cluster_selection_epsilon {}, {} threads: must not be negative",
                options.cluster_selection_epsilon, options.n_threads);
  }
  if (points.n_columns() == 0 || n >= 0x7fffffff) {
    return fail(ErrorCode::invalid_argument, "cluster: {} points of {} dimensions", n,
                points.n_columns());
  }
  if (n < options.min_cluster_size || n < options.min_samples) {
    return fail(ErrorCode::cluster_too_few_points,
                "cluster: {} points for min_cluster_size {} and min_samples {}", n,
                options.min_cluster_size, options.min_samples);
  }
  return check_finite(points);
}

/// λ of each edge, of distances of at least `floor`.
std::vector<double> lambdas_of(std::span<const TreeEdge> edges, double scale, double floor) {
  std::vector<double> lambdas(edges.size());
  std::transform(edges.begin(), edges.end(), lambdas.begin(), [&](const TreeEdge& edge) {
    return 1 / std::max(floor, std::sqrt(static_cast<double>(edge.distance)) / scale);
  });
  return lambdas;
}

/// Half of the least positive distance. With all points identical there is none: then 1, as any will do.
double floor_of(std::span<const TreeEdge> edges, double scale) {
  const auto first = std::find_if(edges.begin(), edges.end(),
                                  [](const TreeEdge& edge) { return edge.distance > 0; });
  if (first == edges.end()) return 1;
  return std::sqrt(static_cast<double>(first->distance)) / scale / 2;
}

}  // namespace

Result<Hdbscan> Hdbscan::fit(MatrixView points, const HdbscanOptions& options) {
  BALEEN_RETURN_IF_ERROR(check(points, options));
  Hdbscan model;
  model.min_samples_ = options.min_samples > 0 ? options.min_samples : options.min_cluster_size;
  model.tree_ = BlockTree::build(points);
  std::vector<TreeEdge> edges;
  {
    CoreNeighbors neighbors =
        find_core_neighbors(model.tree_, model.min_samples_, options.n_threads);
    edges = spanning_tree(model.tree_, neighbors, options.n_threads);
    model.core_ = std::move(neighbors.core);
  }
  if (edges.back().distance == 0 && !options.allow_single_cluster) {
    return fail(ErrorCode::cluster_points_identical, "cluster: all {} points are identical",
                points.n_rows());
  }
  const double scale = model.tree_.scale();
  model.distance_floor_ = floor_of(edges, scale);
  model.clustering_.tree = condense(edges, lambdas_of(edges, scale, model.distance_floor_),
                                    model.tree_.rows(), options.min_cluster_size);
  model.describe(options);
  return model;
}

void Hdbscan::find_deepest() {
  const std::vector<CondensedCluster>& clusters = clustering_.tree.clusters;
  deepest_.clear();
  for (const CondensedCluster& c : clusters) deepest_.push_back(c.death);
  for (std::size_t c = clusters.size(); c-- > 1;) {
    double& above = deepest_[clusters[c].parent];
    above = std::max(above, deepest_[c]);
  }
}

/// Chooses clusters and writes down what is known of them and of the points.
void Hdbscan::describe(const HdbscanOptions& options) {
  Clustering& result = clustering_;
  const CondensedTree& tree = result.tree;
  const std::size_t n = tree.cluster.size();
  const std::vector<std::uint32_t> chosen =
      select_clusters(tree, {options.selection, options.cluster_selection_epsilon,
                             options.allow_single_cluster, options.max_cluster_size});
  if (!chosen.empty() && chosen[0] == 0 && options.cluster_selection_epsilon > 0) {
    root_lambda_ = 1 / options.cluster_selection_epsilon;
  }

  constexpr std::int32_t kUnnumbered = -2;
  node_labels_.assign(tree.clusters.size(), kNoise);
  std::vector<std::uint32_t> chosen_of(tree.clusters.size());  // The chosen one that each is in.
  for (const std::uint32_t c : chosen) node_labels_[c] = kUnnumbered;
  for (std::uint32_t c = 0; c < tree.clusters.size(); ++c) {
    const std::uint32_t parent = tree.clusters[c].parent;
    chosen_of[c] = c > 0 && node_labels_[parent] != kNoise ? chosen_of[parent] : c;
    if (chosen_of[c] != c) node_labels_[c] = kUnnumbered;
  }
  result.labels.assign(n, kNoise);
  result.probabilities.assign(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t cluster = tree.cluster[i];
    if (node_labels_[cluster] == kNoise) continue;
    const std::uint32_t top = chosen_of[cluster];
    if (top == 0 && tree.lambda[i] < root_lambda_) continue;
    if (node_labels_[top] == kUnnumbered) {
      node_labels_[top] = static_cast<std::int32_t>(result.clusters.size());
      result.clusters.push_back({top, 0, tree.clusters[top].stability, 0, {}});
    }
    const double death = tree.clusters[top].death;
    result.labels[i] = node_labels_[top];
    result.probabilities[i] = static_cast<float>(std::min(tree.lambda[i], death) / death);
    ++result.clusters[static_cast<std::size_t>(result.labels[i])].size;
  }
  for (std::size_t c = 0; c < tree.clusters.size(); ++c) {
    if (node_labels_[c] != kNoise) node_labels_[c] = std::max(kNoise, node_labels_[chosen_of[c]]);
  }

  find_deepest();
  result.outlier_scores.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    result.outlier_scores[i] = static_cast<float>(1 - tree.lambda[i] / deepest_[tree.cluster[i]]);
  }
  std::vector<bool> is_leaf(tree.clusters.size(), true);
  for (std::size_t c = 1; c < tree.clusters.size(); ++c) is_leaf[tree.clusters[c].parent] = false;
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint32_t cluster = tree.cluster[i];
    if (result.labels[i] == kNoise || !is_leaf[cluster]) continue;
    auto& exemplars = result.clusters[static_cast<std::size_t>(result.labels[i])].exemplars;
    const bool is_densest = tree.lambda[i] == tree.clusters[cluster].death;
    if (is_densest && exemplars.size() < kExemplarsMax) exemplars.push_back(i);
  }
  for (ClusterInfo& cluster : result.clusters) {
    cluster.persistence = cluster.stability / (cluster.size * deepest_[0]);
  }
  result.core_distances.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    result.core_distances[tree_.rows()[i]] = to_distance(core_[i]);
  }
}

float Hdbscan::to_distance(float squared) const {
  return static_cast<float>(std::sqrt(static_cast<double>(squared)) /
                            static_cast<double>(tree_.scale()));
}

}  // namespace baleen::cluster
