#pragma once

/// What the exact and the approximate search share. Internal to the room.

#include <cstddef>
#include <functional>

#include "cluster/candidates.h"
#include "cluster/knn.h"
#include "cluster/points.h"

namespace baleen::cluster {

/// CLUSTER_TOO_FEW_POINTS unless there are more than k points, and k > 0.
[[nodiscard]] Result<void> check_neighbor_options(MatrixView points,
                                                  const NeighborOptions& options);

/// Calls work(a, b), a <= b, once for each pair of blocks, in rounds in which no block has two calls at once: so each
/// call may write what belongs to its two blocks. Which calls share a round does not depend on the threads.
void for_each_pair_of_blocks(std::size_t n_blocks,
                             int n_threads,
                             const std::function<void(std::size_t, std::size_t)>& work);

/// Prepared rows of some points as words of floats.
class FloatBlock {
 public:
  /// Of points [begin, end).
  FloatBlock(const Points& points, std::size_t begin, std::size_t end);
  /// Of any points.
  FloatBlock(const Points& points, std::span<const std::uint32_t> which);

  [[nodiscard]] CodedRows rows() const;

 private:
  void put(const Points& points, std::size_t point, std::size_t row);

  std::size_t n_dimensions_;
  std::size_t begin_ = 0;
  std::vector<float> values_;
  std::vector<std::int32_t> half_squares_;
};

/// Candidates beyond k that are computed anew: what the rounding of products might have put out of order.
inline constexpr std::size_t kExactMargin = 16;

/// Room for the neighbours of n points.
[[nodiscard]] Neighbors make_neighbors(std::size_t n, std::size_t k);

/// The k nearest of each list, by their exact distances.
/// @param order  Which point each number in the lists, and each list, stands for.
[[nodiscard]] Neighbors rerank(const Points& points,
                               std::span<const std::uint32_t> order,
                               CandidateLists& lists,
                               const NeighborOptions& options);

/// The true neighbours of some points (row for row): those of their candidates, which were found by keys of floats, if
/// rounding cannot have hidden a nearer one; else by comparing the point with all others.
/// @param lists  Of each of `which`; n_kept in each.
[[nodiscard]] Neighbors exact_of_candidates(const Points& points,
                                            std::span<const std::uint32_t> which,
                                            CandidateLists& lists,
                                            std::size_t n_kept,
                                            const NeighborOptions& options);

}  // namespace baleen::cluster
