#pragma once

/// Sketches: points as a few small integers each, whose distances approximate the true ones. Internal to the room.
///
/// A sketch keeps the coordinates in the subspace where a sample varies most, and random directions at right angles to
/// it that stand for all the rest (Johnson and Lindenstrauss), turned at random so that all coordinates carry about
/// the same, and rounds them to int8 or int16. The subspace serves data with few directions overall, the random
/// directions data with few directions at every place but others elsewhere.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/candidates.h"
#include "cluster/matrix.h"
#include "cluster/points.h"
#include "cluster/tile.h"

namespace baleen::cluster {

/// Orthonormal rows that span where a sample varies most.
/// @param n_rows     How many; less than the number of dimensions.
/// @param n_sampled  Of points to look at.
[[nodiscard]] Matrix principal_subspace(const Points& points,
                                        std::size_t n_rows,
                                        std::size_t n_sampled,
                                        std::uint64_t seed,
                                        int n_threads);

/// The basis and random directions at right angles to it, scaled up so that they stand for all of the rest.
[[nodiscard]] Matrix completed(const Matrix& basis, std::size_t n_random, std::uint64_t seed);

/// The rows turned at random within the space that they span.
[[nodiscard]] Matrix turned(const Matrix& basis, std::uint64_t seed, int n_threads);

/// All points in the coordinates of a basis: (n, basis.n_rows()).
[[nodiscard]] Matrix projected(const Points& points, const Matrix& basis, int n_threads);

class Sketch {
 public:
  /// Rounds coordinates (n, m).
  static Sketch of_coordinates(const Matrix& coordinates, Element element, int n_threads);
  /// Rounds the prepared points themselves.
  static Sketch of_points(const Points& points, Element element, int n_threads);

  [[nodiscard]] std::size_t size() const { return half_squares_.size(); }
  [[nodiscard]] std::size_t bytes_per_point() const { return 4 * n_words_; }
  [[nodiscard]] Element element() const { return element_; }
  [[nodiscard]] CodedRows rows(std::size_t begin, std::size_t end) const;
  /// Copies of some of them, one behind the other.
  [[nodiscard]] Sketch gathered(std::span<const std::uint32_t> points) const;
  /// For each label the mean of its points, rounded. A label without points gets what `seed` draws.
  [[nodiscard]] Sketch means(std::span<const std::uint32_t> labels,
                             std::size_t n_labels,
                             std::uint64_t seed) const;
  /// Keys (as those of scans) of point i and others.
  void keys_to(std::size_t i,
               std::span<const std::uint32_t> to,
               std::span<std::int32_t> keys) const;

 private:
  Sketch(std::size_t n, std::size_t n_dimensions, Element element);
  /// Chooses the step of rounding from some rows of coordinates.
  void choose_scale(std::span<const float> sampled, std::size_t n_columns);
  void round_row(std::size_t i, std::span<const float> coordinates);

  Element element_;
  std::size_t n_words_;
  float scale_ = 1;
  std::vector<std::uint32_t> words_;        // (n, n_words)
  std::vector<std::int32_t> half_squares_;  // n
};

}  // namespace baleen::cluster
