#include "cluster/knn.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "cluster/candidates.h"
#include "cluster/parallel.h"
#include "cluster/points.h"
#include "cluster/search.h"
#include "core/check.h"

namespace baleen::cluster {

Result<void> check_neighbor_options(MatrixView points, const NeighborOptions& options) {
  BALEEN_CHECK(options.n_threads > 0);
  BALEEN_CHECK(options.groups.empty() || options.groups.size() == points.n_rows());
  if (options.k == 0 || points.n_rows() <= options.k) {
    return fail(ErrorCode::cluster_too_few_points,
                "find {} neighbours of each of {} points: {} points are needed", options.k,
                points.n_rows(), std::max<std::size_t>(options.k + 1, 2));
  }
  return {};
}

namespace {

using Ranked = std::pair<float, std::uint32_t>;

/// Writes the k least of `ranked` to a row of the result.
void put_nearest(std::span<Ranked> ranked, std::size_t row, Neighbors& result) {
  const std::size_t n = std::min(ranked.size(), result.k);
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(n), ranked.end());
  for (std::size_t c = 0; c < result.k; ++c) {
    const Ranked& neighbor =
        c < n ? ranked[c] : Ranked{std::numeric_limits<float>::infinity(), kNoNeighbor};
    result.distances[row * result.k + c] = neighbor.first;
    result.indices[row * result.k + c] = neighbor.second;
  }
}

/// The neighbours of point i among its candidates.
void put_reranked(const Points& points,
                  std::size_t i,
                  std::span<const std::uint64_t> candidates,
                  std::size_t row,
                  Neighbors& result) {
  const std::size_t n = candidates.size();
  std::vector<std::uint32_t> to(n);
  std::vector<float> distances(n);
  std::vector<Ranked> ranked(n);
  for (std::size_t c = 0; c < n; ++c) {
    to[c] = CandidateLists::point_of(candidates[c]);
  }
  points.distances(i, to, distances);
  for (std::size_t c = 0; c < n; ++c) {
    ranked[c] = {distances[c], to[c]};
  }
  put_nearest(ranked, row, result);
}

/// Whether no point can be nearer than the k-th neighbour found and yet not among the candidates, which are those of
/// the least keys: keys are half squared distances that rounding has moved by at most (d + 4) · 2^-24 of what they
/// are the difference of (Higham: Accuracy and stability of numerical algorithms, 2002, section 3.1).
bool is_certain(const Points& points,
                float half_square,
                std::uint64_t last_candidate,
                float kth_distance) {
  if (!std::isfinite(kth_distance)) {
    return false;
  }
  const double squared = points.metric() == Metric::cosine ? 2.0 * static_cast<double>(kth_distance)
                                                           : static_cast<double>(kth_distance) *
                                                                 static_cast<double>(kth_distance);
  const double unit = static_cast<double>(points.n_dimensions() + 4) * 0x1p-24;
  const double length = std::sqrt(2.0 * static_cast<double>(half_square));
  const double other = length + std::sqrt(squared);
  const double error = unit * (length + other) * (length + other) / 2;
  const auto last_key = std::bit_cast<float>(static_cast<std::uint32_t>(last_candidate >> 32));
  return static_cast<double>(last_key) > squared / 2 * (1 + unit) + error;
}

}  // namespace

FloatBlock::FloatBlock(const Points& points, std::size_t begin, std::size_t end)
    : n_dimensions_(points.n_dimensions()),
      begin_(begin),
      values_((end - begin) * n_dimensions_),
      half_squares_(end - begin) {
  for (std::size_t i = begin; i < end; ++i) {
    put(points, i, i - begin);
  }
}

FloatBlock::FloatBlock(const Points& points, std::span<const std::uint32_t> which)
    : n_dimensions_(points.n_dimensions()),
      values_(which.size() * n_dimensions_),
      half_squares_(which.size()) {
  for (std::size_t i = 0; i < which.size(); ++i) {
    put(points, which[i], i);
  }
}

void FloatBlock::put(const Points& points, std::size_t point, std::size_t row) {
  float* values = values_.data() + row * n_dimensions_;
  points.prepare(point, values);
  const float half = 0.5F * dot({values, n_dimensions_}, {values, n_dimensions_});
  half_squares_[row] = std::bit_cast<std::int32_t>(half);
}

CodedRows FloatBlock::rows() const {
  return {Element::float32,
          n_dimensions_,
          {reinterpret_cast<const std::uint32_t*>(values_.data()), values_.size()},
          half_squares_,
          begin_};
}

Neighbors make_neighbors(std::size_t n, std::size_t k) {
  Neighbors result{n, k, {}, {}};
  result.indices.resize(n * k);
  result.distances.resize(n * k);
  return result;
}

Neighbors rerank(const Points& points,
                 std::span<const std::uint32_t> order,
                 CandidateLists& lists,
                 const NeighborOptions& options) {
  Neighbors result = make_neighbors(points.size(), options.k);
  for_each_block(points.size(), 64, options.n_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<std::uint64_t> candidates;
    for (std::size_t at = begin; at < end; ++at) {
      candidates.clear();
      for (const std::uint64_t entry : lists.sorted(at)) {
        candidates.push_back(order[CandidateLists::point_of(entry)]);
      }
      put_reranked(points, order[at], candidates, order[at], result);
    }
  });
  return result;
}

namespace {

/// The neighbours of some points, compared with all others as differences: block by block, so that each is read once.
/// @param queries  Which of `which`.
void put_exhaustive(const Points& points,
                    std::span<const std::uint32_t> which,
                    std::span<const std::uint32_t> queries,
                    std::span<const std::uint32_t> groups,
                    Neighbors& result) {
  constexpr std::size_t kStep = 32;
  CandidateLists lists(queries.size(), result.k);
  std::vector<std::uint32_t> to;
  std::vector<float> distances;
  for (std::size_t begin = 0; begin < points.size(); begin += kStep) {
    to.resize(std::min(kStep, points.size() - begin));
    std::iota(to.begin(), to.end(), static_cast<std::uint32_t>(begin));
    distances.resize(to.size());
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const std::uint32_t i = which[queries[q]];
      points.distances(i, to, distances);
      for (std::size_t c = 0; c < to.size(); ++c) {
        if (to[c] != i && (groups.empty() || groups[i] != groups[to[c]])) {
          lists.offer(q, std::bit_cast<std::int32_t>(distances[c]), to[c]);
        }
      }
    }
  }
  std::vector<Ranked> ranked;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    ranked.clear();
    for (const std::uint64_t entry : lists.sorted(q)) {
      ranked.emplace_back(std::bit_cast<float>(static_cast<std::uint32_t>(entry >> 32)),
                          CandidateLists::point_of(entry));
    }
    put_nearest(ranked, queries[q], result);
  }
}

}  // namespace

Neighbors exact_of_candidates(const Points& points,
                              std::span<const std::uint32_t> which,
                              CandidateLists& lists,
                              std::size_t n_kept,
                              const NeighborOptions& options) {
  Neighbors result = make_neighbors(which.size(), options.k);
  std::vector<std::uint8_t> is_uncertain(which.size());
  for_each_block(which.size(), 16, options.n_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> prepared(points.n_dimensions());
    for (std::size_t row = begin; row < end; ++row) {
      const auto candidates = lists.sorted(row);
      put_reranked(points, which[row], candidates, row, result);
      if (candidates.size() < n_kept || candidates.size() + 1 == points.size()) {
        continue;  // These are all that there are.
      }
      points.prepare(which[row], prepared.data());
      is_uncertain[row] = !is_certain(points, 0.5F * dot(prepared, prepared), candidates.back(),
                                      result.distances[row * result.k + result.k - 1]);
    }
  });
  std::vector<std::uint32_t> uncertain;
  for (std::size_t row = 0; row < which.size(); ++row) {
    if (is_uncertain[row] != 0) uncertain.push_back(static_cast<std::uint32_t>(row));
  }
  for_each_block(uncertain.size(), 24, options.n_threads, [&](std::size_t begin, std::size_t end) {
    put_exhaustive(points, which, std::span(uncertain).subspan(begin, end - begin), options.groups,
                   result);
  });
  return result;
}

void for_each_pair_of_blocks(
    std::size_t n_blocks,
    int n_threads,
    const std::function<void(std::size_t first, std::size_t second)>& work) {
  for_each_block(n_blocks, 1, n_threads, [&](std::size_t i, std::size_t) { work(i, i); });
  // The circle method of tournaments: the last block stays in its place, the others move on by one each round.
  const std::size_t n_seats = n_blocks + n_blocks % 2;
  for (std::size_t round = 0; round + 1 < n_seats; ++round) {
    for_each_block(n_seats / 2, 1, n_threads, [&](std::size_t table, std::size_t) {
      const std::size_t n_moving = n_seats - 1;
      const std::size_t a = table == 0 ? n_seats - 1 : (round + table) % n_moving;
      const std::size_t b = (round + n_moving - table) % n_moving;
      if (a < n_blocks && b < n_blocks) {
        work(std::min(a, b), std::max(a, b));
      }
    });
  }
}

Result<Neighbors> exact_neighbors(MatrixView rows, const NeighborOptions& options) {
  BALEEN_RETURN_IF_ERROR(check_neighbor_options(rows, options));
  BALEEN_ASSIGN_OR_RETURN(Points points, Points::create(rows, options.metric, options.n_threads));
  points.center_on_sample(1024);
  const std::size_t n = points.size();
  const std::size_t n_kept = std::min(n - 1, options.k + kExactMargin);
  CandidateLists lists(n, n_kept);
  const std::size_t block = std::clamp<std::size_t>(n / 16, 48, 1024);
  for_each_pair_of_blocks(
      (n + block - 1) / block, options.n_threads, [&](std::size_t a, std::size_t b) {
        const FloatBlock columns(points, b * block, std::min(n, (b + 1) * block));
        Scanner scanner(columns.rows());
        if (a == b) {
          scanner.scan_both(columns.rows(), options.groups, lists);
        } else {
          const FloatBlock from(points, a * block, std::min(n, (a + 1) * block));
          scanner.scan_both(from.rows(), options.groups, lists);
        }
      });
  std::vector<std::uint32_t> all(n);
  std::iota(all.begin(), all.end(), 0U);
  return exact_of_candidates(points, all, lists, n_kept, options);
}

Result<Neighbors> neighbors_of_last(MatrixView rows,
                                    std::size_t n_last,
                                    const NeighborOptions& given) {
  BALEEN_CHECK(n_last <= rows.n_rows());
  const std::size_t n_before = rows.n_rows() - n_last;
  // The last ones are of one group, and so never each other's neighbours.
  std::vector<std::uint32_t> groups(rows.n_rows(), static_cast<std::uint32_t>(n_before));
  std::iota(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(n_before), 0U);
  NeighborOptions options = given;
  options.groups = groups;
  if (options.k == 0 || n_before < options.k) {
    return fail(ErrorCode::cluster_too_few_points,
                "find {} neighbours among {} points: more of them are needed", options.k, n_before);
  }
  BALEEN_ASSIGN_OR_RETURN(Points points, Points::create(rows, options.metric, options.n_threads));
  points.center_on_sample(1024);
  constexpr std::size_t kBlockRows = 1024;
  const std::size_t n_kept = std::min(n_before, options.k + kExactMargin);
  Neighbors result = make_neighbors(n_last, options.k);
  for (std::size_t begin = 0; begin < n_last; begin += kBlockRows) {
    const std::size_t end = std::min(n_last, begin + kBlockRows);
    const FloatBlock queries(points, n_before + begin, n_before + end);
    std::vector<std::uint32_t> which(end - begin);
    std::iota(which.begin(), which.end(), static_cast<std::uint32_t>(n_before + begin));
    CandidateLists lists(which.size(), n_kept);
    Scanner scanner(queries.rows());
    for (std::size_t first = 0; first < n_before; first += kBlockRows) {
      const FloatBlock others(points, first, std::min(n_before, first + kBlockRows));
      scanner.scan_queries(others.rows(), which, {}, lists);
    }
    const Neighbors found = exact_of_candidates(points, which, lists, n_kept, options);
    std::ranges::copy(found.indices,
                      result.indices.begin() + static_cast<std::ptrdiff_t>(begin * options.k));
    std::ranges::copy(found.distances,
                      result.distances.begin() + static_cast<std::ptrdiff_t>(begin * options.k));
  }
  return result;
}

double recall(const Neighbors& found, const Neighbors& truth) {
  BALEEN_CHECK(found.n == truth.n && found.k >= truth.k);
  std::size_t n_true = 0;
  std::size_t n_found = 0;
  for (std::size_t i = 0; i < truth.n; ++i) {
    const auto distances = truth.distances_of(i);
    std::size_t n_here = 0;
    while (n_here < truth.k && std::isfinite(distances[n_here])) ++n_here;
    if (n_here == 0) continue;
    const float limit = distances[n_here - 1] * (1 + 1e-5F);
    const auto found_distances = found.distances_of(i);
    const auto n_near =
        static_cast<std::size_t>(std::count_if(found_distances.begin(), found_distances.end(),
                                               [&](float distance) { return distance <= limit; }));
    n_true += n_here;
    n_found += std::min(n_near, n_here);
  }
  return n_true == 0 ? 1.0 : static_cast<double>(n_found) / static_cast<double>(n_true);
}

}  // namespace baleen::cluster
