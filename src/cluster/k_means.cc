#include "cluster/k_means.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "cluster/distance.h"
#include "cluster/random.h"

namespace baleen::cluster {
namespace {

/// Centres that are points, each drawn by its squared distance to those before. Fewer where no other point is left.
std::vector<std::size_t> seed_centres(MatrixView points, std::size_t k, Random& random) {
  const std::size_t n = points.n_rows();
  std::vector<std::size_t> chosen{random.below(static_cast<std::uint32_t>(n))};
  std::vector<float> nearest(n, std::numeric_limits<float>::infinity());
  while (chosen.size() < k) {
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      nearest[i] =
          std::min(nearest[i], squared_euclidean(points.row(i), points.row(chosen.back())));
      total += static_cast<double>(nearest[i]);
    }
    if (!(total > 0)) break;
    double left = total * static_cast<double>(random.uniform());
    std::size_t next = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (nearest[i] == 0) continue;
      next = i;  // Rounding may leave something behind the last.
      left -= static_cast<double>(nearest[i]);
      if (left < 0) break;
    }
    chosen.push_back(next);
  }
  return chosen;
}

struct Assignment {
  std::vector<std::size_t> centre;
  double inertia = 0;  // Sum of squared distances.
};

Assignment assign(MatrixView points, const Matrix& centres) {
  Assignment found;
  found.centre.resize(points.n_rows());
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    found.centre[i] = nearest_centre(centres.view(), points.row(i));
    found.inertia +=
        static_cast<double>(squared_euclidean(points.row(i), centres.row(found.centre[i])));
  }
  return found;
}

/// Each centre becomes the mean of its points; one without points stays where it is.
void update(MatrixView points, const std::vector<std::size_t>& centre_of, Matrix& centres) {
  const std::size_t k = centres.n_rows(), d = centres.n_columns();
  std::vector<double> sums(k * d);
  std::vector<std::size_t> counts(k);
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    ++counts[centre_of[i]];
    double* const sum = sums.data() + centre_of[i] * d;
    const std::span<const float> point = points.row(i);
    for (std::size_t j = 0; j < d; ++j) sum[j] += static_cast<double>(point[j]);
  }
  for (std::size_t c = 0; c < k; ++c) {
    if (counts[c] == 0) continue;
    const std::span<float> centre = centres.row(c);
    for (std::size_t j = 0; j < d; ++j)
      centre[j] = static_cast<float>(sums[c * d + j] / static_cast<double>(counts[c]));
  }
}

}  // namespace

std::size_t nearest_centre(MatrixView centres, std::span<const float> point) {
  std::size_t best = 0;
  float best_distance = std::numeric_limits<float>::infinity();
  for (std::size_t c = 0; c < centres.n_rows(); ++c) {
    const float distance = squared_euclidean(point, centres.row(c));
    if (!(distance < best_distance)) continue;
    best = c;
    best_distance = distance;
  }
  return best;
}

Matrix k_means(MatrixView points, const KMeansOptions& options) {
  Matrix best(0, points.n_columns());
  if (points.n_rows() == 0 || options.n_clusters == 0) return best;
  double best_inertia = std::numeric_limits<double>::infinity();
  for (int start = 0; start < options.n_starts; ++start) {
    Random random(options.seed, static_cast<std::uint64_t>(start));
    const std::vector<std::size_t> seeds = seed_centres(points, options.n_clusters, random);
    Matrix centres(seeds.size(), points.n_columns());
    for (std::size_t c = 0; c < seeds.size(); ++c)
      std::ranges::copy(points.row(seeds[c]), centres.row(c).begin());
    Assignment now = assign(points, centres);
    for (int i = 0; i < options.n_iterations_max; ++i) {
      update(points, now.centre, centres);
      Assignment next = assign(points, centres);
      const bool is_settled = next.centre == now.centre;
      now = std::move(next);
      if (is_settled) break;
    }
    if (now.inertia >= best_inertia) continue;
    best_inertia = now.inertia;
    best = std::move(centres);
  }
  return best;
}

}  // namespace baleen::cluster
