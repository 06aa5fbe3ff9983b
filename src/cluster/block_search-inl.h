/// Descents of a block tree, 16 queries at a time. Per-target: included by block_search.cc only.
///
/// All distances are squared. A distance and the bounds that stand for it are computed by the same operations in the
/// same order of columns; as rounding is monotonic, a bound is never above a distance that it bounds, not even by one
/// unit in the last place. So pruning loses nothing, and the distance of a to b has the same bits as that of b to a.

#if defined(BALEEN_CLUSTER_BLOCK_SEARCH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_CLUSTER_BLOCK_SEARCH_INL_H_
#undef BALEEN_CLUSTER_BLOCK_SEARCH_INL_H_
#else
#define BALEEN_CLUSTER_BLOCK_SEARCH_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "cluster/block_tree.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::cluster {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, kBlock>;
using Indices = hn::RebindToUnsigned<Floats>;
using FloatVector = hn::Vec<Floats>;
inline constexpr std::size_t kWidth = hn::MaxLanes(Floats());
/// Queries whose distances are computed together, so that their sums do not wait for each other.
inline constexpr std::size_t kTogether = 4;

/// One bit for each lane.
template <class Mask>
HWY_INLINE std::uint32_t bits_of(Mask mask) {
  std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(Floats(), mask, bytes);
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits & ((1U << kWidth) - 1U);
}

/// From a box to each of 16 boxes; 0 where they overlap.
HWY_INLINE void box_distances(const float* HWY_RESTRICT box,
                              const float* HWY_RESTRICT boxes,
                              std::size_t n_columns,
                              float* HWY_RESTRICT out) {
  const Floats d;
  for (std::size_t lane = 0; lane < kBlock; lane += kWidth) {
    auto sum = hn::Zero(d);
    for (std::size_t j = 0; j < n_columns; ++j) {
      const auto low = hn::Load(d, boxes + 2 * j * kBlock + lane);
      const auto high = hn::Load(d, boxes + (2 * j + 1) * kBlock + lane);
      const auto below = hn::Sub(low, hn::Set(d, box[2 * j + 1]));
      const auto above = hn::Sub(hn::Set(d, box[2 * j]), high);
      const auto gap = hn::Max(hn::Max(below, above), hn::Zero(d));
      sum = hn::MulAdd(gap, gap, sum);
    }
    hn::Store(sum, d, out + lane);
  }
}

/// The points of a block that are nearer to a box than their limit, as bits.
HWY_INLINE std::uint32_t points_near(const float* HWY_RESTRICT block,
                                     const float* HWY_RESTRICT box,
                                     std::size_t n_columns,
                                     const float* HWY_RESTRICT limits) {
  const Floats d;
  std::uint32_t bits = 0;
  for (std::size_t lane = 0; lane < kBlock; lane += kWidth) {
    auto sum = hn::Zero(d);
    for (std::size_t j = 0; j < n_columns; ++j) {
      const auto x = hn::Load(d, block + j * kBlock + lane);
      const auto below = hn::Sub(hn::Set(d, box[2 * j]), x);
      const auto above = hn::Sub(x, hn::Set(d, box[2 * j + 1]));
      const auto gap = hn::Max(hn::Max(below, above), hn::Zero(d));
      sum = hn::MulAdd(gap, gap, sum);
    }
    bits |= bits_of(hn::Lt(sum, hn::Load(d, limits + lane))) << lane;
  }
  return bits;
}

/// From kTogether points of one block to the 16 points of another, a row each.
HWY_INLINE void distances(const float* HWY_RESTRICT from,
                          const std::size_t (&lanes)[kTogether],
                          const float* HWY_RESTRICT to,
                          std::size_t n_columns,
                          float* HWY_RESTRICT out) {
  const Floats d;
  for (std::size_t lane = 0; lane < kBlock; lane += kWidth) {
    auto sum0 = hn::Zero(d);
    auto sum1 = hn::Zero(d);
    auto sum2 = hn::Zero(d);
    auto sum3 = hn::Zero(d);
    for (std::size_t j = 0; j < n_columns; ++j) {
      const float* const x = from + j * kBlock;
      const auto y = hn::Load(d, to + j * kBlock + lane);
      const auto gap0 = hn::Sub(y, hn::Set(d, x[lanes[0]]));
      const auto gap1 = hn::Sub(y, hn::Set(d, x[lanes[1]]));
      const auto gap2 = hn::Sub(y, hn::Set(d, x[lanes[2]]));
      const auto gap3 = hn::Sub(y, hn::Set(d, x[lanes[3]]));
      sum0 = hn::MulAdd(gap0, gap0, sum0);
      sum1 = hn::MulAdd(gap1, gap1, sum1);
      sum2 = hn::MulAdd(gap2, gap2, sum2);
      sum3 = hn::MulAdd(gap3, gap3, sum3);
    }
    hn::Store(sum0, d, out + lane);
    hn::Store(sum1, d, out + kBlock + lane);
    hn::Store(sum2, d, out + 2 * kBlock + lane);
    hn::Store(sum3, d, out + 3 * kBlock + lane);
  }
}

/// From one point to all points of `tree`, kTogether blocks at a time, by the same operations as above.
HWY_INLINE void distances_to_all(const BlockTree& tree,
                                 std::size_t position,
                                 float* HWY_RESTRICT out) {
  const Floats d;
  const std::size_t n_columns = tree.n_columns();
  const float* const from = tree.block(position / kBlock) + position % kBlock;
  const std::size_t n_blocks = tree.n_blocks();
  for (std::size_t b = 0; b < n_blocks; b += kTogether) {
    const float* to[kTogether];
    for (std::size_t i = 0; i < kTogether; ++i) to[i] = tree.block(std::min(b + i, n_blocks - 1));
    for (std::size_t lane = 0; lane < kBlock; lane += kWidth) {
      FloatVector sums[kTogether];
      for (auto& sum : sums) sum = hn::Zero(d);
      for (std::size_t j = 0; j < n_columns; ++j) {
        const auto x = hn::Set(d, from[j * kBlock]);
        for (std::size_t i = 0; i < kTogether; ++i) {
          const auto gap = hn::Sub(hn::Load(d, to[i] + j * kBlock + lane), x);
          sums[i] = hn::MulAdd(gap, gap, sums[i]);
        }
      }
      for (std::size_t i = 0; i < kTogether && b + i < n_blocks; ++i) {
        hn::Store(sums[i], d, out + (b + i) * kBlock + lane);
      }
    }
  }
}

/// Calls `take(lane, distances)` for each point of `queries` (bits), with its distances to the 16 points of `to`.
template <class Take>
HWY_INLINE void for_each_query(const float* from,
                               std::uint32_t queries,
                               const float* to,
                               std::size_t n_columns,
                               const Take& take) {
  alignas(64) float rows[kTogether * kBlock];
  while (queries != 0) {
    std::size_t lanes[kTogether];
    std::size_t n = 0;
    for (; n < kTogether && queries != 0; ++n, queries &= queries - 1) {
      lanes[n] = static_cast<std::size_t>(std::countr_zero(queries));
    }
    for (std::size_t i = n; i < kTogether; ++i) lanes[i] = lanes[0];
    distances(from, lanes, to, n_columns, rows);
    for (std::size_t i = 0; i < n; ++i) take(lanes[i], rows + i * kBlock);
  }
}

struct Waiting {
  float bound;
  std::uint32_t child;
};

/// Visits the blocks that may matter to a box, nearest first. `Search` has
///   float limit()                        what is not nearer does not matter
///   void raise(node, float* bounds)      may raise the bounds of the 16 children of a node
///   void visit(block)
template <class Search>
HWY_INLINE void descend(const BlockTree& tree,
                        const float* box,
                        std::vector<Waiting>& stack,
                        Search& search) {
  const std::size_t n_columns = tree.n_columns();
  alignas(64) float bounds[kBlock];
  stack.assign(1, {0, static_cast<std::uint32_t>(tree.nodes().size() - 1)});
  while (!stack.empty()) {
    const Waiting next = stack.back();
    stack.pop_back();
    if (!(next.bound < search.limit())) continue;
    if ((next.child & BlockTreeNode::kIsBlock) != 0) {
      search.visit(next.child & ~BlockTreeNode::kIsBlock);
      continue;
    }
    box_distances(box, tree.node_boxes(next.child), n_columns, bounds);
    search.raise(next.child, bounds);
    const BlockTreeNode& node = tree.nodes()[next.child];
    const std::size_t first = stack.size();
    const float limit = search.limit();
    for (std::size_t i = 0; i < kBlock; ++i) {
      if (!(bounds[i] < limit)) continue;  // Also where there is no child: infinity.
      if (node.child[i] == BlockTreeNode::kNone) continue;
      std::size_t at = stack.size();
      stack.push_back({bounds[i], node.child[i]});
      for (; at > first && stack[at - 1].bound < bounds[i]; --at) stack[at] = stack[at - 1];
      stack[at] = {bounds[i], node.child[i]};
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::cluster
HWY_AFTER_NAMESPACE();

#endif
