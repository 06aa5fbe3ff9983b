#include "recipes/bioacoustics/clustering.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cluster/noise.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/clustering_steps.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kWindowsOfManyMaps = 20'000;
constexpr std::int64_t kMapsMax = 16;

/// One number of the parameters, and what it may be.
Result<std::int64_t> integer_of(const json::object& object,
                                const char* key,
                                std::int64_t fallback,
                                std::int64_t min,
                                std::int64_t max) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_int64() || value->get_int64() < min || value->get_int64() > max)
    return fail(ErrorCode::invalid_argument, "{} must be a whole number from {} to {}", key, min,
                max);
  return value->get_int64();
}

Result<double> number_of(const json::object& object, const char* key, double fallback, double max) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  const double number = value->is_number() ? value->to_number<double>() : -1;
  if (!(number >= 0 && number <= max))
    return fail(ErrorCode::invalid_argument, "{} must be a number from 0 to {}", key, max);
  return number;
}

Result<std::string> word_of(const json::object& object,
                            const char* key,
                            const std::string& fallback,
                            const std::string& other) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  const std::string word = value->is_string() ? std::string(value->get_string()) : "";
  if (word != fallback && word != other)
    return fail(ErrorCode::invalid_argument, "{} is {} or {}", key, fallback, other);
  return word;
}

Result<bool> flag_of(const json::object& object, const char* key, bool fallback) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_bool()) return fail(ErrorCode::invalid_argument, "{} is true or false", key);
  return value->get_bool();
}

bool is_alone(const cluster::NoiseScores& noise, std::size_t row) {
  return row < noise.is_noise.size() && noise.is_noise[row] != 0;
}

/// Before what is alone is taken out of the clusters; labels are those of HDBSCAN.
Result<NoiseReasons> find_reasons(const cluster::Hdbscan& fitted,
                                  const cluster::NoiseScores& noise) {
  const std::vector<std::int32_t>& labels = fitted.clustering().labels;
  NoiseReasons reasons{std::vector<std::int32_t>(labels.size()), labels,
                       std::vector<double>(labels.size())};
  std::vector<std::uint32_t> loose;
  for (std::uint32_t row = 0; row < labels.size(); ++row)
    if (labels[row] == cluster::kNoise) loose.push_back(row);
  BALEEN_ASSIGN_OR_RETURN(const std::vector<cluster::NoiseReason> why, fitted.why_noise(loose));
  for (const cluster::NoiseReason& one : why) {
    reasons.reason[one.row] = static_cast<std::int32_t>(formats::WindowNoise::loose);
    reasons.nearest_label[one.row] = one.nearest_label;
    reasons.missing[one.row] = static_cast<double>(one.missing);
  }
  for (std::size_t row = 0; row < labels.size(); ++row) {
    if (!is_alone(noise, row)) continue;
    reasons.reason[row] = static_cast<std::int32_t>(formats::WindowNoise::alone);
    reasons.missing[row] = static_cast<double>(noise.missing[row]);
  }
  return reasons;
}

/// Clusters that have lost all their windows are gone, and those behind them move up. Returns what became of each label.
std::vector<std::int32_t> close_up(cluster::Clustering& clusters) {
  std::vector<std::int32_t> new_label(clusters.clusters.size(), cluster::kNoise);
  std::int32_t n = 0;
  for (std::size_t label = 0; label < new_label.size(); ++label)
    if (clusters.clusters[label].size > 0) new_label[label] = n++;
  for (std::int32_t& label : clusters.labels)
    if (label != cluster::kNoise) label = new_label[static_cast<std::size_t>(label)];
  std::erase_if(clusters.clusters, [](const cluster::ClusterInfo& info) { return info.size == 0; });
  return new_label;
}

/// Labels, sizes, probabilities and exemplars without the noise.
std::vector<std::int32_t> remove_noise(const cluster::NoiseScores& noise,
                                       cluster::Clustering& clusters) {
  for (std::size_t row = 0; row < noise.is_noise.size(); ++row) {
    std::int32_t& label = clusters.labels[row];
    if (noise.is_noise[row] == 0 || label == cluster::kNoise) continue;
    --clusters.clusters[static_cast<std::size_t>(label)].size;
    label = cluster::kNoise;
    clusters.probabilities[row] = 0;
  }
  for (cluster::ClusterInfo& info : clusters.clusters)
    std::erase_if(info.exemplars, [&](std::uint32_t row) { return is_alone(noise, row); });
  return close_up(clusters);
}

/// In the labels that are left. What cannot be said is NaN.
void rename(std::span<const std::int32_t> new_label, NoiseReasons& reasons) {
  for (std::int32_t& label : reasons.nearest_label)
    if (label != cluster::kNoise) label = new_label[static_cast<std::size_t>(label)];
  constexpr auto kLoose = static_cast<std::int32_t>(formats::WindowNoise::loose);
  for (std::size_t row = 0; row < reasons.reason.size(); ++row) {
    const bool has_no_cluster =
        reasons.reason[row] == kLoose && reasons.nearest_label[row] == cluster::kNoise;
    if (has_no_cluster || !std::isfinite(reasons.missing[row]))
      reasons.missing[row] = std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

json::object ClusteringParams::to_json() const {
  return {{"metric", metric},
          {"reduce", has_reduction},
          {"n_neighbors", n_neighbors},
          {"min_dist", min_dist},
          {"n_components", n_components},
          {"n_maps", n_maps},
          {"min_cluster_size", min_cluster_size},
          {"min_samples", min_samples},
          {"selection", selection},
          {"epsilon", epsilon},
          {"reject_noise", has_noise_rejection},
          {"link_within_recording", is_linked_within_recording},
          {"min_fill", min_fill},
          {"normalize", normalize},
          {"seed", seed}};
}

ClusteringParams ClusteringParams::resolve(std::size_t n_windows) const {
  ClusteringParams resolved = *this;
  if (min_cluster_size == 0) {
    resolved.min_cluster_size =
        std::max<std::int64_t>(5, std::llround(std::sqrt(static_cast<double>(n_windows)) / 4));
  }
  if (resolved.n_maps == 0) resolved.n_maps = n_windows <= kWindowsOfManyMaps ? 4 : 1;
  return resolved;
}

Result<ClusteringParams> ClusteringParams::from_json(const json::object& object) {
  ClusteringParams params;
  const json::object known = params.to_json();
  for (const auto& member : object) {
    if (known.contains(member.key())) continue;
    return fail(ErrorCode::invalid_argument, "clustering has no parameter '{}'",
                std::string(member.key()));
  }
  BALEEN_ASSIGN_OR_RETURN(params.metric, word_of(object, "metric", params.metric, "euclidean"));
  BALEEN_ASSIGN_OR_RETURN(params.has_reduction, flag_of(object, "reduce", params.has_reduction));
  BALEEN_ASSIGN_OR_RETURN(params.n_neighbors,
                          integer_of(object, "n_neighbors", params.n_neighbors, 2, 1000));
  BALEEN_ASSIGN_OR_RETURN(params.min_dist, number_of(object, "min_dist", params.min_dist, 1));
  BALEEN_ASSIGN_OR_RETURN(params.n_components,
                          integer_of(object, "n_components", params.n_components, 1,
                                     static_cast<std::int64_t>(cluster::kUmapComponentsMax)));
  BALEEN_ASSIGN_OR_RETURN(params.n_maps, integer_of(object, "n_maps", params.n_maps, 0, kMapsMax));
  BALEEN_ASSIGN_OR_RETURN(
      params.min_cluster_size,
      integer_of(object, "min_cluster_size", params.min_cluster_size, 0, 1'000'000));
  if (params.min_cluster_size == 1)
    return fail(ErrorCode::invalid_argument, "min_cluster_size is 0 (chosen) or at least 2, not 1");
  BALEEN_ASSIGN_OR_RETURN(params.min_samples,
                          integer_of(object, "min_samples", params.min_samples, 0, 1'000'000));
  BALEEN_ASSIGN_OR_RETURN(params.selection, word_of(object, "selection", params.selection, "leaf"));
  BALEEN_ASSIGN_OR_RETURN(params.epsilon, number_of(object, "epsilon", params.epsilon, 1e6));
  BALEEN_ASSIGN_OR_RETURN(params.has_noise_rejection,
                          flag_of(object, "reject_noise", params.has_noise_rejection));
  BALEEN_ASSIGN_OR_RETURN(
      params.is_linked_within_recording,
      flag_of(object, "link_within_recording", params.is_linked_within_recording));
  BALEEN_ASSIGN_OR_RETURN(params.min_fill, number_of(object, "min_fill", params.min_fill, 1));
  BALEEN_ASSIGN_OR_RETURN(params.normalize, word_of(object, "normalize", params.normalize, "none"));
  BALEEN_ASSIGN_OR_RETURN(params.seed,
                          integer_of(object, "seed", params.seed, 0, std::int64_t{1} << 53));
  return params;
}

Result<ClusteringResult> cluster_vectors(cluster::Matrix vectors,
                                         std::span<const std::uint32_t> recordings,
                                         const ClusteringParams& given,
                                         int n_threads,
                                         const std::function<void(double)>& progress,
                                         std::span<const std::uint32_t> deployments) {
  const ClusteringParams params = given.resolve(vectors.n_rows());
  ClusteringResult result;
  FittedClustering& model = result.fitted;
  BALEEN_ASSIGN_OR_RETURN(model.normalization,
                          make_comparable(params, deployments, n_threads, vectors));
  BALEEN_ASSIGN_OR_RETURN(Surroundings around, look_around(vectors, recordings, params, n_threads));
  progress(0.2);
  BALEEN_ASSIGN_OR_RETURN(result.map, reduce(vectors, around.neighbors, params, true, n_threads));
  progress(0.5);
  if (params.has_reduction) {
    BALEEN_ASSIGN_OR_RETURN(model.reduced,
                            reduce(vectors, around.neighbors, params, false, n_threads));
    vectors = {};
  }
  progress(0.8);
  const cluster::HdbscanOptions hdbscan = hdbscan_options(params, n_threads);
  BALEEN_ASSIGN_OR_RETURN(
      cluster::Hdbscan fitted,
      cluster::Hdbscan::fit(params.has_reduction ? model.reduced.view() : vectors.view(), hdbscan));
  BALEEN_ASSIGN_OR_RETURN(result.noise, find_reasons(fitted, around.noise));
  model.hdbscan = fitted.state();
  result.clusters = std::move(fitted).release();
  model.new_label = remove_noise(around.noise, result.clusters);
  rename(model.new_label, result.noise);
  model.mean_distance = std::move(around.noise.mean_distance);
  model.reach = std::move(around.reach);
  model.middle = around.noise.middle;
  model.deviation = around.noise.deviation;
  progress(1);
  return result;
}

}  // namespace baleen::bioacoustics
