#include "cluster/block_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/check.h"

namespace baleen::cluster {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::uint32_t kLeaf = BlockTreeNode::kNone;
/// Rows that are looked at to choose a column: enough to tell a wide one from a narrow one.
constexpr std::size_t kSample = 128;

/// The power of two that brings the largest magnitude to [1, 2).
float scale_of(const MatrixView& points) {
  float largest = 0;
  const std::size_t n = points.n_rows() * points.n_columns();
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(points.data()[i]));
  if (largest == 0) return 1;
  return std::ldexp(1.0F, std::clamp(-std::ilogb(largest), -126, 126));
}

struct Column {
  std::size_t index = 0;
  double mean = 0;
};

/// The column with the largest variance among a sample of the rows.
class ColumnChooser {
 public:
  explicit ColumnChooser(const MatrixView& points)
      : points_(points), sums_(points.n_columns()), squares_(points.n_columns()) {}

  Column choose(std::span<const std::uint32_t> rows) {
    const std::size_t d = points_.n_columns();
    const std::size_t n = std::min(rows.size(), kSample);
    std::fill(sums_.begin(), sums_.end(), 0.0);
    std::fill(squares_.begin(), squares_.end(), 0.0);
    const auto origin = points_.row(rows[0]);
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = points_.row(rows[i * rows.size() / n]);
      for (std::size_t j = 0; j < d; ++j) {
        const double x = static_cast<double>(row[j]) - static_cast<double>(origin[j]);
        sums_[j] += x;
        squares_[j] += x * x;
      }
    }
    Column best;
    double largest = -1;
    for (std::size_t j = 0; j < d; ++j) {
      const double mean = sums_[j] / static_cast<double>(n);
      const double variance = squares_[j] / static_cast<double>(n) - mean * mean;
      if (variance > largest) {
        largest = variance;
        best = {j, mean + static_cast<double>(origin[j])};
      }
    }
    return best;
  }

 private:
  MatrixView points_;
  std::vector<double> sums_;
  std::vector<double> squares_;
};

struct Key {
  float value;
  std::uint32_t row;
  friend bool operator<(const Key& a, const Key& b) {
    return a.value < b.value || (a.value == b.value && a.row < b.row);
  }
};

/// How many of `keys` go to the left: about those below `mean`, in whole blocks, and never nearly none.
std::size_t split_size(std::span<const Key> keys, double mean) {
  const auto n_below = static_cast<std::size_t>(std::count_if(
      keys.begin(), keys.end(), [&](const Key& k) { return static_cast<double>(k.value) < mean; }));
  const std::size_t n_blocks = (keys.size() + kBlock - 1) / kBlock;
  // An eighth at least, so that the depth stays logarithmic whatever the points are.
  const std::size_t least = std::max<std::size_t>(1, n_blocks / 8);
  const std::size_t wanted = (n_below + kBlock / 2) / kBlock;
  return kBlock * std::clamp(wanted, least, n_blocks - least);
}

}  // namespace

/// A node of the binary tree from which the wide one is made.
struct BlockTree::Split {
  std::uint32_t begin = 0, end = 0;  // Blocks.
  std::uint32_t left = kLeaf, right = kLeaf;
};

BlockTree BlockTree::build(const MatrixView& points) {
  BALEEN_CHECK(points.n_rows() > 0 && points.n_columns() > 0 && points.n_rows() < 0x7fffffff);
  BlockTree tree;
  tree.n_columns_ = points.n_columns();
  tree.scale_ = scale_of(points);
  tree.rows_.resize(points.n_rows());
  std::iota(tree.rows_.begin(), tree.rows_.end(), 0U);

  std::vector<Split> splits = {{0, static_cast<std::uint32_t>(tree.n_blocks())}};
  ColumnChooser chooser(points);
  std::vector<Key> keys(points.n_rows());
  for (std::size_t s = 0; s < splits.size(); ++s) {
    const Split split = splits[s];
    if (split.end - split.begin <= 1) continue;
    const std::size_t begin = split.begin * kBlock;
    const std::size_t n = std::min<std::size_t>(split.end * kBlock, points.n_rows()) - begin;
    const std::span<std::uint32_t> rows = std::span(tree.rows_).subspan(begin, n);
    const Column column = chooser.choose(rows);
    const std::span<Key> range = std::span(keys).first(n);
    for (std::size_t i = 0; i < n; ++i) {
      range[i] = {points.data()[rows[i] * points.n_columns() + column.index], rows[i]};
    }
    const std::size_t n_left = split_size(range, column.mean);
    std::nth_element(range.begin(), range.begin() + static_cast<std::ptrdiff_t>(n_left),
                     range.end());
    for (std::size_t i = 0; i < n; ++i) rows[i] = range[i].row;
    const auto middle = static_cast<std::uint32_t>(split.begin + n_left / kBlock);
    splits[s].left = static_cast<std::uint32_t>(splits.size());
    splits[s].right = splits[s].left + 1;
    splits.push_back({split.begin, middle});
    splits.push_back({middle, split.end});
  }
  tree.lay_out(points);
  tree.add_nodes(splits, 0);
  return tree;
}

void BlockTree::lay_out(const MatrixView& points) {
  coordinates_.assign(n_blocks() * kBlock * n_columns_, kInfinity);
  block_boxes_.resize(n_blocks() * 2 * n_columns_);
  for (std::size_t b = 0; b < n_blocks(); ++b) {
    float* const values = coordinates_.data() + b * n_columns_ * kBlock;
    float* const box = block_boxes_.data() + b * n_columns_ * 2;
    const std::size_t n = std::min(kBlock, rows_.size() - b * kBlock);
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = points.row(rows_[b * kBlock + i]);
      for (std::size_t j = 0; j < n_columns_; ++j) values[j * kBlock + i] = row[j] * scale_;
    }
    for (std::size_t j = 0; j < n_columns_; ++j) {
      const auto [low, high] = std::minmax_element(values + j * kBlock, values + j * kBlock + n);
      box[2 * j] = *low;
      box[2 * j + 1] = *high;
    }
  }
}

void BlockTree::write_child_box(std::size_t node, std::size_t lane, const float* box) {
  float* const boxes = node_boxes_.data() + node * n_columns_ * 2 * kBlock;
  for (std::size_t j = 0; j < n_columns_; ++j) {
    boxes[2 * j * kBlock + lane] = box[2 * j];
    boxes[(2 * j + 1) * kBlock + lane] = box[2 * j + 1];
  }
}

/// Adds the node for the binary subtree `top` and all nodes below it; returns its index.
std::uint32_t BlockTree::add_nodes(const std::vector<Split>& splits, std::uint32_t top) {
  // The largest of the children is replaced by its two halves until there are sixteen.
  std::vector<std::uint32_t> children = {top};
  const auto n_blocks_of = [&](std::uint32_t s) { return splits[s].end - splits[s].begin; };
  while (children.size() < kBlock) {
    const auto largest = std::max_element(children.begin(), children.end(), [&](auto a, auto b) {
      return n_blocks_of(a) < n_blocks_of(b);
    });
    if (splits[*largest].left == kLeaf) break;
    const Split& split = splits[*largest];
    *largest = split.left;
    children.insert(largest + 1, split.right);
  }
  std::vector<std::uint32_t> below;
  below.reserve(children.size());
  for (const std::uint32_t s : children) {
    below.push_back(splits[s].left == kLeaf ? splits[s].begin | BlockTreeNode::kIsBlock
                                            : add_nodes(splits, s));
  }

  const auto node = static_cast<std::uint32_t>(nodes_.size());
  nodes_.emplace_back();
  std::fill_n(nodes_[node].child, kBlock, BlockTreeNode::kNone);
  node_boxes_.resize(nodes_.size() * n_columns_ * 2 * kBlock);
  std::vector<float> box(2 * n_columns_);
  for (std::size_t lane = 0; lane < kBlock; ++lane) {
    for (std::size_t j = 0; j < n_columns_; ++j) {
      box[2 * j] = kInfinity;
      box[2 * j + 1] = -kInfinity;
    }
    if (lane < below.size()) {
      nodes_[node].child[lane] = below[lane];
      const Split& split = splits[children[lane]];
      for (std::size_t b = split.begin; b < split.end; ++b) {
        for (std::size_t j = 0; j < n_columns_; ++j) {
          box[2 * j] = std::min(box[2 * j], block_box(b)[2 * j]);
          box[2 * j + 1] = std::max(box[2 * j + 1], block_box(b)[2 * j + 1]);
        }
      }
    }
    write_child_box(node, lane, box.data());
  }
  return node;
}

}  // namespace baleen::cluster
