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

/// The mean distance of each point to its neighbours; infinite for a point without any.
std::vector<double> mean_distances(const Neighbors& neighbors) {
  std::vector<double> means(neighbors.n, kInfinity);
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    double sum = 0;
    double count = 0;
    for (std::size_t j = 0; j < neighbors.k; ++j) {
      if (neighbors.indices_of(i)[j] == kNoNeighbor) break;
      sum += static_cast<double>(neighbors.distances_of(i)[j]);
      ++count;
    }
    if (count > 0) means[i] = sum / count;
  }
  return means;
}

/// Groups of duplicates: as dense as anything, but not infinitely so. Half of the least positive distance.
double floor_of(std::span<const double> means) {
  double least = kInfinity;
  for (const double mean : means) {
    if (mean > 0) least = std::min(least, mean);
  }
  return std::isfinite(least) ? least / 2 : 1;
}

/// The median of the logarithms of the neighbours of point i; infinite without any.
template <typename LogOf>
double log_around(const Neighbors& neighbors,
                  std::size_t i,
                  const LogOf& log_of,
                  std::vector<double>& around) {
  around.clear();
  for (const std::uint32_t j : neighbors.indices_of(i)) {
    if (j != kNoNeighbor) around.push_back(log_of(j));
  }
  return around.empty() ? kInfinity : median(around);
}

/// Scores, verdicts and what is missing, where the mean distances (`logs`), those around, and counts are known.
void judge(std::span<const double> logs,
           std::span<const double> around,
           std::size_t k,
           const NoiseOptions& options,
           NoiseScores& found) {
  const std::size_t n = logs.size();
  found.score.resize(n);
  found.is_noise.resize(n);
  found.missing.resize(n);
  found.mean_distance.resize(n);
  const double popular = options.popularity_max * static_cast<double>(k);
  for (std::size_t i = 0; i < n; ++i) {
    const double ratio = std::isfinite(around[i]) ? logs[i] - around[i] : kInfinity;
    const double score = (ratio - found.middle) / found.deviation;
    const bool is_noise = score > options.threshold && found.count[i] < popular;
    found.score[i] = static_cast<float>(score);
    found.mean_distance[i] = static_cast<float>(std::exp(logs[i]));
    found.is_noise[i] = is_noise ? 1 : 0;
    found.n_noise += is_noise ? 1 : 0;
    if (!is_noise) continue;
    const double allowed = std::exp(around[i] + found.middle + options.threshold * found.deviation);
    found.missing[i] = std::isfinite(around[i]) ? static_cast<float>(std::exp(logs[i]) - allowed)
                                                : std::numeric_limits<float>::infinity();
  }
}

}  // namespace

NoiseScores find_noise(const Neighbors& neighbors, const NoiseOptions& options) {
  std::vector<double> logs = mean_distances(neighbors);
  const double floor = floor_of(logs);
  for (double& value : logs) value = std::log(std::max(value, floor));
  std::vector<double> around(neighbors.n);
  std::vector<double> work;
  std::vector<double> sorted(neighbors.n);
  const auto log_of = [&](std::uint32_t j) { return logs[j]; };
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    around[i] = log_around(neighbors, i, log_of, work);
    sorted[i] = std::isfinite(around[i]) ? logs[i] - around[i] : kInfinity;
  }
  NoiseScores found;
  found.middle = median(sorted);
  for (double& value : sorted) {
    value = std::isfinite(value) ? std::abs(value - found.middle) : kInfinity;
  }
  found.deviation = std::max(1.4826 * median(sorted), 1e-12);
  found.count.resize(neighbors.n);
  for (const std::uint32_t j : neighbors.indices) {
    if (j != kNoNeighbor) ++found.count[j];
  }
  judge(logs, around, neighbors.k, options, found);
  return found;
}

NoiseScores find_new_noise(const Neighbors& neighbors,
                           const NoiseYardstick& yardstick,
                           const NoiseOptions& options) {
  std::vector<double> logs = mean_distances(neighbors);
  const std::vector<double> old(yardstick.mean_distance.begin(), yardstick.mean_distance.end());
  const double floor = floor_of(old);  // Of what has been raised to it: half of that, no matter.
  for (double& value : logs) value = std::log(std::max(value, floor));
  std::vector<double> around(neighbors.n);
  std::vector<double> work;
  const auto log_of = [&](std::uint32_t j) { return std::log(std::max(old[j], floor)); };
  NoiseScores found;
  found.middle = yardstick.middle;
  found.deviation = yardstick.deviation;
  found.count.resize(neighbors.n);
  for (std::size_t i = 0; i < neighbors.n; ++i) {
    around[i] = log_around(neighbors, i, log_of, work);
    for (std::size_t c = 0; c < neighbors.k; ++c) {
      const std::uint32_t j = neighbors.indices_of(i)[c];
      if (j != kNoNeighbor && neighbors.distances_of(i)[c] <= yardstick.reach[j]) ++found.count[i];
    }
  }
  judge(logs, around, neighbors.k, options, found);
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
