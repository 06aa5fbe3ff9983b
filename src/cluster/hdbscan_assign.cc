#include <algorithm>
#include <cmath>
#include <limits>

#include "cluster/block_search.h"
#include "cluster/distance.h"
#include "cluster/hdbscan.h"
#include "cluster/parallel.h"

namespace baleen::cluster {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Sixteen points, laid out as a block of a tree; places behind the last repeat it.
struct QueryBlock {
  QueryBlock(const MatrixView& points, std::size_t first, float scale)
      : n(std::min(kBlock, points.n_rows() - first)),
        coordinates(points.n_columns() * kBlock),
        box(points.n_columns() * 2) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const auto row = points.row(first + std::min(i, n - 1));
      for (std::size_t j = 0; j < row.size(); ++j) coordinates[j * kBlock + i] = row[j] * scale;
    }
    for (std::size_t j = 0; j < points.n_columns(); ++j) {
      const float* const column = coordinates.data() + j * kBlock;
      const auto [low, high] = std::minmax_element(column, column + kBlock);
      box[2 * j] = *low;
      box[2 * j + 1] = *high;
    }
  }
  std::size_t n;
  LineVector<float> coordinates;
  std::vector<float> box;
};

struct Nearest {
  float distance = kInfinity;  // Squared mutual reachability.
  std::uint32_t position = 0;  // Of what is infinitely far from all, any.
  bool is_certain = false;
};

/// The nearest of a list of nearest points by mutual reachability; certain if no other point can be nearer.
Nearest nearest_of(const BlockNeighbors& neighbors,
                   std::size_t query,
                   std::span<const float> core,
                   std::size_t min_samples) {
  const float* const distances = neighbors.distances.data() + query * neighbors.k;
  const std::uint32_t* const positions = neighbors.positions.data() + query * neighbors.k;
  // The query counts itself, so one point fewer is left to reach.
  const float own_core = min_samples >= 2 ? distances[min_samples - 2] : 0;
  Nearest nearest;
  for (std::size_t i = 0; i < neighbors.k && positions[i] != kNoPosition; ++i) {
    const float reach = std::max({own_core, core[positions[i]], distances[i]});
    if (reach < nearest.distance) nearest = {reach, positions[i], false};
  }
  nearest.is_certain = nearest.distance <= std::max(own_core, distances[neighbors.k - 1]);
  return nearest;
}

/// What a search for labelled points needs, of the nodes of a block tree.
struct NodeLabels {
  std::vector<float> core;
  std::vector<std::uint32_t> component;
};

constexpr std::uint32_t kIsNoise = 0;
constexpr std::uint32_t kIsLabelled = 1;

NodeLabels label_nodes(const BlockTree& tree,
                       std::span<const float> core,
                       std::span<const std::uint32_t> component) {
  const std::size_t n_nodes = tree.nodes().size();
  NodeLabels labels{std::vector<float>(n_nodes * kBlock, kInfinity),
                    std::vector<std::uint32_t>(n_nodes * kBlock, kIsNoise)};
  for (std::size_t node = 0; node < n_nodes; ++node) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::uint32_t child = tree.nodes()[node].child[i];
      if (child == BlockTreeNode::kNone) continue;
      const std::size_t block = child & ~BlockTreeNode::kIsBlock;
      const bool is_block = block != child;
      const float* const cores =
          is_block ? core.data() + block * kBlock : &labels.core[child * kBlock];
      const std::uint32_t* const components =
          is_block ? component.data() + block * kBlock : &labels.component[child * kBlock];
      labels.core[node * kBlock + i] = *std::min_element(cores, cores + kBlock);
      const bool has_labelled = std::any_of(components, components + kBlock,
                                            [](std::uint32_t c) { return c != kIsNoise; });
      labels.component[node * kBlock + i] = has_labelled ? Components::kMixed : kIsNoise;
    }
  }
  return labels;
}

}  // namespace

Result<std::vector<Assignment>> Hdbscan::assign(MatrixView points, int n_threads) const {
  if (points.n_rows() > 0 && points.n_columns() != tree_.n_columns()) {
    return fail(ErrorCode::invalid_argument,
                "assign: points of {} dimensions to clusters of points of {}", points.n_columns(),
                tree_.n_columns());
  }
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    for (const float x : points.row(i)) {
      if (!std::isfinite(x)) {
        return fail(ErrorCode::embedding_not_finite, "assign: point {} holds {}", i, x);
      }
    }
  }
  std::vector<Assignment> assignments(points.n_rows());
  for_each_block(points.n_rows(), kBlock, n_threads, [&](std::size_t first, std::size_t) {
    const QueryBlock block(points, first, tree_.scale());
    std::vector<bool> is_done(block.n);
    for (std::size_t k = std::min(tree_.n_points(), 2 * min_samples_);;
         k = std::min(tree_.n_points(), 4 * k)) {
      BlockNeighbors neighbors(k);
      nearest_of_points(tree_, block.coordinates.data(), block.box.data(), neighbors);
      bool are_done = true;
      for (std::size_t i = 0; i < block.n; ++i) {
        if (is_done[i]) continue;
        const Nearest nearest = nearest_of(neighbors, i, core_, min_samples_);
        is_done[i] = nearest.is_certain || k == tree_.n_points();
        are_done = are_done && is_done[i];
        if (is_done[i]) assignments[first + i] = assignment(nearest.position, nearest.distance);
      }
      if (are_done) break;
    }
  });
  return assignments;
}

/// Of a point that is connected to `position` at this squared distance.
Assignment Hdbscan::assignment(std::uint32_t position, double squared) const {
  const CondensedTree& tree = clustering_.tree;
  Assignment result;
  result.nearest_row = tree_.rows()[position];
  result.distance = to_distance(static_cast<float>(squared));
  // It cannot stay longer than what it is connected to.
  const double lambda =
      std::min(tree.lambda[result.nearest_row],
               1 / std::max(distance_floor_, static_cast<double>(result.distance)));
  std::uint32_t cluster = tree.cluster[result.nearest_row];
  result.outlier_score = static_cast<float>(1 - lambda / deepest_[cluster]);
  while (cluster != 0 && tree.clusters[cluster].birth >= lambda) {
    cluster = tree.clusters[cluster].parent;
  }
  const std::int32_t label = node_labels_[cluster];
  result.missing = label == kNoise ? missing_of(result) : 0;
  if (label == kNoise) return result;
  const std::uint32_t node = clustering_.clusters[static_cast<std::size_t>(label)].node;
  if (node == 0 && lambda < root_lambda_) {
    result.missing = missing_of(result);
    return result;
  }
  const double death = tree.clusters[node].death;
  result.label = label;
  result.probability = static_cast<float>(std::min(lambda, death) / death);
  return result;
}

/// Of noise, by the last cluster of what it is connected to.
float Hdbscan::missing_of(const Assignment& assignment) const {
  const std::int32_t nearest = node_labels_[clustering_.tree.cluster[assignment.nearest_row]];
  if (nearest == kNoise) return kInfinity;
  return std::max(0.0F, assignment.distance - static_cast<float>(reach_of(nearest)));
}

HdbscanState Hdbscan::state() const {
  HdbscanState state;
  state.min_samples = min_samples_;
  state.distance_floor = distance_floor_;
  state.root_lambda = root_lambda_;
  state.core.resize(tree_.n_points());
  for (std::size_t i = 0; i < tree_.n_points(); ++i) state.core[tree_.rows()[i]] = core_[i];
  state.node_labels = node_labels_;
  for (const ClusterInfo& info : clustering_.clusters) state.nodes.push_back(info.node);
  state.tree_clusters = clustering_.tree.clusters;
  state.tree_cluster = clustering_.tree.cluster;
  state.tree_lambda = clustering_.tree.lambda;
  return state;
}

namespace {

/// Whether every number that is used as an index is one, and every distance a number.
bool is_sound(const HdbscanState& state, std::size_t n) {
  const std::size_t n_nodes = state.tree_clusters.size();
  const auto n_labels = static_cast<std::int32_t>(state.nodes.size());
  if (n_nodes == 0 || state.node_labels.size() != n_nodes || state.core.size() != n ||
      state.tree_cluster.size() != n || state.tree_lambda.size() != n || state.min_samples == 0 ||
      state.min_samples > n)
    return false;
  for (std::size_t c = 0; c < n_nodes; ++c) {
    if (c > 0 && state.tree_clusters[c].parent >= c) return false;
    if (state.node_labels[c] < kNoise || state.node_labels[c] >= n_labels) return false;
  }
  const auto is_node = [&](std::uint32_t c) { return c < n_nodes; };
  return all_finite(state.core) && std::all_of(state.nodes.begin(), state.nodes.end(), is_node) &&
         std::all_of(state.tree_cluster.begin(), state.tree_cluster.end(), is_node);
}

}  // namespace

Result<Hdbscan> Hdbscan::restore(MatrixView points, HdbscanState state) {
  if (points.n_columns() == 0 || !is_sound(state, points.n_rows()) ||
      !all_finite({points.data(), points.n_rows() * points.n_columns()})) {
    return fail(ErrorCode::artifact_corrupt, "clusters of {} points are not of these {} points",
                state.core.size(), points.n_rows());
  }
  Hdbscan model;
  model.tree_ = BlockTree::build(points);
  model.core_.assign(model.tree_.n_blocks() * kBlock, kInfinity);
  for (std::size_t i = 0; i < points.n_rows(); ++i)
    model.core_[i] = state.core[model.tree_.rows()[i]];
  model.min_samples_ = state.min_samples;
  model.distance_floor_ = state.distance_floor;
  model.root_lambda_ = state.root_lambda;
  model.node_labels_ = std::move(state.node_labels);
  for (const std::uint32_t node : state.nodes)
    model.clustering_.clusters.push_back({node, 0, state.tree_clusters[node].stability, 0, {}});
  model.clustering_.tree.clusters = std::move(state.tree_clusters);
  model.clustering_.tree.cluster = std::move(state.tree_cluster);
  model.clustering_.tree.lambda = std::move(state.tree_lambda);
  model.find_deepest();
  return model;
}

double Hdbscan::reach_of(std::int32_t label) const {
  const std::uint32_t node = clustering_.clusters[static_cast<std::size_t>(label)].node;
  return 1 / (node == 0 ? root_lambda_ : clustering_.tree.clusters[node].birth);
}

Result<std::vector<NoiseReason>> Hdbscan::why_noise(std::span<const std::uint32_t> rows) const {
  const std::size_t n = tree_.n_points();
  for (const std::uint32_t row : rows) {
    if (row >= n || clustering_.labels[row] != kNoise) {
      return fail(ErrorCode::invalid_argument, "why noise: point {} of {} is not noise", row, n);
    }
  }
  std::vector<std::uint32_t> component(tree_.n_blocks() * kBlock, kIsNoise);
  std::vector<std::uint32_t> positions(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    positions[tree_.rows()[i]] = i;
    if (clustering_.labels[tree_.rows()[i]] != kNoise) component[i] = kIsLabelled;
  }
  const NodeLabels nodes = label_nodes(tree_, core_, component);
  const Components components{&tree_, core_, component, nodes.core, nodes.component};

  std::vector<NoiseReason> reasons;
  reasons.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    NoiseReason reason;
    reason.row = row;
    reason.core_distance = clustering_.core_distances[row];
    reason.left_at = static_cast<float>(1 / clustering_.tree.lambda[row]);
    reason.left_cluster = clustering_.tree.cluster[row];
    reason.nearest_distance = kInfinity;
    reason.missing = kInfinity;
    ForeignQuery query;
    const std::size_t lane = positions[row] % kBlock;
    query.active = 1U << lane;
    query.limit[lane] = kInfinity;
    nearest_foreign(components, positions[row] / kBlock, query);
    if (query.nearest[lane] != kNoPosition) {
      reason.nearest_row = tree_.rows()[query.nearest[lane]];
      reason.nearest_label = clustering_.labels[reason.nearest_row];
      reason.nearest_distance = to_distance(query.distance[lane]);
      reason.cluster_reach = static_cast<float>(reach_of(reason.nearest_label));
      reason.missing = std::max(0.0F, reason.nearest_distance - reason.cluster_reach);
    }
    reasons.push_back(reason);
  }
  return reasons;
}

}  // namespace baleen::cluster
