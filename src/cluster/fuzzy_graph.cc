#include "cluster/fuzzy_graph.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "cluster/parallel.h"

namespace baleen::cluster {

namespace {

constexpr std::size_t kBlock = 512;

struct Edge {
  std::uint32_t target = 0;
  float weight = 0;
};

/// Sigma by bisection, as in the paper.
float bandwidth(std::span<const float> distances, float rho, float target) {
  float low = 0;
  float high = std::numeric_limits<float>::infinity();
  float sigma = 1;
  for (int step = 0; step < 64; ++step) {
    float sum = 0;
    for (const float distance : distances) {
      sum += distance > rho ? std::exp(-(distance - rho) / sigma) : 1.0F;
    }
    if (std::abs(sum - target) < 1e-5F * target) break;
    if (sum > target) {
      high = sigma;
      sigma = (low + high) / 2;
    } else {
      low = sigma;
      sigma = std::isinf(high) ? sigma * 2 : (low + high) / 2;
    }
  }
  return sigma;
}

void put_memberships(std::span<const float> distances, float target, float floor, float* out) {
  std::size_t n = 0;
  float rho = 0;
  while (n < distances.size() && std::isfinite(distances[n])) {
    if (rho == 0.0F) rho = distances[n];
    ++n;
  }
  const auto finite = distances.first(n);
  const float mean =
      n == 0 ? 0 : std::accumulate(finite.begin(), finite.end(), 0.0F) / static_cast<float>(n);
  // Distances in units of their mean: any scale converges alike.
  const float unit = mean > 0 ? mean : 1.0F;
  std::vector<float> scaled(finite.begin(), finite.end());
  for (float& distance : scaled) distance /= unit;
  const float sigma =
      std::max(bandwidth(scaled, rho / unit, target) * unit, 1e-3F * (mean > 0 ? mean : floor));
  for (std::size_t c = 0; c < distances.size(); ++c) {
    out[c] = c >= n ? 0.0F : distances[c] <= rho ? 1.0F : std::exp(-(distances[c] - rho) / sigma);
  }
}

/// Rows of edges, one row a vertex.
struct Rows {
  std::vector<std::uint64_t> begins;
  std::vector<Edge> edges;
  [[nodiscard]] std::span<const Edge> row(std::size_t i) const {
    return std::span(edges).subspan(begins[i], begins[i + 1] - begins[i]);
  }
};

/// The edges that lead to each vertex, by their source.
Rows reversed(const Neighbors& neighbors, const std::vector<float>& memberships) {
  Rows rows;
  rows.begins.assign(neighbors.n + 1, 0);
  for (const std::uint32_t target : neighbors.indices) {
    if (target != kNoNeighbor) ++rows.begins[target + 1];
  }
  std::partial_sum(rows.begins.begin(), rows.begins.end(), rows.begins.begin());
  rows.edges.resize(rows.begins.back());
  auto next = rows.begins;
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    for (std::size_t c = 0; c < neighbors.k; ++c) {
      const std::uint32_t target = neighbors.indices[i * neighbors.k + c];
      if (target != kNoNeighbor) {
        rows.edges[next[target]++] = {static_cast<std::uint32_t>(i),
                                      memberships[i * neighbors.k + c]};
      }
    }
  }
  return rows;
}

/// The union of what leads from and to vertex i, ascending.
void unite(const Neighbors& neighbors,
           const std::vector<float>& memberships,
           const Rows& reverse,
           std::size_t i,
           std::vector<Edge>& own,
           std::vector<Edge>& united) {
  own.clear();
  united.clear();
  for (std::size_t c = 0; c < neighbors.k; ++c) {
    const std::uint32_t target = neighbors.indices[i * neighbors.k + c];
    if (target != kNoNeighbor) own.push_back({target, memberships[i * neighbors.k + c]});
  }
  std::sort(own.begin(), own.end(),
            [](const Edge& a, const Edge& b) { return a.target < b.target; });
  const auto other = reverse.row(i);
  std::size_t o = 0;
  for (const Edge& edge : own) {
    while (o < other.size() && other[o].target < edge.target) united.push_back(other[o++]);
    float weight = edge.weight;
    if (o < other.size() && other[o].target == edge.target) {
      // In an order that is the same from both ends.
      const float a = std::max(weight, other[o].weight);
      const float b = std::min(weight, other[o].weight);
      weight = a + b - a * b;
      ++o;
    }
    united.push_back({edge.target, weight});
  }
  while (o < other.size()) united.push_back(other[o++]);
}

}  // namespace

std::vector<float> memberships(const Neighbors& neighbors, int n_threads) {
  std::vector<float> result(neighbors.n * neighbors.k);
  const float target = std::log2(static_cast<float>(neighbors.k + 1));
  double sum = 0;
  for (const float distance : neighbors.distances) {
    if (std::isfinite(distance)) sum += static_cast<double>(distance);
  }
  const double mean =
      sum / static_cast<double>(std::max<std::size_t>(1, neighbors.distances.size()));
  const float floor = mean > 0 ? static_cast<float>(mean) : 1.0F;
  for_each_block(neighbors.n, kBlock, n_threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      put_memberships(neighbors.distances_of(i), target, floor, result.data() + i * neighbors.k);
    }
  });
  return result;
}

FuzzyGraph fuzzy_union(const Neighbors& neighbors,
                       const std::vector<float>& memberships,
                       float weight_min,
                       int n_threads) {
  const Rows reverse = reversed(neighbors, memberships);
  // 1 if any neighbour is nearest: rho makes it so.
  const float largest =
      memberships.empty() ? 0 : *std::max_element(memberships.begin(), memberships.end());
  const float limit = std::max(weight_min * largest, std::numeric_limits<float>::min());
  FuzzyGraph graph;
  graph.begins.assign(neighbors.n + 1, 0);
  const auto visit = [&](auto&& take) {
    for_each_block(neighbors.n, kBlock, n_threads, [&](std::size_t begin, std::size_t end) {
      std::vector<Edge> own;
      std::vector<Edge> united;
      for (std::size_t i = begin; i < end; ++i) {
        unite(neighbors, memberships, reverse, i, own, united);
        std::erase_if(united, [&](const Edge& edge) { return edge.weight < limit; });
        take(i, std::span<const Edge>(united));
      }
    });
  };
  visit([&](std::size_t i, std::span<const Edge> edges) { graph.begins[i + 1] = edges.size(); });
  std::partial_sum(graph.begins.begin(), graph.begins.end(), graph.begins.begin());
  graph.targets.resize(graph.begins.back());
  graph.weights.resize(graph.begins.back());
  visit([&](std::size_t i, std::span<const Edge> edges) {
    for (std::size_t e = 0; e < edges.size(); ++e) {
      graph.targets[graph.begins[i] + e] = edges[e].target;
      graph.weights[graph.begins[i] + e] = edges[e].weight;
    }
  });
  return graph;
}

}  // namespace baleen::cluster
