#pragma once

/// Points as a neighbour search sees them: checked, and moved and scaled so that every metric becomes the squared
/// Euclidean one. Internal to the room.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "cluster/distance.h"
#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

/// A view of points and what must be known of all of them before they can be compared.
///
/// Cosine: points are scaled to length 1, and a zero vector becomes the unit vector of an additional dimension: then
/// half the squared Euclidean distance is the cosine distance of distance.h, zero vectors included.
class Points {
 public:
  /// EMBEDDING_NOT_FINITE, naming the first row that holds NaN or infinity, or whose squared length overflows.
  static Result<Points> create(MatrixView rows, Metric metric, int n_threads);

  [[nodiscard]] std::size_t size() const { return rows_.n_rows(); }
  [[nodiscard]] MatrixView rows() const { return rows_; }
  [[nodiscard]] Metric metric() const { return metric_; }
  /// Of a prepared row.
  [[nodiscard]] std::size_t n_dimensions() const {
    return rows_.n_columns() + (has_zeros_ ? 1 : 0);
  }

  /// Subtracts the mean of about `n` rows from now on: distances stay, and sums of products lose less precision.
  void center_on_sample(std::size_t n);

  /// Row i as it is compared, n_dimensions() values.
  void prepare(std::size_t i, float* out) const;
  /// The same for a vector that is not among the points.
  void prepare(std::span<const float> row, float scale, float* out) const;

  /// Distances of point i to others, as the metric has them, exact in single precision (Euclidean: the root).
  void distances(std::size_t i, std::span<const std::uint32_t> to, std::span<float> out) const;
  void distances(std::span<const float> query,
                 float scale,
                 std::span<const std::uint32_t> to,
                 std::span<float> out) const;

 private:
  Points(MatrixView rows, Metric metric) : rows_(rows), metric_(metric) {}

  MatrixView rows_;
  Metric metric_;
  std::vector<float> scales_;  // Cosine: 1 / |x| of each row, 0 for a zero vector.
  std::vector<float> mean_;    // Of prepared rows; empty if nothing is subtracted.
  bool has_zeros_ = false;     // Cosine: some row is a zero vector.
};

/// 1 / |x|, 0 for a zero vector; nothing if the squared length is NaN or infinite.
struct Scale {
  float value = 0;
  bool is_finite = false;
};
[[nodiscard]] Scale inverse_length(std::span<const float> row);

/// `count` numbers of [0, n), spread evenly, each step's place drawn; all of them if n <= count. Ascending.
[[nodiscard]] std::vector<std::uint32_t> spread_sample(std::size_t n,
                                                       std::size_t count,
                                                       std::uint64_t seed);

}  // namespace baleen::cluster
