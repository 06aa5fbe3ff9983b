// The approximate search of knn.h: a sketch chosen by trying it on a sample, all pairs of it, and exact distances of
// the candidates.

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "cluster/candidates.h"
#include "cluster/cells.h"
#include "cluster/knn.h"
#include "cluster/parallel.h"
#include "cluster/points.h"
#include "cluster/search.h"
#include "cluster/sketch.h"

namespace baleen::cluster {

namespace {

constexpr std::size_t kExactBelow = 1024;  // Points: all pairs cost less than a sketch.
constexpr std::size_t kQueries = 144;  // Points whose true neighbours are computed: three panels.
constexpr std::size_t kChunks = 16;    // Into which points are cut for them.
constexpr std::size_t kCandidatesMax = 256;
constexpr std::size_t kSketchDimensions = 256;
constexpr std::size_t kPrincipalDimensions = 96;
constexpr std::size_t kSubspaceSample = 2048;
constexpr std::size_t kSmallSketchCandidates = 6;  // Times k: more cost more than a larger sketch.
constexpr std::size_t kNearFirst =
    4;  // Cells near a point that are compared with its own, to begin with…
constexpr double kVotes = 0.02;  // …if so many of the points of a cell have them near.
constexpr double kCoverage =
    0.97;  // Of the neighbours of the sample, by pairs of cells: less is not tried.
constexpr double kFoundMin =
    0.9965;  // Of them among the candidates in the end: else more cells are compared.
constexpr double kPartMax = 0.6;  // Of all pairs: if more are needed, all are compared.
constexpr double kMissedMax =
    0.0015;  // Part of the neighbours of the sample that a sketch may miss.

/// Fills a list for each query with the points of all chunks: each chunk has lists of its own, so that threads do not
/// meet, which are then put together.
/// @param rows_of  (begin, end) to the rows of these points; what it returns is alive as long as the call.
template <typename Holder, typename MakeRows>
CandidateLists query_all(std::size_t n,
                         const CodedRows& queries,
                         std::span<const std::uint32_t> numbers,
                         std::size_t n_kept,
                         const NeighborOptions& options,
                         const MakeRows& make_rows) {
  const std::size_t chunk = (n + kChunks - 1) / kChunks;
  std::vector<CandidateLists> parts(kChunks, CandidateLists(queries.size(), n_kept));
  for_each_block(n, chunk, options.n_threads, [&](std::size_t begin, std::size_t end) {
    constexpr std::size_t kStep = 256;
    Scanner scanner(queries);
    for (std::size_t i = begin; i < end; i += kStep) {
      const Holder holder = make_rows(i, std::min(end, i + kStep));
      scanner.scan_queries(holder.rows(), numbers, options.groups, parts[begin / chunk]);
    }
  });
  CandidateLists lists(queries.size(), n_kept);
  for (CandidateLists& part : parts) {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      for (const std::uint64_t entry : part.sorted(q)) {
        lists.offer(q, static_cast<std::int32_t>(entry >> 32), CandidateLists::point_of(entry));
      }
    }
  }
  return lists;
}

/// The true neighbours of some points.
Neighbors true_neighbors(const Points& points,
                         std::span<const std::uint32_t> queries,
                         const NeighborOptions& options) {
  const FloatBlock block(points, queries);
  const std::size_t n_kept = std::min(points.size() - 1, options.k + kExactMargin);
  CandidateLists lists = query_all<FloatBlock>(
      points.size(), block.rows(), queries, n_kept, options,
      [&](std::size_t begin, std::size_t end) { return FloatBlock(points, begin, end); });
  return exact_of_candidates(points, queries, lists, n_kept, options);
}

/// Rows of a sketch, as query_all wants them.
struct SketchRows {
  CodedRows coded;
  [[nodiscard]] const CodedRows& rows() const { return coded; }
};

/// How many candidates must be kept of each point for the sketch to miss at most kMissedMax of the true neighbours of
/// the sample; nothing if kCandidatesMax (or 3 k) are not enough.
std::optional<std::size_t> candidates_needed(const Sketch& sketch,
                                             std::span<const std::uint32_t> queries,
                                             const Neighbors& truth,
                                             const NeighborOptions& options) {
  const Sketch asked = sketch.gathered(queries);
  const std::size_t n_kept = std::min(sketch.size() - 1, std::max(kCandidatesMax, 3 * options.k));
  CandidateLists lists = query_all<SketchRows>(
      sketch.size(), asked.rows(0, asked.size()), queries, n_kept, options,
      [&](std::size_t begin, std::size_t end) { return SketchRows{sketch.rows(begin, end)}; });
  std::vector<std::size_t> ranks;  // Of each true neighbour: candidates that must be kept for it.
  for (std::size_t q = 0; q < queries.size(); ++q) {
    std::vector<std::uint32_t> found;
    for (const std::uint64_t entry : lists.sorted(q)) {
      found.push_back(CandidateLists::point_of(entry));
    }
    for (const std::uint32_t neighbor : truth.indices_of(q)) {
      if (neighbor == kNoNeighbor) continue;
      const auto at = std::find(found.begin(), found.end(), neighbor);
      ranks.push_back(at == found.end() ? n_kept + 1
                                        : static_cast<std::size_t>(at - found.begin()) + 1);
    }
  }
  if (ranks.empty()) {
    return options.k;
  }
  const auto n_missed = static_cast<std::size_t>(kMissedMax * static_cast<double>(ranks.size()));
  const auto at = ranks.end() - 1 - static_cast<std::ptrdiff_t>(n_missed);
  std::nth_element(ranks.begin(), at, ranks.end());
  if (*at > n_kept) {
    return std::nullopt;
  }
  // A sample says little about the rare ones: some more than it asks for.
  return std::clamp(*at + *at / 4 + 2, options.k + 2, n_kept);
}

/// A sketch and how many candidates of it are looked at.
struct Plan {
  Sketch sketch;
  std::size_t n_candidates = 0;
};

/// Coordinates for a small sketch: kSketchDimensions, or all of them, turned, if there are no more.
Matrix small_coordinates(const Points& points, const NeighborOptions& options) {
  const std::size_t d = points.n_dimensions();
  Matrix basis(0, d);
  if (d > kSketchDimensions) {
    basis = principal_subspace(points, kPrincipalDimensions, kSubspaceSample, options.seed,
                               options.n_threads);
  }
  const std::size_t n_random = std::min(d, kSketchDimensions) - basis.view().n_rows();
  basis = turned(completed(basis, n_random, options.seed), options.seed, options.n_threads);
  return projected(points, basis, options.n_threads);
}

/// Tries sketches, the smallest first, until one serves; nothing if none does.
std::optional<Plan> choose_plan(const Points& points,
                                std::span<const std::uint32_t> queries,
                                const Neighbors& truth,
                                const NeighborOptions& options) {
  const std::size_t d = points.n_dimensions();
  const auto plan_of = [&](Sketch sketch) -> std::optional<Plan> {
    const auto needed = candidates_needed(sketch, queries, truth, options);
    if (!needed) {
      return std::nullopt;
    }
    return Plan{std::move(sketch), *needed};
  };
  const std::size_t most = kSmallSketchCandidates * options.k + 16;
  {
    const Matrix coordinates = small_coordinates(points, options);
    for (const Element element : {Element::int8, Element::int16}) {
      auto plan = plan_of(Sketch::of_coordinates(coordinates, element, options.n_threads));
      if (plan && (plan->n_candidates <= most || d <= kSketchDimensions)) return plan;
    }
  }
  if (d <= kSketchDimensions) return std::nullopt;
  for (const Element element : {Element::int8, Element::int16}) {
    auto plan = plan_of(Sketch::of_points(points, element, options.n_threads));
    if (plan) return plan;
  }
  return std::nullopt;
}

/// The part of the true neighbours whose cell is compared with that of their point.
double coverage(const Cells& cells,
                const CellPairs& pairs,
                std::span<const std::uint32_t> queries,
                const Neighbors& truth) {
  std::size_t n = 0;
  std::size_t n_covered = 0;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    for (const std::uint32_t neighbor : truth.indices_of(q)) {
      if (neighbor == kNoNeighbor) continue;
      ++n;
      n_covered += pairs.has(cells.cell_of[queries[q]], cells.cell_of[neighbor]) ? 1 : 0;
    }
  }
  return n == 0 ? 1.0 : static_cast<double>(n_covered) / static_cast<double>(n);
}

/// Compares blocks of cells with each other, pair by pair: those of `pairs` (all, if none are given) but those of `done`.
void scan_cells(const Sketch& sketch,
                const Cells& cells,
                const std::optional<CellPairs>& pairs,
                const std::optional<CellPairs>& done,
                std::span<const std::uint32_t> groups,
                int n_threads,
                CandidateLists& lists) {
  const std::size_t n_blocks = std::clamp<std::size_t>(cells.size() / 4, 1, 32);
  const auto first_cell = [&](std::size_t block) { return block * cells.size() / n_blocks; };
  const auto rows_of = [&](std::size_t cell) {
    return sketch.rows(cells.begins[cell], cells.begins[cell + 1]);
  };
  if (!done) {
    // Every cell with itself comes first: the nearest are found at once, and most of what comes later is turned away.
    for_each_block(cells.size(), 1, n_threads, [&](std::size_t cell, std::size_t) {
      Scanner(rows_of(cell)).scan_both(rows_of(cell), groups, lists);
      for (std::size_t i = cells.begins[cell]; i < cells.begins[cell + 1]; ++i) lists.shrink(i);
    });
  }
  for_each_pair_of_blocks(n_blocks, n_threads, [&](std::size_t a, std::size_t b) {
    for (std::size_t to = first_cell(b); to < first_cell(b + 1); ++to) {
      std::optional<Scanner> scanner;
      const std::size_t end = a == b ? to : first_cell(a + 1);
      for (std::size_t from = first_cell(a); from < end; ++from) {
        if ((pairs && !pairs->has(from, to)) || (done && done->has(from, to))) {
          continue;
        }
        if (!scanner) scanner.emplace(rows_of(to));
        scanner->scan_both(rows_of(from), groups, lists);
      }
    }
  });
}

/// One round of NN-descent: the neighbours of the neighbours are offered to every point.
void join_neighbors(const Sketch& sketch,
                    std::span<const std::uint32_t> groups,
                    int n_threads,
                    CandidateLists& lists) {
  constexpr std::size_t kJoined = 14;
  const std::size_t n = sketch.size();
  std::vector<std::uint32_t> nearest(n * kJoined, kNoPoint);
  for_each_block(n, 512, n_threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto sorted = lists.sorted(i);
      for (std::size_t c = 0; c < std::min(kJoined, sorted.size()); ++c) {
        nearest[i * kJoined + c] = CandidateLists::point_of(sorted[c]);
      }
    }
  });
  for_each_block(n, 4096, n_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<std::uint32_t> seen_by(n, kNoPoint);
    std::vector<std::uint32_t> to;
    std::vector<std::int32_t> keys;
    for (std::size_t i = begin; i < end; ++i) {
      const auto self = static_cast<std::uint32_t>(i);
      seen_by[i] = self;
      for (const std::uint64_t entry : lists.sorted(i)) {
        seen_by[CandidateLists::point_of(entry)] = self;
      }
      to.clear();
      for (const std::uint32_t near : std::span(nearest).subspan(i * kJoined, kJoined)) {
        if (near == kNoPoint) break;
        for (const std::uint32_t other : std::span(nearest).subspan(near * kJoined, kJoined)) {
          if (other == kNoPoint) break;
          if (seen_by[other] != self && (groups.empty() || groups[other] != groups[i])) {
            seen_by[other] = self;
            to.push_back(other);
          }
        }
      }
      keys.resize(to.size());
      sketch.keys_to(i, to, keys);
      for (std::size_t c = 0; c < to.size(); ++c) lists.offer(i, keys[c], to[c]);
    }
  });
}

/// The part of the true neighbours of the sample that is among the candidates.
double found_share(const Cells& cells,
                   std::span<const std::uint32_t> queries,
                   const Neighbors& truth,
                   CandidateLists& lists) {
  std::vector<std::uint32_t> place_of(cells.order.size());
  for (std::size_t at = 0; at < cells.order.size(); ++at) {
    place_of[cells.order[at]] = static_cast<std::uint32_t>(at);
  }
  std::size_t n = 0;
  std::size_t n_found = 0;
  std::vector<std::uint32_t> found;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    found.clear();
    for (const std::uint64_t entry : lists.sorted(place_of[queries[q]])) {
      found.push_back(cells.order[CandidateLists::point_of(entry)]);
    }
    for (const std::uint32_t neighbor : truth.indices_of(q)) {
      if (neighbor == kNoNeighbor) continue;
      ++n;
      n_found += std::find(found.begin(), found.end(), neighbor) != found.end() ? 1 : 0;
    }
  }
  return n == 0 ? 1.0 : static_cast<double>(n_found) / static_cast<double>(n);
}

/// Fills the lists, with ever more pairs of cells until the neighbours of the sample are found.
void fill_lists(const Sketch& sketch,
                const Cells& cells,
                std::span<const std::uint32_t> queries,
                const Neighbors& truth,
                std::span<const std::uint32_t> groups,
                int n_threads,
                CandidateLists& lists) {
  std::optional<CellPairs> done;
  for (std::size_t n_near = kNearFirst; n_near <= cells.n_near; n_near *= 2) {
    const std::optional<CellPairs> pairs(std::in_place, cells, n_near, kVotes);
    if (pairs->part_of_pairs() > kPartMax) break;
    if (coverage(cells, *pairs, queries, truth) < kCoverage) continue;
    scan_cells(sketch, cells, pairs, done, groups, n_threads, lists);
    if (found_share(cells, queries, truth, lists) >= kFoundMin) return;
    join_neighbors(sketch, groups, n_threads, lists);
    if (found_share(cells, queries, truth, lists) >= kFoundMin) return;
    done = pairs;
  }
  scan_cells(sketch, cells, std::nullopt, done, groups, n_threads, lists);
}

}  // namespace

Result<Neighbors> approximate_neighbors(MatrixView rows, const NeighborOptions& options) {
  if (rows.n_rows() <= kExactBelow) {
    return exact_neighbors(rows, options);
  }
  BALEEN_RETURN_IF_ERROR(check_neighbor_options(rows, options));
  BALEEN_ASSIGN_OR_RETURN(Points points, Points::create(rows, options.metric, options.n_threads));
  points.center_on_sample(1024);
  const auto queries = spread_sample(points.size(), kQueries, options.seed + 1);
  const Neighbors truth = true_neighbors(points, queries, options);
  auto plan = choose_plan(points, queries, truth, options);
  if (!plan) {
    return exact_neighbors(rows, options);
  }
  const std::size_t n_cells = std::clamp<std::size_t>(points.size() / 256, 8, 4096);
  const Cells cells = make_cells(plan->sketch, n_cells, 32, options.seed, options.n_threads);
  const Sketch sketch = plan->sketch.gathered(cells.order);
  std::vector<std::uint32_t> groups;
  for (const std::uint32_t point : cells.order) {
    if (!options.groups.empty()) groups.push_back(options.groups[point]);
  }
  plan->sketch = sketch.gathered({});  // Frees it.
  CandidateLists lists(points.size(), plan->n_candidates);
  fill_lists(sketch, cells, queries, truth, groups, options.n_threads, lists);
  return rerank(points, cells.order, lists, options);
}

}  // namespace baleen::cluster
