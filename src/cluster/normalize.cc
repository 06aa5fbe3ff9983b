#include "cluster/normalize.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "cluster/distance.h"
#include "cluster/parallel.h"

namespace baleen::cluster {
namespace {

/// Columns that a thread takes at once.
constexpr std::size_t kPortion = 4;

/// Of two middle values their mean. Reorders.
double median(std::span<float> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return static_cast<double>(*middle);
  return (static_cast<double>(*std::max_element(values.begin(), middle)) +
          static_cast<double>(*middle)) /
         2;
}

/// Of values that are centred: what is the standard deviation of Gaussian ones. Overwrites.
double scale_of(std::span<float> values) {
  for (float& x : values) x = std::abs(x);
  return 1.4826 * median(values);
}

/// The rows of each group, one group behind the other.
struct Groups {
  Groups(std::span<const std::uint32_t> numbers, std::size_t n) : rows(n) {
    std::iota(rows.begin(), rows.end(), 0U);
    begins.push_back(0);
    if (!numbers.empty()) {
      std::stable_sort(rows.begin(), rows.end(),
                       [&](std::uint32_t a, std::uint32_t b) { return numbers[a] < numbers[b]; });
      for (std::size_t i = 1; i < n; ++i) {
        if (numbers[rows[i]] != numbers[rows[i - 1]]) begins.push_back(i);
      }
    }
    begins.push_back(n);
  }
  std::vector<std::uint32_t> rows;
  std::vector<std::size_t> begins;
};

/// One column, through `values` and `work` (n each).
void normalize_column(const Groups& groups,
                      const NormalizeOptions& options,
                      std::vector<float>& values,
                      std::vector<float>& work) {
  work = values;
  const double center_of_all = median(work);
  work = values;  // In its order again.
  const auto for_each_group = [&](const auto& call) {
    for (std::size_t g = 0; g + 1 < groups.begins.size(); ++g) {
      const std::size_t begin = groups.begins[g];
      const std::size_t n = groups.begins[g + 1] - begin;
      const double weight = static_cast<double>(n) / (static_cast<double>(n) + options.prior);
      call(std::span(values).subspan(begin, n), std::span(work).subspan(begin, n), weight);
    }
  };
  for_each_group([&](std::span<float> of_group, std::span<float> copy, double weight) {
    const double center = weight * median(copy) + (1 - weight) * center_of_all;
    for (float& x : of_group) x = static_cast<float>(static_cast<double>(x) - center);
  });
  if (options.scaling == GroupScaling::none) return;
  work = values;
  const double scale_of_all = scale_of(work);
  if (scale_of_all == 0) return;
  work = values;
  for_each_group([&](std::span<float> of_group, std::span<float> copy, double weight) {
    const double own = scale_of(copy);
    if (own == 0) return;
    const double factor = scale_of_all / (weight * own + (1 - weight) * scale_of_all);
    for (float& x : of_group) x = static_cast<float>(static_cast<double>(x) * factor);
  });
}

}  // namespace

Result<Matrix> normalize(MatrixView points,
                         std::span<const std::uint32_t> groups,
                         const NormalizeOptions& options) {
  if (!groups.empty() && groups.size() != points.n_rows()) {
    return fail(ErrorCode::invalid_argument, "normalize: {} groups for {} points", groups.size(),
                points.n_rows());
  }
  if (!(options.prior >= 0) || options.n_threads < 1) {
    return fail(ErrorCode::invalid_argument, "normalize: prior {}, {} threads", options.prior,
                options.n_threads);
  }
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    if (!all_finite(points.row(i))) {
      return fail(ErrorCode::embedding_not_finite, "normalize: point {} is not finite", i);
    }
  }
  Matrix normalized(points.n_rows(), points.n_columns());
  if (points.n_rows() == 0) return normalized;
  const Groups sorted(groups, points.n_rows());
  for_each_block(points.n_columns(), kPortion, options.n_threads,
                 [&](std::size_t begin, std::size_t end) {
                   std::vector<float> values(points.n_rows());
                   std::vector<float> work;
                   for (std::size_t j = begin; j < end; ++j) {
                     for (std::size_t i = 0; i < values.size(); ++i) {
                       values[i] = points.row(sorted.rows[i])[j];
                     }
                     normalize_column(sorted, options, values, work);
                     for (std::size_t i = 0; i < values.size(); ++i) {
                       normalized.row(sorted.rows[i])[j] = values[i];
                     }
                   }
                 });
  if (options.l2) l2_normalize(normalized);
  return normalized;
}

std::size_t l2_normalize(Matrix& points) {
  std::size_t n_zero = 0;
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    double sum = 0;
    for (const float x : points.row(i)) sum += static_cast<double>(x) * static_cast<double>(x);
    if (sum == 0) {
      ++n_zero;
      continue;
    }
    const double factor = 1 / std::sqrt(sum);
    for (float& x : points.row(i)) x = static_cast<float>(static_cast<double>(x) * factor);
  }
  return n_zero;
}

}  // namespace baleen::cluster
