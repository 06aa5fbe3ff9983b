#include "recipes/bioacoustics/assigning.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cluster/noise.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/clustering_steps.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kNoiseNeighbors = cluster::NeighborOptions().k;

/// The first k of each.
cluster::Neighbors nearest(const cluster::Neighbors& neighbors, std::size_t k) {
  cluster::Neighbors result{neighbors.n, std::min(k, neighbors.k), {}, {}};
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    const auto indices = neighbors.indices_of(i).first(result.k);
    const auto distances = neighbors.distances_of(i).first(result.k);
    result.indices.insert(result.indices.end(), indices.begin(), indices.end());
    result.distances.insert(result.distances.end(), distances.begin(), distances.end());
  }
  return result;
}

/// As the old rows were treated; what is new of deployments is measured now.
Result<void> make_alike(const FittedClustering& fitted,
                        const ClusteringParams& params,
                        std::span<const std::uint32_t> deployments,
                        int n_threads,
                        cluster::Matrix& vectors) {
  if (params.metric == "cosine") BALEEN_RETURN_IF_ERROR(to_unit_length(vectors));
  if (params.normalize != "deployment" || fitted.normalization.groups.empty()) return {};
  const cluster::NormalizeOptions options = normalize_options(n_threads);
  cluster::Normalization centring = fitted.normalization;
  BALEEN_RETURN_IF_ERROR(
      cluster::extend_normalization(vectors.view(), deployments, options, centring));
  BALEEN_ASSIGN_OR_RETURN(
      vectors, cluster::apply_normalization(vectors.view(), deployments, centring, options));
  return {};
}

/// Rows [begin, end).
cluster::Matrix part(const cluster::Matrix& matrix, std::size_t begin, std::size_t end) {
  const auto values =
      matrix.values().subspan(begin * matrix.n_columns(), (end - begin) * matrix.n_columns());
  return {std::vector<float>(values.begin(), values.end()), end - begin, matrix.n_columns()};
}

cluster::NoiseScores find_alone(const FittedClustering& fitted,
                                const cluster::Neighbors& neighbors) {
  if (fitted.mean_distance.empty()) return {};
  return cluster::find_new_noise(
      nearest(neighbors, kNoiseNeighbors),
      {fitted.mean_distance, fitted.reach, fitted.middle, fitted.deviation}, {});
}

/// What HDBSCAN and the vectors say of one window, in the labels that are published.
void put(const FittedClustering& fitted,
         const cluster::Assignment& assigned,
         const cluster::NoiseScores& alone,
         std::size_t i,
         AssignedWindows& result) {
  const auto published = [&](std::int32_t label) {
    return label == cluster::kNoise ? label : fitted.new_label[static_cast<std::size_t>(label)];
  };
  const std::int32_t nearest_label =
      fitted.hdbscan.node_labels[fitted.hdbscan.tree_cluster[assigned.nearest_row]];
  const bool is_alone = i < alone.is_noise.size() && alone.is_noise[i] != 0;
  const std::int32_t label = is_alone ? cluster::kNoise : published(assigned.label);
  auto reason = formats::WindowNoise::none;
  double missing = 0;
  if (is_alone) {
    reason = formats::WindowNoise::alone;
    missing = static_cast<double>(alone.missing[i]);
  } else if (label == cluster::kNoise) {
    reason = formats::WindowNoise::loose;
    missing = published(nearest_label) == cluster::kNoise ? std::numeric_limits<double>::quiet_NaN()
                                                          : static_cast<double>(assigned.missing);
  }
  result.labels[i] = label;
  result.probabilities[i] =
      label == cluster::kNoise ? 0 : static_cast<double>(assigned.probability);
  result.outlier_scores[i] = static_cast<double>(assigned.outlier_score);
  result.noise.reason[i] = static_cast<std::int32_t>(reason);
  result.noise.nearest_label[i] = label != cluster::kNoise ? label : published(nearest_label);
  result.noise.missing[i] =
      std::isfinite(missing) ? missing : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Result<AssignedWindows> assign_vectors(const FittedClustering& fitted,
                                       const ClusteringParams& params,
                                       cluster::Matrix vectors,
                                       std::span<const std::uint32_t> deployments,
                                       int n_threads) {
  const std::size_t n_old = fitted.map.n_rows();
  if (n_old < 2 || vectors.n_rows() < n_old) {
    return fail(ErrorCode::artifact_corrupt, "{} windows were clustered, and {} are there", n_old,
                vectors.n_rows());
  }
  const std::size_t n_new = vectors.n_rows() - n_old;
  AssignedWindows result{std::vector<std::int32_t>(n_new),
                         std::vector<double>(n_new),
                         std::vector<double>(n_new),
                         {std::vector<std::int32_t>(n_new), std::vector<std::int32_t>(n_new),
                          std::vector<double>(n_new)},
                         cluster::Matrix(n_new, 2)};
  if (n_new == 0) return result;
  BALEEN_RETURN_IF_ERROR(make_alike(fitted, params, deployments, n_threads, vectors));
  cluster::NeighborOptions options;
  options.n_threads = n_threads;
  options.k =
      std::min(n_old, std::max(static_cast<std::size_t>(params.n_neighbors), kNoiseNeighbors));
  BALEEN_ASSIGN_OR_RETURN(const cluster::Neighbors neighbors,
                          cluster::neighbors_of_last(vectors.view(), n_new, options));
  const cluster::NoiseScores alone = find_alone(fitted, neighbors);

  const cluster::UmapOptions of_map = umap_options(params, n_old, true, n_threads);
  const cluster::Neighbors used = nearest(neighbors, of_map.n_neighbors);
  result.map = cluster::umap_transform(used, fitted.map.view(), of_map);
  const bool is_reduced = fitted.reduced.n_rows() > 0;
  const auto n_maps = static_cast<std::size_t>(params.n_maps);
  if (is_reduced &&
      fitted.reduced.n_columns() != n_maps * static_cast<std::size_t>(params.n_components))
    return fail(ErrorCode::artifact_corrupt, "{} coordinates of {} maps",
                fitted.reduced.n_columns(), n_maps);
  const cluster::Matrix places =
      is_reduced ? cluster::umap_ensemble_transform(used, fitted.reduced.view(), n_maps,
                                                    umap_options(params, n_old, false, n_threads))
                 : part(vectors, n_old, n_old + n_new);
  const cluster::Matrix old = is_reduced ? cluster::Matrix() : part(vectors, 0, n_old);
  BALEEN_ASSIGN_OR_RETURN(
      const cluster::Hdbscan clusters,
      cluster::Hdbscan::restore(is_reduced ? fitted.reduced.view() : old.view(), fitted.hdbscan));
  BALEEN_ASSIGN_OR_RETURN(const std::vector<cluster::Assignment> assigned,
                          clusters.assign(places.view(), n_threads));
  for (std::size_t i = 0; i < n_new; ++i) put(fitted, assigned[i], alone, i, result);
  return result;
}

}  // namespace baleen::bioacoustics
