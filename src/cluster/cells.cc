#include "cluster/cells.h"

#include <algorithm>
#include <numeric>

#include "cluster/parallel.h"

namespace baleen::cluster {

namespace {

/// The n_near nearest centres of each point: (n, n_near).
std::vector<std::uint32_t> nearest_centres(const Sketch& points,
                                           const Sketch& centres,
                                           std::size_t n_near,
                                           int n_threads) {
  std::vector<std::uint32_t> near(points.size() * n_near);
  for_each_block(points.size(), 768, n_threads, [&](std::size_t begin, std::size_t end) {
    CandidateLists lists(end - begin, n_near);
    Scanner scanner(points.rows(begin, end));
    scanner.scan_queries(centres.rows(0, centres.size()), {}, {}, lists);
    for (std::size_t i = begin; i < end; ++i) {
      const auto sorted = lists.sorted(i - begin);
      for (std::size_t c = 0; c < n_near; ++c) {
        near[i * n_near + c] = CandidateLists::point_of(sorted[c]);
      }
    }
  });
  return near;
}

}  // namespace

Cells make_cells(const Sketch& sketch,
                 std::size_t n_cells,
                 std::size_t n_near,
                 std::uint64_t seed,
                 int n_threads) {
  constexpr std::size_t kSampledPerCell = 24;
  constexpr int kRounds = 3;
  const Sketch sample =
      sketch.gathered(spread_sample(sketch.size(), kSampledPerCell * n_cells, seed + 2));
  Sketch centres = sample.gathered(spread_sample(sample.size(), n_cells, seed + 3));
  for (int round = 0; round < kRounds; ++round) {
    const auto labels = nearest_centres(sample, centres, 1, n_threads);
    centres = sample.means(labels, n_cells, seed);
  }
  Cells cells;
  cells.n_near = std::min(n_near, n_cells);
  cells.near = nearest_centres(sketch, centres, cells.n_near, n_threads);
  cells.cell_of.resize(sketch.size());
  cells.begins.assign(n_cells + 1, 0);
  for (std::size_t i = 0; i < sketch.size(); ++i) {
    cells.cell_of[i] = cells.near[i * cells.n_near];
    ++cells.begins[cells.cell_of[i] + 1];
  }
  std::partial_sum(cells.begins.begin(), cells.begins.end(), cells.begins.begin());
  cells.order.resize(sketch.size());
  auto next = cells.begins;
  for (std::size_t i = 0; i < sketch.size(); ++i) {
    cells.order[next[cells.cell_of[i]]++] = static_cast<std::uint32_t>(i);
  }
  return cells;
}

CellPairs::CellPairs(const Cells& cells, std::size_t n_near, double share)
    : n_cells_(cells.size()), is_taken_(n_cells_ * n_cells_) {
  std::vector<std::uint32_t> votes(n_cells_);
  for (std::size_t a = 0; a < n_cells_; ++a) {
    std::fill(votes.begin(), votes.end(), 0U);
    const std::uint32_t size = cells.begins[a + 1] - cells.begins[a];
    for (std::uint32_t at = cells.begins[a]; at < cells.begins[a + 1]; ++at) {
      const std::uint32_t* near = cells.near.data() + cells.order[at] * cells.n_near;
      for (std::size_t c = 0; c < std::min(n_near, cells.n_near); ++c) ++votes[near[c]];
    }
    is_taken_[a * n_cells_ + a] = true;
    for (std::size_t b = 0; b < n_cells_; ++b) {
      if (votes[b] > 0 && votes[b] >= share * size) {
        is_taken_[a * n_cells_ + b] = is_taken_[b * n_cells_ + a] = true;
      }
    }
  }
  const auto n = static_cast<double>(cells.order.size());
  for (std::size_t a = 0; a < n_cells_; ++a) {
    for (std::size_t b = 0; b < n_cells_; ++b) {
      if (has(a, b)) {
        part_ += static_cast<double>(cells.begins[a + 1] - cells.begins[a]) / n *
                 (static_cast<double>(cells.begins[b + 1] - cells.begins[b]) / n);
      }
    }
  }
}

}  // namespace baleen::cluster
