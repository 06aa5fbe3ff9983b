#include "cluster/trustworthiness.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "cluster/parallel.h"
#include "cluster/points.h"
#include "core/check.h"

namespace baleen::cluster {

namespace {

/// Distances of point i to all points; to itself it is infinity.
void distances_to_all(const Points& points,
                      std::size_t i,
                      std::span<const std::uint32_t> all,
                      std::span<float> out) {
  points.distances(i, all, out);
  out[i] = std::numeric_limits<float>::infinity();
}

/// The ranks beyond k of the k nearest in the map, added up. Equally far points rank by index.
std::uint64_t strangeness(std::span<const float> truth,
                          std::span<const float> in_map,
                          std::size_t k,
                          std::vector<std::uint32_t>& order) {
  order.resize(in_map.size());
  std::iota(order.begin(), order.end(), 0U);
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k) - 1, order.end(),
                   [&](std::uint32_t a, std::uint32_t b) {
                     return in_map[a] != in_map[b] ? in_map[a] < in_map[b] : a < b;
                   });
  std::uint64_t sum = 0;
  for (std::size_t c = 0; c < k; ++c) {
    const std::uint32_t j = order[c];
    std::size_t rank = 1;
    for (std::size_t other = 0; other < truth.size(); ++other) {
      rank += truth[other] < truth[j] || (truth[other] == truth[j] && other < j) ? 1 : 0;
    }
    sum += rank > k ? rank - k : 0;
  }
  return sum;
}

}  // namespace

Result<double> trustworthiness(MatrixView points,
                               MatrixView map,
                               const TrustworthinessOptions& options) {
  const std::size_t n = points.n_rows();
  const std::size_t k = options.n_neighbors;
  BALEEN_CHECK(map.n_rows() == n);
  if (k == 0 || n <= 2 * k) {
    return fail(ErrorCode::cluster_too_few_points,
                "measure trustworthiness of {} points with {} neighbours: more than {} are needed",
                n, k, 2 * k);
  }
  BALEEN_ASSIGN_OR_RETURN(const Points truth,
                          Points::create(points, options.metric, options.n_threads));
  BALEEN_ASSIGN_OR_RETURN(const Points mapped,
                          Points::create(map, Metric::euclidean, options.n_threads));
  const auto sample =
      spread_sample(n, options.n_sampled == 0 ? n : options.n_sampled, options.seed);
  std::vector<std::uint32_t> all(n);
  std::iota(all.begin(), all.end(), 0U);
  std::vector<std::uint64_t> sums(sample.size());
  for_each_block(sample.size(), 4, options.n_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> in_truth(n);
    std::vector<float> in_map(n);
    std::vector<std::uint32_t> order;
    for (std::size_t s = begin; s < end; ++s) {
      distances_to_all(truth, sample[s], all, in_truth);
      distances_to_all(mapped, sample[s], all, in_map);
      sums[s] = strangeness(in_truth, in_map, k, order);
    }
  });
  const auto total =
      static_cast<double>(std::accumulate(sums.begin(), sums.end(), std::uint64_t{0}));
  const auto count = static_cast<double>(sample.size()) * static_cast<double>(k);
  const double scale =
      2.0 / (count * (2.0 * static_cast<double>(n) - 3.0 * static_cast<double>(k) - 1.0));
  return 1.0 - scale * total;
}

}  // namespace baleen::cluster
