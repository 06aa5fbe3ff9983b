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

/// The rows of each group, one group behind the other; without numbers all rows are group 0.
struct Groups {
  Groups(std::span<const std::uint32_t> of_rows, std::size_t n) : rows(n) {
    const auto number = [&](std::size_t i) { return of_rows.empty() ? 0 : of_rows[rows[i]]; };
    std::iota(rows.begin(), rows.end(), 0U);
    if (!of_rows.empty()) {
      std::stable_sort(rows.begin(), rows.end(),
                       [&](std::uint32_t a, std::uint32_t b) { return of_rows[a] < of_rows[b]; });
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0 && number(i) == numbers.back()) continue;
      begins.push_back(i);
      numbers.push_back(number(i));
    }
    begins.push_back(n);
  }
  [[nodiscard]] std::size_t size() const { return numbers.size(); }
  std::vector<std::uint32_t> rows, numbers;
  std::vector<std::size_t> begins;
};

/// One column: what its groups are centred and scaled by, measured against all.
class ColumnFit {
 public:
  ColumnFit(const Groups& groups, const NormalizeOptions& options)
      : groups_(groups), options_(options), values_(groups.rows.size()) {}

  void read(MatrixView points, std::size_t column) {
    for (std::size_t i = 0; i < values_.size(); ++i)
      values_[i] = points.row(groups_.rows[i])[column];
  }
  [[nodiscard]] float center_of_all() {
    work_ = values_;
    return static_cast<float>(median(work_));
  }
  /// Subtracts each group's centre, too.
  void fit_centers(float of_all, std::size_t column, Matrix& centers) {
    work_ = values_;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const double weight = weight_of(g);
      float& center = centers.row(g)[column];
      center = static_cast<float>(weight * median(part(work_, g)) +
                                  (1 - weight) * static_cast<double>(of_all));
      for (float& x : part(values_, g)) x -= center;
    }
  }
  [[nodiscard]] float scale_of_all() {
    work_ = values_;
    return static_cast<float>(scale_of(work_));
  }
  void fit_factors(float of_all, std::size_t column, Matrix& factors) {
    work_ = values_;
    const auto all = static_cast<double>(of_all);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const double own = scale_of(part(work_, g));
      const double weight = weight_of(g);
      const bool is_constant = own == 0 || all == 0;
      factors.row(g)[column] =
          is_constant ? 1 : static_cast<float>(all / (weight * own + (1 - weight) * all));
    }
  }

 private:
  [[nodiscard]] std::span<float> part(std::vector<float>& values, std::size_t g) const {
    return std::span(values).subspan(groups_.begins[g], groups_.begins[g + 1] - groups_.begins[g]);
  }
  [[nodiscard]] double weight_of(std::size_t g) const {
    const auto n = static_cast<double>(groups_.begins[g + 1] - groups_.begins[g]);
    return n / (n + options_.prior);
  }

  const Groups& groups_;
  const NormalizeOptions& options_;
  std::vector<float> values_, work_;  // In the order of the groups' rows.
};

Result<void> check(MatrixView points,
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
  return {};
}

/// Of all groups of these points.
/// @param is_first  Whether what is of all points is measured, too, or was before.
void fit(MatrixView points,
         const Groups& groups,
         const NormalizeOptions& options,
         bool is_first,
         Normalization& result) {
  const bool is_scaled = options.scaling == GroupScaling::per_column;
  const std::size_t d = points.n_columns();
  result.groups = groups.numbers;
  result.center = Matrix(groups.size(), d);
  result.factor = Matrix(is_scaled ? groups.size() : 0, d);
  if (is_first) {
    result.center_of_all.resize(d);
    result.scale_of_all.resize(is_scaled ? d : 0);
  }
  for_each_block(d, kPortion, options.n_threads, [&](std::size_t begin, std::size_t end) {
    ColumnFit column(groups, options);
    for (std::size_t j = begin; j < end; ++j) {
      column.read(points, j);
      if (is_first) result.center_of_all[j] = column.center_of_all();
      column.fit_centers(result.center_of_all[j], j, result.center);
      if (!is_scaled) continue;
      if (is_first) result.scale_of_all[j] = column.scale_of_all();
      column.fit_factors(result.scale_of_all[j], j, result.factor);
    }
  });
}

/// The rows of `b` behind those of `a`.
Matrix stacked(const Matrix& a, const Matrix& b) {
  std::vector<float> values(a.values().begin(), a.values().end());
  values.insert(values.end(), b.values().begin(), b.values().end());
  return {std::move(values), a.n_rows() + b.n_rows(), b.n_columns()};
}

}  // namespace

Result<Normalization> fit_normalization(MatrixView points,
                                        std::span<const std::uint32_t> groups,
                                        const NormalizeOptions& options) {
  BALEEN_RETURN_IF_ERROR(check(points, groups, options));
  Normalization result;
  if (points.n_rows() == 0) {
    result.center = Matrix(0, points.n_columns());
    return result;
  }
  fit(points, Groups(groups, points.n_rows()), options, true, result);
  return result;
}

Result<void> extend_normalization(MatrixView points,
                                  std::span<const std::uint32_t> groups,
                                  const NormalizeOptions& options,
                                  Normalization& normalization) {
  BALEEN_RETURN_IF_ERROR(check(points, groups, options));
  if (points.n_columns() != normalization.center_of_all.size()) {
    return fail(ErrorCode::embedding_dimensions_differ, "normalize: {} dimensions, not {}",
                points.n_columns(), normalization.center_of_all.size());
  }
  std::vector<float> values;
  std::vector<std::uint32_t> of_rows;
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    const std::uint32_t group = groups.empty() ? 0 : groups[i];
    if (std::ranges::binary_search(normalization.groups, group)) continue;
    values.insert(values.end(), points.row(i).begin(), points.row(i).end());
    of_rows.push_back(group);
  }
  if (of_rows.empty()) return {};
  Normalization added;
  added.center_of_all = normalization.center_of_all;
  added.scale_of_all = normalization.scale_of_all;
  const MatrixView view(values, of_rows.size(), points.n_columns());
  fit(view, Groups(of_rows, of_rows.size()), options, false, added);
  // In ascending order all of them.
  std::vector<std::uint32_t> numbers = normalization.groups;
  numbers.insert(numbers.end(), added.groups.begin(), added.groups.end());
  const Matrix center = stacked(normalization.center, added.center);
  const Matrix factor = stacked(normalization.factor, added.factor);
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return numbers[i]; });
  normalization.center = Matrix(center.n_rows(), center.n_columns());
  normalization.factor = Matrix(factor.n_rows(), factor.n_columns());
  normalization.groups.resize(numbers.size());
  for (std::size_t g = 0; g < order.size(); ++g) {
    normalization.groups[g] = numbers[order[g]];
    std::ranges::copy(center.row(order[g]), normalization.center.row(g).begin());
    if (factor.n_rows() > 0)
      std::ranges::copy(factor.row(order[g]), normalization.factor.row(g).begin());
  }
  return {};
}

Result<Matrix> apply_normalization(MatrixView points,
                                   std::span<const std::uint32_t> groups,
                                   const Normalization& normalization,
                                   const NormalizeOptions& options) {
  BALEEN_RETURN_IF_ERROR(check(points, groups, options));
  Matrix normalized(points.n_rows(), points.n_columns());
  if (points.n_rows() == 0) return normalized;
  if (points.n_columns() != normalization.center.n_columns()) {
    return fail(ErrorCode::invalid_argument, "normalize: {} dimensions, not {}", points.n_columns(),
                normalization.center.n_columns());
  }
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    const std::uint32_t group = groups.empty() ? 0 : groups[i];
    const auto found = std::ranges::lower_bound(normalization.groups, group);
    if (found == normalization.groups.end() || *found != group)
      return fail(ErrorCode::invalid_argument, "normalize: nothing is known of group {}", group);
    const auto g = static_cast<std::size_t>(found - normalization.groups.begin());
    const auto center = normalization.center.row(g);
    const bool is_scaled = normalization.factor.n_rows() > 0;
    for (std::size_t j = 0; j < center.size(); ++j) {
      const float factor = is_scaled ? normalization.factor.row(g)[j] : 1;
      normalized.row(i)[j] = (points.row(i)[j] - center[j]) * factor;
    }
  }
  if (options.l2) l2_normalize(normalized);
  return normalized;
}

Result<Matrix> normalize(MatrixView points,
                         std::span<const std::uint32_t> groups,
                         const NormalizeOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(const Normalization fitted, fit_normalization(points, groups, options));
  return apply_normalization(points, groups, fitted, options);
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
