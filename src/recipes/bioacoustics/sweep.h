#pragma once

/// Which parameters make clusters that are no accident: each combination is clustered with several seeds, and those
/// whose outcomes agree are to be believed. A pure function of numbers; neighbours are looked for once.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "recipes/bioacoustics/clustering.h"

namespace baleen::bioacoustics {

/// What is tried: of each parameter some values, all combinations of them, each with some seeds.
struct SweepPlan {
  std::vector<ClusteringParams> combinations;
  std::int64_t n_seeds = 3;

  static constexpr std::size_t kCombinationsMax = 64;
  static constexpr std::int64_t kSeedsMax = 10;

  /// @param base  What all have in common.
  /// @param grid  {"min_cluster_size": [5, 10], "n_neighbors": [15, 30]}; the first name changes slowest.
  /// @return  INVALID_ARGUMENT for what is no parameter of the reduction or of HDBSCAN, a list without values, or too many.
  [[nodiscard]] static Result<SweepPlan> create(const json::object& base,
                                                const json::object& grid,
                                                std::int64_t n_seeds);
};

/// One combination. Means over its seeds.
struct SweepEntry {
  ClusteringParams params;  ///< Resolved; the seed is the first one.
  double clusters = 0;
  double noise = 0;      ///< The part of all windows that is in no cluster.
  double stability = 0;  ///< Adjusted Rand index, over all pairs of seeds.
};

struct Sweep {
  std::vector<SweepEntry> entries;  ///< In the order of the plan.
  std::size_t recommended = 0;
  std::string why;  ///< For people.
};

/// Below this difference two stabilities count as equal: seeds alone make it.
inline constexpr double kStabilityMargin = 0.02;

/// As cluster_vectors.
[[nodiscard]] Result<Sweep> sweep_vectors(cluster::Matrix vectors,
                                          std::span<const std::uint32_t> recordings,
                                          const SweepPlan& plan,
                                          int n_threads,
                                          const std::function<void(double)>& progress,
                                          std::span<const std::uint32_t> deployments = {});

/// Of those that part the windows into at least two clusters and call at most half of them noise: the most stable one; of
/// those that are as stable but for kStabilityMargin the one with the least noise. Sets `recommended` and `why`.
void recommend(Sweep& sweep);

}  // namespace baleen::bioacoustics
