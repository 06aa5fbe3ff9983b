#include "cluster/points.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "cluster/parallel.h"
#include "cluster/random.h"

namespace baleen::cluster {

Scale inverse_length(std::span<const float> row) {
  const float squared = dot(row, row);
  if (!std::isfinite(squared)) {
    return {};
  }
  if (squared > 0x1p-100F) {
    return {1.0F / std::sqrt(squared), true};
  }
  // Squares of very small values vanish: scaled up first.
  float largest = 0;
  for (const float value : row) {
    largest = std::max(largest, std::abs(value));
  }
  if (largest == 0.0F) {
    return {0.0F, true};
  }
  double sum = 0;
  for (const float value : row) {
    sum += static_cast<double>(value) * value;
  }
  // Below the smallest normal number the inverse would overflow: as good as zero.
  const double inverse = 1.0 / std::sqrt(sum);
  return {inverse < 1e37 ? static_cast<float>(inverse) : 0.0F, true};
}

Result<Points> Points::create(MatrixView rows, Metric metric, int n_threads) {
  Points points(rows, metric);
  if (metric == Metric::cosine) {
    points.scales_.resize(rows.n_rows());
  }
  std::atomic<std::size_t> first_bad = rows.n_rows();
  std::atomic<bool> has_zeros = false;
  for_each_block(rows.n_rows(), 256, n_threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Scale scale = inverse_length(rows.row(i));
      if (!scale.is_finite) {
        std::size_t seen = first_bad;
        while (i < seen && !first_bad.compare_exchange_weak(seen, i)) {
        }
        return;
      }
      if (metric == Metric::cosine) {
        points.scales_[i] = scale.value;
        has_zeros = has_zeros || scale.value == 0.0F;
      }
    }
  });
  if (first_bad < rows.n_rows()) {
    return fail(
        ErrorCode::embedding_not_finite, "compare {} embeddings: row {} (counted from 0) holds {}",
        rows.n_rows(), first_bad.load(),
        all_finite(rows.row(first_bad)) ? "values whose squares overflow" : "NaN or infinity");
  }
  points.has_zeros_ = has_zeros;
  return points;
}

void Points::center_on_sample(std::size_t n) {
  const std::size_t d = n_dimensions();
  std::vector<double> sums(d);
  std::vector<float> row(d);
  mean_.clear();
  const auto sample = spread_sample(size(), n, 0);
  for (const std::uint32_t i : sample) {
    prepare(i, row.data());
    for (std::size_t c = 0; c < d; ++c) {
      sums[c] += static_cast<double>(row[c]);
    }
  }
  mean_.resize(d);
  for (std::size_t c = 0; c < d; ++c) {
    mean_[c] =
        static_cast<float>(sums[c] / static_cast<double>(std::max<std::size_t>(1, sample.size())));
  }
}

void Points::prepare(std::size_t i, float* out) const {
  prepare(rows_.row(i), metric_ == Metric::cosine ? scales_[i] : 1.0F, out);
}

void Points::prepare(std::span<const float> row, float scale, float* out) const {
  const std::size_t d = row.size();
  const float* mean = mean_.data();
  if (mean_.empty()) {
    for (std::size_t c = 0; c < d; ++c) out[c] = row[c] * scale;
  } else {
    for (std::size_t c = 0; c < d; ++c) out[c] = row[c] * scale - mean[c];
  }
  if (has_zeros_) {
    out[d] = (scale == 0.0F ? 1.0F : 0.0F) - (mean_.empty() ? 0.0F : mean[d]);
  }
}

void Points::distances(std::size_t i,
                       std::span<const std::uint32_t> to,
                       std::span<float> out) const {
  distances(rows_.row(i), metric_ == Metric::cosine ? scales_[i] : 1.0F, to, out);
}

void Points::distances(std::span<const float> query,
                       float scale,
                       std::span<const std::uint32_t> to,
                       std::span<float> out) const {
  if (metric_ == Metric::cosine) {
    cosine_to(query, scale, rows_, scales_, to, out);
    return;
  }
  squared_euclidean_to(query, rows_, to, out);
  for (float& distance : out) {
    distance = std::sqrt(distance);
  }
}

std::vector<std::uint32_t> spread_sample(std::size_t n, std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> sample;
  count = std::min(n, count);
  sample.reserve(count);
  Random random(seed, 0x5a);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = i * n / count;
    const std::size_t end = (i + 1) * n / count;
    sample.push_back(
        static_cast<std::uint32_t>(begin + random.below(static_cast<std::uint32_t>(end - begin))));
  }
  return sample;
}

}  // namespace baleen::cluster
