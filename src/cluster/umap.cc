#include "cluster/umap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cluster/fuzzy_graph.h"
#include "cluster/layout.h"
#include "cluster/parallel.h"
#include "cluster/points.h"
#include "cluster/random.h"
#include "cluster/sketch.h"
#include "core/check.h"

namespace baleen::cluster {

namespace {

constexpr int kSmoothingRounds = 10;

std::size_t epochs_of(std::size_t n, const UmapOptions& options) {
  if (options.n_epochs > 0) {
    return options.n_epochs;
  }
  return n <= 10'000 ? 500 : 200;
}

/// The first `k` neighbours of each point.
Neighbors nearest(const Neighbors& neighbors, std::size_t k) {
  Neighbors result{neighbors.n, std::min(k, neighbors.k), {}, {}};
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    const auto indices = neighbors.indices_of(i).first(result.k);
    const auto distances = neighbors.distances_of(i).first(result.k);
    result.indices.insert(result.indices.end(), indices.begin(), indices.end());
    result.distances.insert(result.distances.end(), distances.begin(), distances.end());
  }
  return result;
}

/// Coordinates of places, one array a component.
class Places {
 public:
  Places(std::size_t n_components, std::size_t stride)
      : n_components_(n_components), stride_(stride), values_(n_components * stride) {}
  [[nodiscard]] std::size_t stride() const { return stride_; }
  std::vector<float>& values() { return values_; }
  void put(std::size_t place, std::span<const float> row) {
    for (std::size_t c = 0; c < n_components_; ++c) values_[c * stride_ + place] = row[c];
  }
  void get(std::size_t place, std::span<float> row) const {
    for (std::size_t c = 0; c < n_components_; ++c) row[c] = values_[c * stride_ + place];
  }
  /// Stretches each component of the first n places to [-5, 5], and shakes them a little, so that equal points part.
  void spread_out(std::size_t n, std::uint64_t seed) {
    for (std::size_t c = 0; c < n_components_; ++c) {
      float* values = values_.data() + c * stride_;
      const auto [low, high] = std::minmax_element(values, values + n);
      const float middle = (*low + *high) / 2;
      const float scale = *high > *low ? 10 / (*high - *low) : 0;
      for (std::size_t p = 0; p < n; ++p) {
        Random random(seed ^ c, p);
        values[p] = (values[p] - middle) * scale + 1e-3F * (random.uniform() - 0.5F);
      }
    }
  }

 private:
  std::size_t n_components_;
  std::size_t stride_;
  std::vector<float> values_;
};

std::size_t padded(std::size_t n) { return (n + kLayoutLanes - 1) / kLayoutLanes * kLayoutLanes; }

/// The principal components of the points; at random what there are no dimensions for.
Result<Matrix> principal_start(MatrixView rows, const UmapOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(Points points, Points::create(rows, options.metric, options.n_threads));
  points.center_on_sample(4096);
  const std::size_t n_rows = std::min(options.n_components, points.n_dimensions());
  const Matrix basis = principal_subspace(points, n_rows, 4096, options.seed, options.n_threads);
  const Matrix coordinates = projected(points, basis, options.n_threads);
  Matrix start(rows.n_rows(), options.n_components);
  for (std::size_t i = 0; i < rows.n_rows(); ++i) {
    Random random(options.seed, i);
    for (std::size_t c = 0; c < options.n_components; ++c) {
      start.row(i)[c] = c < n_rows ? coordinates.row(i)[c] : random.uniform();
    }
  }
  return start;
}

}  // namespace

UmapCurve fit_umap_curve(double min_dist, double spread) {
  // Gauss and Newton with Levenberg's damping, in two unknowns.
  constexpr int kPoints = 300;
  const auto errors = [&](double a, double b, double* gradient, double* hessian) {
    double sum = 0;
    for (int i = 1; i < kPoints; ++i) {
      const double x = 3 * spread * i / (kPoints - 1);
      const double wanted = x < min_dist ? 1 : std::exp(-(x - min_dist) / spread);
      const double power = std::pow(x, 2 * b);
      const double value = 1 / (1 + a * power);
      const double error = value - wanted;
      const double da = -power * value * value;
      const double db = -a * power * 2 * std::log(x) * value * value;
      sum += error * error;
      gradient[0] += error * da;
      gradient[1] += error * db;
      hessian[0] += da * da;
      hessian[1] += da * db;
      hessian[2] += db * db;
    }
    return sum;
  };
  UmapCurve curve;
  double damping = 1e-3;
  for (int step = 0; step < 200; ++step) {
    double gradient[2] = {};
    double hessian[3] = {};
    const double before = errors(curve.a, curve.b, gradient, hessian);
    const double aa = hessian[0] * (1 + damping);
    const double bb = hessian[2] * (1 + damping);
    const double determinant = aa * bb - hessian[1] * hessian[1];
    if (!(std::abs(determinant) > 0)) break;
    const double a = curve.a - (bb * gradient[0] - hessian[1] * gradient[1]) / determinant;
    const double b = curve.b - (aa * gradient[1] - hessian[1] * gradient[0]) / determinant;
    double unused_gradient[2] = {};
    double unused_hessian[3] = {};
    if (a > 0 && b > 0 && errors(a, b, unused_gradient, unused_hessian) <= before) {
      const bool is_done = std::abs(a - curve.a) + std::abs(b - curve.b) < 1e-10;
      curve = {a, b};
      damping = std::max(damping / 10, 1e-12);
      if (is_done) break;
    } else {
      damping *= 10;
    }
  }
  return curve;
}

Matrix umap_of_neighbors(const Neighbors& neighbors,
                         const Matrix& initial,
                         const UmapOptions& options) {
  const std::size_t n = neighbors.n;
  BALEEN_CHECK(options.n_neighbors >= 2 && options.n_components >= 1);
  BALEEN_CHECK(options.n_components <= kUmapComponentsMax);
  BALEEN_CHECK(initial.view().n_rows() == n && initial.view().n_columns() == options.n_components);
  const std::size_t n_epochs = epochs_of(n, options);
  LayoutGroups groups;
  {
    const Neighbors used = nearest(neighbors, options.n_neighbors - 1);
    groups = make_groups(fuzzy_union(used, memberships(used, options.n_threads),
                                     1 / static_cast<float>(n_epochs), options.n_threads));
  }
  Places places(options.n_components, padded(n));
  for (std::size_t p = 0; p < n; ++p) places.put(p, initial.row(groups.vertex_of[p]));
  smooth_layout(groups, options.n_components, places.stride(), kSmoothingRounds, options.n_threads,
                places.values());
  places.spread_out(n, options.seed);
  const UmapCurve curve =
      fit_umap_curve(static_cast<double>(options.min_dist), static_cast<double>(options.spread));
  optimize_layout(groups,
                  {.a = static_cast<float>(curve.a),
                   .b = static_cast<float>(curve.b),
                   .n_epochs = n_epochs,
                   .seed = options.seed,
                   .n_threads = options.n_threads},
                  options.n_components, places.stride(), places.values());
  Matrix map(n, options.n_components);
  for (std::size_t p = 0; p < n; ++p) places.get(p, map.row(groups.vertex_of[p]));
  return map;
}

Result<Matrix> umap(MatrixView points, const UmapOptions& options) {
  return umap_ensemble(points, 1, options);
}

Result<Matrix> umap_ensemble(MatrixView points, std::size_t n_maps, const UmapOptions& options) {
  BALEEN_CHECK(options.n_neighbors >= 2 && n_maps >= 1);
  const NeighborOptions neighbor_options{.k = options.n_neighbors - 1,
                                         .metric = options.metric,
                                         .seed = options.seed,
                                         .n_threads = options.n_threads,
                                         .groups = options.groups};
  BALEEN_ASSIGN_OR_RETURN(const Neighbors neighbors,
                          approximate_neighbors(points, neighbor_options));
  BALEEN_ASSIGN_OR_RETURN(const Matrix start, principal_start(points, options));
  if (n_maps == 1) return umap_of_neighbors(neighbors, start, options);
  const std::size_t width = options.n_components;
  Matrix maps(points.n_rows(), n_maps * width);
  for (std::size_t m = 0; m < n_maps; ++m) {
    UmapOptions one = options;
    one.seed = Random(options.seed, m).next();
    const Matrix map = umap_of_neighbors(neighbors, start, one);
    for (std::size_t i = 0; i < map.n_rows(); ++i)
      std::ranges::copy(map.row(i), maps.row(i).begin() + static_cast<std::ptrdiff_t>(m * width));
  }
  return maps;
}

Matrix umap_transform(const Neighbors& neighbors, MatrixView map, const UmapOptions& options) {
  const std::size_t n = neighbors.n;
  const std::size_t n_components = map.n_columns();
  const auto weights = memberships(neighbors, options.n_threads);
  FuzzyGraph graph;
  graph.begins.push_back(0);
  Matrix start(n, n_components);
  for (std::size_t i = 0; i < n; ++i) {
    float sum = 0;
    for (std::size_t c = 0; c < neighbors.k; ++c) {
      const std::uint32_t target = neighbors.indices_of(i)[c];
      if (target == kNoNeighbor) break;
      BALEEN_CHECK(target < map.n_rows());
      const float weight = weights[i * neighbors.k + c];
      graph.targets.push_back(target);
      graph.weights.push_back(weight);
      sum += weight;
      for (std::size_t k = 0; k < n_components; ++k) start.row(i)[k] += weight * map.row(target)[k];
    }
    graph.begins.push_back(graph.targets.size());
    for (float& value : start.row(i)) {
      value = sum > 0 ? value / sum : std::numeric_limits<float>::quiet_NaN();
    }
  }
  const LayoutGroups groups = make_groups(graph, padded(n));
  Places places(n_components, padded(n) + map.n_rows());
  for (std::size_t p = 0; p < n; ++p) places.put(p, start.row(groups.vertex_of[p]));
  for (std::size_t j = 0; j < map.n_rows(); ++j) places.put(padded(n) + j, map.row(j));
  const UmapCurve curve =
      fit_umap_curve(static_cast<double>(options.min_dist), static_cast<double>(options.spread));
  // A third of the epochs at a quarter of the rate, as umap-learn: the start is good already.
  optimize_layout(groups,
                  {.a = static_cast<float>(curve.a),
                   .b = static_cast<float>(curve.b),
                   .n_epochs = std::max<std::size_t>(1, epochs_of(map.n_rows(), options) / 3),
                   .learning_rate = 0.25F,
                   .seed = options.seed,
                   .n_threads = options.n_threads,
                   .n_fixed = map.n_rows()},
                  n_components, places.stride(), places.values());
  Matrix result(n, n_components);
  for (std::size_t p = 0; p < n; ++p) places.get(p, result.row(groups.vertex_of[p]));
  return result;
}

}  // namespace baleen::cluster
