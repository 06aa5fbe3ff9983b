#include "cluster/block_search.h"

#include <algorithm>
#include <limits>

#include "core/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cluster/block_search.cc"
#include <hwy/foreach_target.h>
// foreach_target must come first.
#include <hwy/highway.h>

#include "cluster/block_search-inl.h"
#include "cluster/nearest_of_sixteen.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::cluster::HWY_NAMESPACE {

class NearestSearch {
 public:
  NearestSearch(const BlockTree& tree,
                const float* coordinates,
                std::uint32_t queries,
                BlockNeighbors& neighbors)
      : tree_(tree),
        coordinates_(coordinates),
        queries_(queries),
        neighbors_(neighbors),
        nearest_(neighbors.k) {
    std::fill_n(limits_, kBlock, -1.0F);
    for (std::uint32_t left = queries; left != 0; left &= left - 1) {
      limits_[std::countr_zero(left)] = kInfinity;
    }
  }

  [[nodiscard]] float limit() const { return limit_; }
  void raise(std::uint32_t, float*) const {}

  HWY_INLINE void visit(std::uint32_t block) {
    if (block == visited_) return;
    const std::uint32_t near =
        queries_ & points_near(coordinates_, tree_.block_box(block), tree_.n_columns(), limits_);
    if (near == 0) return;
    for_each_query(coordinates_, near, tree_.block(block), tree_.n_columns(),
                   [&](std::size_t lane, const float* row) HWY_ATTR { take(lane, row, block); });
    limit_ = *std::max_element(limits_, limits_ + kBlock);
  }
  /// Before the descent: a block that is surely near.
  void visit_first(std::uint32_t block) {
    visit(block);
    visited_ = block;
  }
  void finish() { nearest_.write(neighbors_); }

 private:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();

  HWY_INLINE void take(std::size_t query, const float* row, std::uint32_t block) {
    const Floats d;
    for (std::size_t lane = 0; lane < kBlock; lane += kWidth) {
      std::uint32_t hits = bits_of(hn::Lt(hn::Load(d, row + lane), hn::Set(d, limits_[query])));
      for (; hits != 0; hits &= hits - 1) {
        const std::size_t hit = lane + static_cast<std::size_t>(std::countr_zero(hits));
        if (row[hit] < limits_[query]) {
          limits_[query] =
              nearest_.add(query, row[hit], static_cast<std::uint32_t>(block * kBlock + hit));
        }
      }
    }
  }

  const BlockTree& tree_;
  const float* coordinates_;
  std::uint32_t queries_;
  BlockNeighbors& neighbors_;
  NearestOfSixteen nearest_;
  float limit_ = kInfinity;
  std::uint32_t visited_ = kNoPosition;
  alignas(64) float limits_[kBlock];
};

void nearest_of_block_impl(const BlockTree& tree, std::size_t b, BlockNeighbors& neighbors) {
  static thread_local std::vector<Waiting> stack;
  const std::size_t n = std::min(kBlock, tree.n_points() - b * kBlock);
  NearestSearch search(tree, tree.block(b), (1U << n) - 1U, neighbors);
  search.visit_first(static_cast<std::uint32_t>(b));
  descend(tree, tree.block_box(b), stack, search);
  search.finish();
}

void nearest_of_points_impl(const BlockTree& tree,
                            const float* coordinates,
                            const float* box,
                            BlockNeighbors& neighbors) {
  static thread_local std::vector<Waiting> stack;
  NearestSearch search(tree, coordinates, (1U << kBlock) - 1U, neighbors);
  descend(tree, box, stack, search);
  search.finish();
}

void distances_from_impl(const BlockTree& tree, std::size_t position, float* distances) {
  distances_to_all(tree, position, distances);
}

class ForeignSearch {
 public:
  ForeignSearch(const Components& components, std::size_t b, ForeignQuery& query)
      : c_(components),
        tree_(*components.tree),
        coordinates_(tree_.block(b)),
        core_(c_.core.data() + b * kBlock),
        component_(c_.component.data() + b * kBlock),
        query_(query) {
    common_ = component_[std::countr_zero(query.active)];
    for (std::size_t i = 0; i < kBlock; ++i) {
      query.distance[i] = std::numeric_limits<float>::infinity();
      query.nearest[i] = kNoPosition;
      const bool is_active = (query.active >> i & 1U) != 0;
      if (!is_active) query.limit[i] = -1;
      if (is_active && component_[i] != common_) common_ = kSeveral;
    }
    find_limit();
  }

  [[nodiscard]] float limit() const { return limit_; }

  /// No child is nearer than the least core distance in it, and one that is all of our own component is of no use.
  HWY_INLINE void raise(std::uint32_t node, float* bounds) const {
    const Floats d;
    const Indices du;
    for (std::size_t lane = 0; lane < kBlock; lane += kWidth) {
      const auto core = hn::LoadU(d, c_.node_core.data() + node * kBlock + lane);
      const auto component = hn::LoadU(du, c_.node_component.data() + node * kBlock + lane);
      const auto is_own = hn::RebindMask(d, hn::Eq(component, hn::Set(du, common_)));
      const auto bound = hn::Max(hn::Load(d, bounds + lane), core);
      const auto infinity = hn::Set(d, std::numeric_limits<float>::infinity());
      hn::Store(hn::IfThenElse(is_own, infinity, bound), d, bounds + lane);
    }
  }

  HWY_INLINE void visit(std::uint32_t block) {
    const std::uint32_t near = query_.active & points_near(coordinates_, tree_.block_box(block),
                                                           tree_.n_columns(), query_.limit);
    if (near == 0) return;
    for_each_query(coordinates_, near, tree_.block(block), tree_.n_columns(),
                   [&](std::size_t lane, const float* row) HWY_ATTR { take(lane, row, block); });
  }

 private:
  static constexpr std::uint32_t kSeveral = 0xfffffffe;

  HWY_INLINE void take(std::size_t query, const float* row, std::uint32_t block) {
    const Floats d;
    const Indices du;
    for (std::size_t lane = 0; lane < kBlock; lane += kWidth) {
      const auto core = hn::LoadU(d, c_.core.data() + block * kBlock + lane);
      const auto component = hn::LoadU(du, c_.component.data() + block * kBlock + lane);
      const auto is_foreign = hn::RebindMask(d, hn::Ne(component, hn::Set(du, component_[query])));
      const auto reach = hn::Max(hn::Max(hn::Load(d, row + lane), core), hn::Set(d, core_[query]));
      const auto is_nearer = hn::Lt(reach, hn::Set(d, query_.limit[query]));
      if (hn::AllFalse(d, hn::And(is_foreign, is_nearer))) continue;
      const auto infinity = hn::Set(d, std::numeric_limits<float>::infinity());
      const auto candidates = hn::IfThenElse(is_foreign, reach, infinity);
      const float least = hn::GetLane(hn::MinOfLanes(d, candidates));
      const std::uint32_t at = bits_of(hn::Eq(candidates, hn::Set(d, least)));
      found(query, least,
            static_cast<std::uint32_t>(block * kBlock + lane) +
                static_cast<std::uint32_t>(std::countr_zero(at)));
    }
  }

  /// A nearer one: from now on nobody of this component needs one that is farther.
  void found(std::size_t query, float distance, std::uint32_t position) {
    query_.distance[query] = distance;
    query_.nearest[query] = position;
    for (std::uint32_t left = query_.active; left != 0; left &= left - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left));
      if (component_[i] == component_[query]) {
        query_.limit[i] = std::min(query_.limit[i], distance);
      }
    }
    find_limit();
  }

  void find_limit() { limit_ = *std::max_element(query_.limit, query_.limit + kBlock); }

  const Components& c_;
  const BlockTree& tree_;
  const float* coordinates_;
  const float* core_;
  const std::uint32_t* component_;
  ForeignQuery& query_;
  std::uint32_t common_ = kSeveral;
  float limit_ = 0;
};

void nearest_foreign_impl(const Components& components, std::size_t b, ForeignQuery& query) {
  static thread_local std::vector<Waiting> stack;
  if (query.active == 0) return;
  ForeignSearch search(components, b, query);
  descend(*components.tree, components.tree->block_box(b), stack, search);
}

}  // namespace baleen::cluster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::cluster {

HWY_EXPORT(nearest_of_block_impl);
HWY_EXPORT(nearest_of_points_impl);
HWY_EXPORT(distances_from_impl);
HWY_EXPORT(nearest_foreign_impl);

void nearest_of_block(const BlockTree& tree, std::size_t b, BlockNeighbors& neighbors) {
  HWY_DYNAMIC_DISPATCH(nearest_of_block_impl)(tree, b, neighbors);
}

void nearest_of_points(const BlockTree& tree,
                       const float* coordinates,
                       const float* box,
                       BlockNeighbors& neighbors) {
  HWY_DYNAMIC_DISPATCH(nearest_of_points_impl)(tree, coordinates, box, neighbors);
}

void distances_from(const BlockTree& tree, std::size_t position, std::span<float> distances) {
  BALEEN_CHECK(distances.size() == tree.n_blocks() * kBlock);
  HWY_DYNAMIC_DISPATCH(distances_from_impl)(tree, position, distances.data());
}

void nearest_foreign(const Components& components, std::size_t b, ForeignQuery& query) {
  HWY_DYNAMIC_DISPATCH(nearest_foreign_impl)(components, b, query);
}

}  // namespace baleen::cluster
#endif  // HWY_ONCE
