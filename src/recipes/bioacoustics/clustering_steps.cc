#include "recipes/bioacoustics/clustering_steps.h"

#include <algorithm>
#include <cmath>

namespace baleen::bioacoustics {
namespace {

bool are_identical(const cluster::Matrix& vectors) {
  for (std::size_t i = 1; i < vectors.n_rows(); ++i) {
    if (!std::ranges::equal(vectors.row(i), vectors.row(0))) return false;
  }
  return true;
}

std::vector<float> reach_of(const cluster::Neighbors& neighbors) {
  std::vector<float> reach(neighbors.n);
  for (std::size_t i = 0; i < neighbors.n; ++i) reach[i] = neighbors.distances_of(i).back();
  return reach;
}

}  // namespace

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

/// Of rows that have their length already. They do not get length 1 again: what lies near its deployment's centre, as the
/// sound that nearly all of it consists of, would be torn into all directions, and rare sounds taken for noise.
cluster::NormalizeOptions normalize_options(int n_threads) {
  cluster::NormalizeOptions options;
  options.l2 = false;
  options.n_threads = n_threads;
  return options;
}

Result<cluster::Normalization> make_comparable(const ClusteringParams& params,
                                               std::span<const std::uint32_t> deployments,
                                               int n_threads,
                                               cluster::Matrix& vectors) {
  const std::size_t n_rows = vectors.n_rows();
  if (n_rows < static_cast<std::size_t>(params.min_cluster_size) || n_rows < 4) {
    return fail(ErrorCode::cluster_too_few_points, "{} windows, and a cluster has at least {}",
                n_rows, std::max<std::int64_t>(params.min_cluster_size, 4));
  }
  if (params.metric == "cosine") BALEEN_RETURN_IF_ERROR(to_unit_length(vectors));
  if (are_identical(vectors)) {
    return fail(ErrorCode::cluster_points_identical, "all {} windows have the same vector", n_rows);
  }
  // A single one is moved as a whole: no distance would change, but for rounding.
  const bool has_several =
      std::ranges::any_of(deployments, [&](std::uint32_t d) { return d != deployments[0]; });
  if (params.normalize != "deployment" || !has_several) return cluster::Normalization();
  const cluster::NormalizeOptions centring = normalize_options(n_threads);
  BALEEN_ASSIGN_OR_RETURN(cluster::Normalization fitted,
                          cluster::fit_normalization(vectors.view(), deployments, centring));
  BALEEN_ASSIGN_OR_RETURN(
      vectors, cluster::apply_normalization(vectors.view(), deployments, fitted, centring));
  return fitted;
}

Result<Surroundings> look_around(const cluster::Matrix& vectors,
                                 std::span<const std::uint32_t> recordings,
                                 const ClusteringParams& params,
                                 int n_threads) {
  const std::size_t others = vectors.n_rows() - 1;
  cluster::NeighborOptions options;
  const std::size_t k_of_noise = std::min(options.k, others);
  options.seed = static_cast<std::uint64_t>(params.seed);
  options.n_threads = n_threads;
  options.k = std::min(static_cast<std::size_t>(params.n_neighbors), others);
  if (params.is_linked_within_recording) options.k = std::max(options.k, k_of_noise);
  if (!params.is_linked_within_recording) options.groups = recordings;
  Surroundings found;
  BALEEN_ASSIGN_OR_RETURN(found.neighbors, cluster::approximate_neighbors(vectors.view(), options));
  if (!params.has_noise_rejection) return found;
  // Among all windows, also those of one recording: what is alone is alone.
  if (params.is_linked_within_recording && options.k == k_of_noise) {
    found.noise = cluster::find_noise(found.neighbors, {});
    found.reach = reach_of(found.neighbors);
    return found;
  }
  options.k = k_of_noise;
  options.groups = {};
  BALEEN_ASSIGN_OR_RETURN(const cluster::Neighbors all,
                          cluster::approximate_neighbors(vectors.view(), options));
  found.noise = cluster::find_noise(all, {});
  found.reach = reach_of(all);
  return found;
}

cluster::UmapOptions umap_options(const ClusteringParams& params,
                                  std::size_t n_rows,
                                  bool is_map,
                                  int n_threads) {
  cluster::UmapOptions options;
  // Rows have length 1 where cosines are meant: then Euclidean distances have the same order.
  options.n_neighbors = std::min(static_cast<std::size_t>(params.n_neighbors), n_rows - 1);
  options.seed = static_cast<std::uint64_t>(params.seed);
  options.n_threads = n_threads;
  if (is_map) return options;
  options.n_components = static_cast<std::size_t>(params.n_components);
  options.min_dist = static_cast<float>(params.min_dist);
  return options;
}

Result<cluster::Matrix> reduce(const cluster::Matrix& vectors,
                               const cluster::Neighbors& neighbors,
                               const ClusteringParams& params,
                               bool is_map,
                               int n_threads) {
  const cluster::UmapOptions options = umap_options(params, vectors.n_rows(), is_map, n_threads);
  BALEEN_ASSIGN_OR_RETURN(const cluster::Matrix start,
                          cluster::umap_start(vectors.view(), options));
  const std::int64_t n_maps = is_map ? 1 : params.n_maps;
  return cluster::umap_ensemble_of_neighbors(neighbors, start, static_cast<std::size_t>(n_maps),
                                             options);
}

cluster::HdbscanOptions hdbscan_options(const ClusteringParams& params, int n_threads) {
  cluster::HdbscanOptions options;
  options.min_cluster_size = static_cast<std::size_t>(params.min_cluster_size);
  options.min_samples = static_cast<std::size_t>(params.min_samples);
  options.selection =
      params.selection == "leaf" ? cluster::ClusterSelection::leaf : cluster::ClusterSelection::eom;
  options.cluster_selection_epsilon = params.epsilon;
  options.n_threads = n_threads;
  return options;
}

}  // namespace baleen::bioacoustics
