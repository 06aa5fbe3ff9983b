#pragma once

/// Points cut into cells, and which cells must be compared with which to find neighbours. Internal to the room.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/sketch.h"

namespace baleen::cluster {

/// The cells of k-means (Lloyd's, a few rounds on a sample) on a sketch.
struct Cells {
  std::vector<std::uint32_t> cell_of;  ///< Of each point.
  std::vector<std::uint32_t>
      near;  ///< (n, n_near): of each point the nearest cells, nearest first.
  std::size_t n_near = 0;
  std::vector<std::uint32_t> order;   ///< All points, cell by cell.
  std::vector<std::uint32_t> begins;  ///< Where each cell begins in `order`; one more for the end.

  [[nodiscard]] std::size_t size() const { return begins.size() - 1; }
};

[[nodiscard]] Cells make_cells(const Sketch& sketch,
                               std::size_t n_cells,
                               std::size_t n_near,
                               std::uint64_t seed,
                               int n_threads);

/// Which pairs of cells are to be compared: symmetric, and every cell with itself.
class CellPairs {
 public:
  /// A pair is taken if of the points of either cell some (`share` of them) have the other among their `n_near`.
  CellPairs(const Cells& cells, std::size_t n_near, double share);

  [[nodiscard]] bool has(std::size_t a, std::size_t b) const { return is_taken_[a * n_cells_ + b]; }
  /// The part of all pairs of points that they cover.
  [[nodiscard]] double part_of_pairs() const { return part_; }

 private:
  std::size_t n_cells_;
  std::vector<bool> is_taken_;
  double part_ = 0;
};

}  // namespace baleen::cluster
