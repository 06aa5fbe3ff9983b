#pragma once

/// Matrices of points: n rows of d floats each, one row a point (an embedding of one window of audio).

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "core/check.h"

namespace baleen::cluster {

/// Rows that somebody else owns and keeps alive; `n_rows` × `n_columns`, row-major, without gaps.
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(std::span<const float> values, std::size_t n_rows, std::size_t n_columns)
      : values_(values.data()), n_rows_(n_rows), n_columns_(n_columns) {
    BALEEN_CHECK(values.size() == n_rows * n_columns);
  }

  [[nodiscard]] std::size_t n_rows() const { return n_rows_; }
  [[nodiscard]] std::size_t n_columns() const { return n_columns_; }
  [[nodiscard]] std::span<const float> row(std::size_t i) const {
    return {values_ + i * n_columns_, n_columns_};
  }
  [[nodiscard]] const float* data() const { return values_; }

 private:
  const float* values_ = nullptr;
  std::size_t n_rows_ = 0;
  std::size_t n_columns_ = 0;
};

/// A matrix that owns its values.
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t n_rows, std::size_t n_columns)
      : values_(n_rows * n_columns), n_rows_(n_rows), n_columns_(n_columns) {}
  Matrix(std::vector<float> values, std::size_t n_rows, std::size_t n_columns)
      : values_(std::move(values)), n_rows_(n_rows), n_columns_(n_columns) {
    BALEEN_CHECK(values_.size() == n_rows * n_columns);
  }

  [[nodiscard]] std::size_t n_rows() const { return n_rows_; }
  [[nodiscard]] std::size_t n_columns() const { return n_columns_; }
  [[nodiscard]] std::span<float> row(std::size_t i) {
    return {values_.data() + i * n_columns_, n_columns_};
  }
  [[nodiscard]] std::span<const float> row(std::size_t i) const { return view().row(i); }
  [[nodiscard]] std::span<const float> values() const { return values_; }
  [[nodiscard]] MatrixView view() const { return {values_, n_rows_, n_columns_}; }

 private:
  std::vector<float> values_;
  std::size_t n_rows_ = 0;
  std::size_t n_columns_ = 0;
};

}  // namespace baleen::cluster
