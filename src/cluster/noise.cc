#include "cluster/noise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace baleen::cluster {
namespace {

constexpr std::int32_t kNoiseLabel = -1;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The middle value (of two the upper one) of values that may be reordered; 0 of none.
double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Logarithms of the mean distances to the neighbours; infinite for a point without any.
std::vector<double> log_mean_distances(const Neighbors& neighbors) {
  std::vector<double> means(neighbors.n, kInfinity);
  double least = kInfinity;
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    double sum = 0;
    double count = 0;
    for (std::size_t j = 0; j < neighbors.k; ++j) {
      if (neighbors.indices_of(i)[j] == kNoNeighbor) break;
      sum += static_cast<double>(neighbors.distances_of(i)[j]);
      ++count;
    }
    if (count > 0) means[i] = sum / count;
    if (means[i] > 0) least = std::min(least, means[i]);
  }
  // Groups of duplicates: as dense as anything, but not infinitely so.
  const double floor = std::isfinite(least) ? least / 2 : 1;
  for (double& mean : means) mean = std::log(std::max(mean, floor));
  return means;
}

}  // namespace

NoiseScores find_noise(const Neighbors& neighbors, const NoiseOptions& options) {
  const std::vector<double> logs = log_mean_distances(neighbors);
  std::vector<double> ratios(neighbors.n, kInfinity);
  std::vector<double> around;
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    around.clear();
    for (const std::uint32_t j : neighbors.indices_of(i)) {
      if (j != kNoNeighbor) around.push_back(logs[j]);
    }
    if (!around.empty()) ratios[i] = logs[i] - median(around);
  }
  std::vector<double> sorted = ratios;
  const double middle = median(sorted);
  for (double& value : sorted) {
    value = std::isfinite(value) ? std::abs(value - middle) : kInfinity;
  }
  const double deviation = std::max(1.4826 * median(sorted), 1e-12);
  NoiseScores found;
  found.score.resize(neighbors.n);
  found.count.resize(neighbors.n);
  found.is_noise.resize(neighbors.n);
  for (const std::uint32_t j : neighbors.indices) {
    if (j != kNoNeighbor) ++found.count[j];
  }
  const double popular = options.popularity_max * static_cast<double>(neighbors.k);
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    const double score = (ratios[i] - middle) / deviation;
    const bool is_noise = score > options.threshold && found.count[i] < popular;
    found.score[i] = static_cast<float>(score);
    found.is_noise[i] = is_noise ? 1 : 0;
    found.n_noise += is_noise ? 1 : 0;
  }
  return found;
}

void remove_noise(const NoiseScores& noise, std::vector<std::int32_t>& labels) {
  BALEEN_CHECK(noise.is_noise.size() == labels.size());
  constexpr std::int32_t kUnused = -2;
  std::vector<std::int32_t> renumbered;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (noise.is_noise[i] != 0) labels[i] = kNoiseLabel;
    if (labels[i] < 0) continue;
    const auto label = static_cast<std::size_t>(labels[i]);
    if (label >= renumbered.size()) renumbered.resize(label + 1, kUnused);
    renumbered[label] = 0;
  }
  std::int32_t next = 0;
  for (std::int32_t& label : renumbered) {
    if (label != kUnused) label = next++;
  }
  for (std::int32_t& label : labels) {
    if (label >= 0) label = renumbered[static_cast<std::size_t>(label)];
  }
}

}  // namespace baleen::cluster
