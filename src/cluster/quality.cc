#include "cluster/quality.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace baleen::cluster {
namespace {

constexpr std::int32_t kNoiseLabel = -1;

/// How many points are in each group of `a`, of `b`, and in each pair of groups that has any.
struct Contingency {
  struct Cell {
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    double count = 0;
  };
  std::vector<std::int32_t> a_labels, b_labels;  // Ascending.
  std::vector<double> a_sizes, b_sizes;
  std::vector<Cell> cells;  // By a, then b.
  double n = 0;
};

std::vector<std::int32_t> distinct(Labels labels) {
  std::vector<std::int32_t> values(labels.begin(), labels.end());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

std::uint32_t index_of(const std::vector<std::int32_t>& values, std::int32_t label) {
  return static_cast<std::uint32_t>(
      std::distance(values.begin(), std::lower_bound(values.begin(), values.end(), label)));
}

Contingency tabulate(Labels a, Labels b) {
  BALEEN_CHECK(a.size() == b.size());
  Contingency table{distinct(a), distinct(b), {}, {}, {}, static_cast<double>(a.size())};
  table.a_sizes.resize(table.a_labels.size());
  table.b_sizes.resize(table.b_labels.size());
  std::vector<std::uint64_t> pairs(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::uint32_t in_a = index_of(table.a_labels, a[i]);
    const std::uint32_t in_b = index_of(table.b_labels, b[i]);
    ++table.a_sizes[in_a];
    ++table.b_sizes[in_b];
    pairs[i] = static_cast<std::uint64_t>(in_a) << 32 | in_b;
  }
  std::sort(pairs.begin(), pairs.end());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i == 0 || pairs[i] != pairs[i - 1]) {
      table.cells.push_back({static_cast<std::uint32_t>(pairs[i] >> 32),
                             static_cast<std::uint32_t>(pairs[i] & 0xffffffff), 0});
    }
    ++table.cells.back().count;
  }
  return table;
}

double n_pairs(double n) { return n * (n - 1) / 2; }

double sum_of_pairs(const std::vector<double>& sizes) {
  double sum = 0;
  for (const double size : sizes) sum += n_pairs(size);
  return sum;
}

double entropy(const std::vector<double>& sizes, double n) {
  double sum = 0;
  for (const double size : sizes) sum -= size / n * std::log(size / n);
  return sum;
}

}  // namespace

double adjusted_rand_index(Labels a, Labels b) {
  const Contingency table = tabulate(a, b);
  const double in_a = sum_of_pairs(table.a_sizes);
  const double in_b = sum_of_pairs(table.b_sizes);
  double in_both = 0;
  for (const auto& cell : table.cells) in_both += n_pairs(cell.count);
  const double all = n_pairs(table.n);
  if ((in_a == in_both && in_b == in_both) || all <= 0) return 1;  // Equal partitions.
  const double expected = in_a / all * in_b;
  return (in_both - expected) / ((in_a + in_b) / 2 - expected);
}

double normalized_mutual_information(Labels a, Labels b) {
  const Contingency table = tabulate(a, b);
  if (table.a_sizes.size() <= 1 && table.b_sizes.size() <= 1) return 1;
  double information = 0;
  for (const auto& [i, j, count] : table.cells) {
    information +=
        count / table.n * std::log(count * table.n / (table.a_sizes[i] * table.b_sizes[j]));
  }
  const double mean = (entropy(table.a_sizes, table.n) + entropy(table.b_sizes, table.n)) / 2;
  return std::clamp(information / mean, 0.0, 1.0);
}

double purity(Labels classes, Labels clusters) {
  const Contingency table = tabulate(clusters, classes);
  std::vector<double> most(table.a_labels.size());
  for (const auto& cell : table.cells) most[cell.a] = std::max(most[cell.a], cell.count);
  double in_clusters = 0;
  double in_class = 0;
  for (std::size_t i = 0; i < most.size(); ++i) {
    if (table.a_labels[i] == kNoiseLabel) continue;
    in_clusters += table.a_sizes[i];
    in_class += most[i];
  }
  return in_clusters > 0 ? in_class / in_clusters : 0;
}

double coverage(Labels clusters) {
  if (clusters.empty()) return 0;
  const auto n_noise = std::count(clusters.begin(), clusters.end(), kNoiseLabel);
  return 1 - static_cast<double>(n_noise) / static_cast<double>(clusters.size());
}

std::vector<double> best_jaccard(Labels labels, Labels other) {
  BALEEN_CHECK(labels.size() == other.size());
  std::vector<std::int32_t> ours;
  std::vector<std::int32_t> theirs;
  std::int32_t largest = -1;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    largest = std::max(largest, labels[i]);
    if (other[i] == kNotSampled) continue;
    ours.push_back(labels[i]);
    theirs.push_back(other[i]);
  }
  const Contingency table = tabulate(ours, theirs);
  std::vector<double> best(static_cast<std::size_t>(largest + 1));
  for (const auto& [i, j, count] : table.cells) {
    const std::int32_t label = table.a_labels[i];
    if (label < 0 || table.b_labels[j] == kNoiseLabel) continue;
    const double jaccard = count / (table.a_sizes[i] + table.b_sizes[j] - count);
    double& of_label = best[static_cast<std::size_t>(label)];
    of_label = std::max(of_label, jaccard);
  }
  return best;
}

SweepStability sweep_stability(std::span<const std::vector<std::int32_t>> clusterings) {
  const std::size_t n = clusterings.size();
  BALEEN_CHECK(n > 0);
  SweepStability result;
  result.agreement.assign(n, n > 1 ? 0 : 1);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      const double ari = adjusted_rand_index(clusterings[i], clusterings[j]);
      result.agreement[i] += ari / static_cast<double>(n - 1);
      result.agreement[j] += ari / static_cast<double>(n - 1);
    }
  }
  double sum = 0;
  for (const double agreement : result.agreement) sum += agreement;
  result.mean_ari = sum / static_cast<double>(n);
  result.most_typical = static_cast<std::size_t>(
      std::distance(result.agreement.begin(),
                    std::max_element(result.agreement.begin(), result.agreement.end())));

  const auto& typical = clusterings[result.most_typical];
  for (std::size_t i = 0; i < n; ++i) {
    if (i == result.most_typical) continue;
    const std::vector<double> best = best_jaccard(typical, clusterings[i]);
    result.cluster_jaccard.resize(best.size());
    for (std::size_t c = 0; c < best.size(); ++c) {
      result.cluster_jaccard[c] += best[c] / static_cast<double>(n - 1);
    }
  }
  if (n == 1) result.cluster_jaccard = best_jaccard(typical, typical);
  return result;
}

}  // namespace baleen::cluster
