#pragma once

/// UMAP: points of many dimensions as points of few, so that neighbours stay neighbours.
///
/// McInnes, Healy, Melville: UMAP: Uniform manifold approximation and projection for dimension reduction,
/// arXiv:1802.03426v3 (2020). Names and defaults are those of umap-learn. What differs: in each epoch a point is moved
/// by all of its edges and negative samples one after the other while the others stand still, a quarter of the points
/// at a time; so nothing depends on which thread is faster, and a vector register moves 16 points at once. The start
/// is the principal components, smoothed along the graph.
///
/// Pure; same input, options and seed give the same bytes at any number of threads.

#include <cstddef>
#include <cstdint>
#include <span>

#include "cluster/distance.h"
#include "cluster/knn.h"
#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

struct UmapOptions {
  std::size_t n_neighbors = 15;  ///< The point itself counted, as umap-learn does; at least 2.
  float min_dist = 0.1F;         ///< How close points may lie in the map; 0 to spread.
  float spread = 1.0F;
  std::size_t n_components = 2;  ///< 1 to kUmapComponentsMax
  Metric metric = Metric::euclidean;
  std::size_t n_epochs = 0;  ///< 0: 500 up to 10,000 points, 200 for more.
  std::uint64_t seed = 42;
  int n_threads = 1;
  /// Must-not-link, as in NeighborOptions.
  std::span<const std::uint32_t> groups = {};
};

inline constexpr std::size_t kUmapComponentsMax = 64;

/// The map: (n, n_components).
/// @return  Errors of approximate_neighbors.
[[nodiscard]] Result<Matrix> umap(MatrixView points, const UmapOptions& options);

/// Several maps of the same points side by side: (n, n_maps * n_components). Each has a seed of its own, made from that of the
/// options, so what is chance in one of them is not in the others, and distances over all of them are steadier than those
/// of one map. The neighbours are searched once.
/// @return  As umap.
[[nodiscard]] Result<Matrix> umap_ensemble(MatrixView points,
                                           std::size_t n_maps,
                                           const UmapOptions& options);

/// The map of a graph of neighbours that is known already, from a given start.
/// @param neighbors  n_neighbors - 1 of each point are used, or as many as there are.
/// @param initial    (n, n_components), any scale; where the points start.
[[nodiscard]] Matrix umap_of_neighbors(const Neighbors& neighbors,
                                       const Matrix& initial,
                                       const UmapOptions& options);

/// New points in an existing map, which stays as it is.
/// @param neighbors  Of each new point its neighbours among the points of the map (n_new, k).
/// @param map        (n, n_components)
/// @return           (n_new, n_components); a new point without any neighbour gets NaN.
[[nodiscard]] Matrix umap_transform(const Neighbors& neighbors,
                                    MatrixView map,
                                    const UmapOptions& options);

/// a and b of the curve 1 / (1 + a d^(2b)) that comes closest to 1 up to min_dist and exp(-(d - min_dist) / spread)
/// beyond, on [0, 3 spread]: least squares, as umap-learn fits them.
struct UmapCurve {
  double a = 1;
  double b = 1;
};
[[nodiscard]] UmapCurve fit_umap_curve(double min_dist, double spread);

}  // namespace baleen::cluster
