#include "recipes/bioacoustics/clustering.h"

#include <algorithm>
#include <cmath>

#include "cluster/noise.h"
#include "cluster/umap.h"

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

Result<void> to_unit_length(cluster::Matrix& vectors) {
  for (std::size_t i = 0; i < vectors.n_rows(); ++i) {
    double power = 0;
    for (const float value : vectors.row(i)) power += double{value} * value;
    if (!std::isfinite(power))
      return fail(ErrorCode::embedding_not_finite, "window {} has a vector with NaN or infinity",
                  i);
    const double gain = power > 0 ? 1 / std::sqrt(power) : 0;
    for (float& value : vectors.row(i)) value = static_cast<float>(value * gain);
  }
  return {};
}

bool are_identical(const cluster::Matrix& vectors) {
  for (std::size_t i = 1; i < vectors.n_rows(); ++i) {
    if (!std::ranges::equal(vectors.row(i), vectors.row(0))) return false;
  }
  return true;
}

cluster::UmapOptions umap_options(const ClusteringParams& params,
                                  std::span<const std::uint32_t> recordings,
                                  std::size_t n_rows,
                                  int n_threads) {
  cluster::UmapOptions options;
  // Rows have length 1 where cosines are meant: then Euclidean distances have the same order.
  options.n_neighbors = std::min(static_cast<std::size_t>(params.n_neighbors), n_rows - 1);
  options.seed = static_cast<std::uint64_t>(params.seed);
  options.n_threads = n_threads;
  if (!params.is_linked_within_recording) options.groups = recordings;
  return options;
}

/// Among all windows, also those of one recording: what is alone is alone.
Result<cluster::NoiseScores> find_noise(const cluster::Matrix& vectors,
                                        const ClusteringParams& params,
                                        int n_threads) {
  if (!params.has_noise_rejection) return cluster::NoiseScores();
  cluster::NeighborOptions options;
  options.k = std::min<std::size_t>(options.k, vectors.n_rows() - 1);
  options.seed = static_cast<std::uint64_t>(params.seed);
  options.n_threads = n_threads;
  BALEEN_ASSIGN_OR_RETURN(const cluster::Neighbors neighbors,
                          cluster::approximate_neighbors(vectors.view(), options));
  return cluster::find_noise(neighbors, {});
}

/// Clusters that have lost all their windows are gone, and those behind them move up.
void close_up(cluster::Clustering& clusters) {
  std::vector<std::int32_t> new_label(clusters.clusters.size(), cluster::kNoise);
  std::int32_t n = 0;
  for (std::size_t label = 0; label < new_label.size(); ++label)
    if (clusters.clusters[label].size > 0) new_label[label] = n++;
  for (std::int32_t& label : clusters.labels)
    if (label != cluster::kNoise) label = new_label[static_cast<std::size_t>(label)];
  std::erase_if(clusters.clusters, [](const cluster::ClusterInfo& info) { return info.size == 0; });
}

/// Labels, sizes, probabilities and exemplars without the noise.
void remove_noise(const cluster::NoiseScores& noise, cluster::Clustering& clusters) {
  for (std::size_t row = 0; row < noise.is_noise.size(); ++row) {
    std::int32_t& label = clusters.labels[row];
    if (noise.is_noise[row] == 0 || label == cluster::kNoise) continue;
    --clusters.clusters[static_cast<std::size_t>(label)].size;
    label = cluster::kNoise;
    clusters.probabilities[row] = 0;
  }
  for (cluster::ClusterInfo& info : clusters.clusters) {
    std::erase_if(info.exemplars, [&](std::uint32_t row) {
      return row < noise.is_noise.size() && noise.is_noise[row] != 0;
    });
  }
  close_up(clusters);
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
  BALEEN_ASSIGN_OR_RETURN(params.seed,
                          integer_of(object, "seed", params.seed, 0, std::int64_t{1} << 53));
  return params;
}

Result<ClusteringResult> cluster_vectors(cluster::Matrix vectors,
                                         std::span<const std::uint32_t> recordings,
                                         const ClusteringParams& given,
                                         int n_threads,
                                         const std::function<void(double)>& progress) {
  const std::size_t n_rows = vectors.n_rows();
  const ClusteringParams params = given.resolve(n_rows);
  if (n_rows < static_cast<std::size_t>(params.min_cluster_size) || n_rows < 4) {
    return fail(ErrorCode::cluster_too_few_points, "{} windows, and a cluster has at least {}",
                n_rows, std::max<std::int64_t>(params.min_cluster_size, 4));
  }
  if (params.metric == "cosine") BALEEN_RETURN_IF_ERROR(to_unit_length(vectors));
  if (are_identical(vectors)) {
    return fail(ErrorCode::cluster_points_identical, "all {} windows have the same vector", n_rows);
  }
  ClusteringResult result;
  cluster::UmapOptions options = umap_options(params, recordings, n_rows, n_threads);
  BALEEN_ASSIGN_OR_RETURN(result.map, cluster::umap(vectors.view(), options));
  progress(0.4);
  BALEEN_ASSIGN_OR_RETURN(const cluster::NoiseScores noise, find_noise(vectors, params, n_threads));
  cluster::Matrix reduced;
  if (params.has_reduction) {
    options.n_components = static_cast<std::size_t>(params.n_components);
    options.min_dist = static_cast<float>(params.min_dist);
    BALEEN_ASSIGN_OR_RETURN(
        reduced,
        cluster::umap_ensemble(vectors.view(), static_cast<std::size_t>(params.n_maps), options));
    vectors = {};
  }
  progress(0.8);
  cluster::HdbscanOptions hdbscan;
  hdbscan.min_cluster_size = static_cast<std::size_t>(params.min_cluster_size);
  hdbscan.min_samples = static_cast<std::size_t>(params.min_samples);
  hdbscan.selection =
      params.selection == "leaf" ? cluster::ClusterSelection::leaf : cluster::ClusterSelection::eom;
  hdbscan.cluster_selection_epsilon = params.epsilon;
  hdbscan.n_threads = n_threads;
  BALEEN_ASSIGN_OR_RETURN(
      cluster::Hdbscan fitted,
      cluster::Hdbscan::fit(params.has_reduction ? reduced.view() : vectors.view(), hdbscan));
  result.clusters = std::move(fitted).release();
  remove_noise(noise, result.clusters);
  progress(1);
  return result;
}

}  // namespace baleen::bioacoustics
