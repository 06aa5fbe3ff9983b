#pragma once

/// A k-d tree for vector registers: points lie in blocks of 16, the boxes of 16 children in one node.
///
/// Distances to a whole block, and to all children of a node, take one pass over the columns. The tree is laid out for
/// searches by block (`block_search.h`): 16 queries that are neighbours share one descent. In many dimensions, where no
/// box can be left out, such a search is a brute-force one in tiles, so there is no other path for them.
///
/// Splits (Friedman, Bentley, Finkel: An algorithm for finding best matches in logarithmic expected time, 1977) are at
/// the mean of the column with the largest variance instead of at its median: outliers part from the dense regions
/// early and do not stretch their boxes.

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "cluster/matrix.h"

namespace baleen::cluster {

/// Points in a block and children of a node.
inline constexpr std::size_t kBlock = 16;

/// Memory at cache lines, as aligned loads of 16 floats want it.
template <typename T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};
  LineAllocator() = default;
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor): allocators convert.
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, kAlignment); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
};
template <typename T>
using LineVector = std::vector<T, LineAllocator<T>>;

/// Sixteen children, each a node or a block.
struct BlockTreeNode {
  static constexpr std::uint32_t kIsBlock = 0x80000000;
  static constexpr std::uint32_t kNone = 0xffffffff;
  std::uint32_t child[kBlock];  ///< A node; or a block, with kIsBlock; or kNone.
};

class BlockTree {
 public:
  /// Copies the points, which must be finite. At least one row and one column; fewer than 2^31 rows.
  /// All coordinates are multiplied by a power of two (`scale`), so that squares neither overflow nor vanish.
  static BlockTree build(const MatrixView& points);

  [[nodiscard]] std::size_t n_points() const { return rows_.size(); }
  [[nodiscard]] std::size_t n_columns() const { return n_columns_; }
  [[nodiscard]] std::size_t n_blocks() const { return (rows_.size() + kBlock - 1) / kBlock; }
  /// The row of each position: position 16 b + i is point i of block b.
  [[nodiscard]] std::span<const std::uint32_t> rows() const { return rows_; }
  /// What coordinates, and so distances, were multiplied by.
  [[nodiscard]] float scale() const { return scale_; }

  /// 16 values of each column; places behind the last point hold infinity.
  [[nodiscard]] const float* block(std::size_t b) const {
    return coordinates_.data() + b * n_columns_ * kBlock;
  }
  /// The least and the greatest value of each column.
  [[nodiscard]] const float* block_box(std::size_t b) const {
    return block_boxes_.data() + b * n_columns_ * 2;
  }
  /// Children come before their parents, so the root is the last.
  [[nodiscard]] std::span<const BlockTreeNode> nodes() const { return nodes_; }
  /// For each column the 16 least and then the 16 greatest values of the children; infinitely far where there is none.
  [[nodiscard]] const float* node_boxes(std::size_t node) const {
    return node_boxes_.data() + node * n_columns_ * 2 * kBlock;
  }

 private:
  struct Split;
  void lay_out(const MatrixView& points);
  std::uint32_t add_nodes(const std::vector<Split>& splits, std::uint32_t top);
  void write_child_box(std::size_t node, std::size_t lane, const float* box);

  std::size_t n_columns_ = 0;
  float scale_ = 1;
  std::vector<std::uint32_t> rows_;
  LineVector<float> coordinates_;
  LineVector<float> block_boxes_;
  std::vector<BlockTreeNode> nodes_;
  LineVector<float> node_boxes_;
};

}  // namespace baleen::cluster
