#include "recipes/bioacoustics/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "cluster/quality.h"
#include "recipes/bioacoustics/clustering_steps.h"

namespace baleen::bioacoustics {
namespace {

constexpr double kNoiseMax = 0.5;

/// What may be swept: it does not change who is whose neighbour.
const std::set<std::string_view>& swept_names() {
  static const std::set<std::string_view> names = {"epsilon",     "min_cluster_size", "min_dist",
                                                   "min_samples", "n_components",     "n_maps",
                                                   "n_neighbors", "reduce",           "selection"};
  return names;
}

/// All windows in one reduction: what decides it.
std::string reduction_key(const ClusteringParams& params) {
  return fmt::format("{} {} {} {} {} {}", params.has_reduction, params.n_neighbors, params.min_dist,
                     params.n_components, params.n_maps, params.seed);
}

/// Labels of one combination with one seed, what is alone left out.
Result<std::vector<std::int32_t>> labels_of(const cluster::Matrix& points,
                                            const Surroundings& around,
                                            const ClusteringParams& params,
                                            int n_threads) {
  BALEEN_ASSIGN_OR_RETURN(const cluster::Hdbscan fitted,
                          cluster::Hdbscan::fit(points.view(), hdbscan_options(params, n_threads)));
  std::vector<std::int32_t> labels = fitted.clustering().labels;
  if (!around.noise.is_noise.empty()) cluster::remove_noise(around.noise, labels);
  return labels;
}

SweepEntry describe(const ClusteringParams& params,
                    const std::vector<std::vector<std::int32_t>>& labels) {
  SweepEntry entry;
  entry.params = params;
  const auto n_seeds = static_cast<double>(labels.size());
  for (const std::vector<std::int32_t>& one : labels) {
    const std::int32_t last = one.empty() ? -1 : *std::ranges::max_element(one);
    entry.clusters += (last + 1) / n_seeds;
    entry.noise += (1 - cluster::coverage(one)) / n_seeds;
  }
  entry.stability = cluster::sweep_stability(labels).mean_ari;
  return entry;
}

std::int64_t greatest_n_neighbors(const SweepPlan& plan) {
  std::int64_t most = 2;
  for (const ClusteringParams& params : plan.combinations)
    most = std::max(most, params.n_neighbors);
  return most;
}

}  // namespace

Result<SweepPlan> SweepPlan::create(const json::object& base,
                                    const json::object& grid,
                                    std::int64_t n_seeds) {
  if (n_seeds < 2 || n_seeds > kSeedsMax) {
    return fail(ErrorCode::invalid_argument, "a sweep has 2 to {} seeds: one agrees with itself",
                kSeedsMax);
  }
  if (grid.empty()) {
    return fail(ErrorCode::invalid_argument,
                "a sweep needs values to try, as min_cluster_size=5,10,20");
  }
  std::vector<json::object> all{base};
  for (const auto& member : grid) {
    const std::string name(member.key());
    if (!swept_names().contains(name)) {
      return fail(ErrorCode::invalid_argument, "'{}' cannot be swept; these can: {}", name,
                  fmt::join(swept_names(), ", "));
    }
    if (!member.value().is_array() || member.value().get_array().empty())
      return fail(ErrorCode::invalid_argument, "there are no values of {}", name);
    std::vector<json::object> more;
    for (const json::object& one : all) {
      for (const json::value& value : member.value().get_array()) {
        more.push_back(one);
        more.back()[name] = value;
      }
      if (more.size() > kCombinationsMax) {
        return fail(ErrorCode::invalid_argument, "more than {} combinations: name fewer values",
                    kCombinationsMax);
      }
    }
    all = std::move(more);
  }
  SweepPlan plan;
  plan.n_seeds = n_seeds;
  for (const json::object& one : all) {
    BALEEN_ASSIGN_OR_RETURN(ClusteringParams params, ClusteringParams::from_json(one));
    plan.combinations.push_back(std::move(params));
  }
  return plan;
}

Result<Sweep> sweep_vectors(cluster::Matrix vectors,
                            std::span<const std::uint32_t> recordings,
                            const SweepPlan& plan,
                            int n_threads,
                            const std::function<void(double)>& progress,
                            std::span<const std::uint32_t> deployments) {
  const std::size_t n = vectors.n_rows();
  ClusteringParams widest = plan.combinations.front().resolve(n);
  for (const ClusteringParams& params : plan.combinations)
    widest.min_cluster_size = std::max(widest.min_cluster_size, params.min_cluster_size);
  widest.n_neighbors = greatest_n_neighbors(plan);
  BALEEN_RETURN_IF_ERROR(make_comparable(widest, deployments, n_threads, vectors));
  BALEEN_ASSIGN_OR_RETURN(const Surroundings around,
                          look_around(vectors, recordings, widest, n_threads));
  // One reduction after the other, with all combinations that cluster in it.
  std::map<std::string, std::vector<std::pair<std::size_t, ClusteringParams>>> jobs;
  for (std::size_t c = 0; c < plan.combinations.size(); ++c) {
    ClusteringParams params = plan.combinations[c].resolve(n);
    for (std::int64_t seed = 0; seed < plan.n_seeds; ++seed, ++params.seed)
      jobs[reduction_key(params)].emplace_back(c, params);
  }
  std::vector<std::vector<std::vector<std::int32_t>>> labels(plan.combinations.size());
  double n_done = 0;
  for (const auto& [key, of_one] : jobs) {
    const ClusteringParams& first = of_one.front().second;
    cluster::Matrix reduced;
    if (first.has_reduction) {
      BALEEN_ASSIGN_OR_RETURN(reduced, reduce(vectors, around.neighbors, first, false, n_threads));
    }
    for (const auto& [c, params] : of_one) {
      BALEEN_ASSIGN_OR_RETURN(
          std::vector<std::int32_t> found,
          labels_of(first.has_reduction ? reduced : vectors, around, params, n_threads));
      labels[c].push_back(std::move(found));
    }
    progress(++n_done / static_cast<double>(jobs.size()));
  }
  Sweep sweep;
  for (std::size_t c = 0; c < labels.size(); ++c)
    sweep.entries.push_back(describe(plan.combinations[c].resolve(n), labels[c]));
  recommend(sweep);
  return sweep;
}

void recommend(Sweep& sweep) {
  const auto is_useful = [](const SweepEntry& entry) {
    return entry.clusters >= 2 && entry.noise <= kNoiseMax;
  };
  const bool has_useful = std::ranges::any_of(sweep.entries, is_useful);
  const auto counts = [&](const SweepEntry& entry) { return !has_useful || is_useful(entry); };
  double best = -1;
  for (const SweepEntry& entry : sweep.entries)
    if (counts(entry)) best = std::max(best, entry.stability);
  const SweepEntry* chosen = nullptr;
  std::size_t n_equal = 0;
  for (const SweepEntry& entry : sweep.entries) {
    if (!counts(entry) || entry.stability < best - kStabilityMargin) continue;
    ++n_equal;
    if (chosen == nullptr || entry.noise < chosen->noise) chosen = &entry;
  }
  if (chosen == nullptr) return;
  sweep.recommended = static_cast<std::size_t>(chosen - sweep.entries.data());
  sweep.why = fmt::format("seeds agree to {:.3f}", chosen->stability);
  if (n_equal > 1)
    sweep.why += fmt::format("; of {} that are as stable (within {}) it has the least noise",
                             n_equal, kStabilityMargin);
  else if (sweep.entries.size() > 1)
    sweep.why += ", more than with all others";
  if (!has_useful)
    sweep.why += "; but none parts the windows into two clusters with less than half of them noise";
}

}  // namespace baleen::bioacoustics
