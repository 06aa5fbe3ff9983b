#pragma once

/// Search by example among many embeddings: a sketch of each that is small enough to be read whole for every query, and
/// exact distances of what it finds nearest. Pure: it reads and writes spans of bytes; whoever owns the file maps it
/// and appends to it. What the bytes mean: docs/formats/sketch_index.md.
///
/// A sketch has up to 256 coordinates in one byte each: 96 directions in which a sample varies most, and random ones
/// for all the rest. Directions are chosen once, when an index is begun, and kept in its header; points may be added
/// ever after, and are found as well as long as they are of the same model.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/distance.h"
#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

/// How embeddings of one model become sketches.
class SketchCodec {
 public:
  /// Chooses directions.
  /// @param sample  Some thousand of the points are enough; at least one.
  /// @return        EMBEDDING_NOT_FINITE; CLUSTER_TOO_FEW_POINTS without any.
  static Result<SketchCodec> fit(MatrixView sample,
                                 Metric metric,
                                 std::uint64_t seed,
                                 int n_threads);
  /// Of what header() gave; FILE_CORRUPT if it is cut off or something else.
  static Result<SketchCodec> parse(std::span<const std::byte> header);

  /// What an index begins with; its records follow at once.
  [[nodiscard]] std::vector<std::byte> header() const;
  [[nodiscard]] std::size_t header_bytes() const;
  [[nodiscard]] std::size_t record_bytes() const;
  [[nodiscard]] std::size_t n_dimensions() const { return mean_.size(); }
  [[nodiscard]] Metric metric() const { return metric_; }

  /// The records of some points, one behind the other. EMBEDDING_NOT_FINITE, EMBEDDING_DIMENSIONS_DIFFER.
  [[nodiscard]] Result<std::vector<std::byte>> encode(MatrixView points, int n_threads) const;

 private:
  SketchCodec() = default;

  Metric metric_ = Metric::cosine;
  std::vector<float> mean_;  // d
  Matrix basis_;             // (m, d)
};

struct SketchSearchOptions {
  std::size_t k = 10;
  /// How many of the nearest sketches are looked at exactly; 0: 16 k, at least 400. More cost little, and are needed
  /// for points without structure.
  std::size_t n_candidates = 0;
  int n_threads = 1;
  /// Which points may be found: empty (all), or one for each point, 1 for those that may and else 0. Where none may for
  /// a while, the sketches are not even read.
  std::span<const std::uint8_t> is_allowed = {};
};

/// A point and how far it seems to be.
struct SketchCandidate {
  std::uint32_t row = 0;
  /// Cosine: the distance as its sketch has it. Euclidean: half the square of that.
  float distance = 0;

  friend bool operator==(const SketchCandidate&, const SketchCandidate&) = default;
};

/// The points of the sketches nearest to each query, nearest first (equally far ones by row): at most n_candidates.
/// @param records  Of an index, aligned to 4 bytes, behind its header; a last record that is cut off is ignored.
/// @param queries  (n_queries, d)
/// @return         EMBEDDING_NOT_FINITE, EMBEDDING_DIMENSIONS_DIFFER.
[[nodiscard]] Result<std::vector<std::vector<SketchCandidate>>> nearest_sketches(
    const SketchCodec& codec,
    std::span<const std::byte> records,
    MatrixView queries,
    const SketchSearchOptions& options);

/// How far sketches are from the truth, learned from pairs of both distances, and what follows for points of which only
/// the sketch is known.
///
/// A sketch's distance is the true one times 1 + e: of the part that the principal directions leave, 160 random
/// directions are a sample (Johnson and Lindenstrauss), so that e is close to a normal variable of a standard deviation
/// of at most sqrt(2 / 160) = 0.112, and of less the more the principal directions explain. Directions are drawn
/// without regard to the points, hence what holds for points that were looked at holds for others as near: differences of
/// near points may be explained worse than those of far ones.
class SketchErrors {
 public:
  void add(double sketch_distance, double exact_distance);
  [[nodiscard]] std::size_t count() const { return pairs_.size(); }
  /// Root mean square of e: of all pairs or of those not farther than this (the 32 nearest at least), whichever is more.
  [[nodiscard]] double relative(double exact_distance) const;
  /// Whether a point whose sketch is at least so far away is not as near as `exact_distance`, unless its error is more than
  /// `deviations` times the usual. False as long as fewer than 32 pairs are known.
  [[nodiscard]] bool is_beyond(double sketch_distance,
                               double exact_distance,
                               double deviations) const;

 private:
  struct Pair {
    double exact_distance = 0, squared_error = 0;
  };
  std::vector<Pair> pairs_;
};

struct Found {
  std::uint32_t row = 0;
  float distance = 0;  ///< Exact, as the metric has it; Euclidean: not squared.

  friend bool operator==(const Found&, const Found&) = default;
};

/// The k points nearest to each query, nearest first (equally far ones by row); fewer if fewer may be found.
/// @param records  Of an index, aligned to 4 bytes, behind its header; a last record that is cut off is ignored.
/// @param points   The same points themselves, row for row (mapped, for example: of them only the candidates are read).
/// @param queries  (n_queries, d)
/// @return         EMBEDDING_NOT_FINITE, EMBEDDING_DIMENSIONS_DIFFER; FILE_CORRUPT if there are fewer points than records.
[[nodiscard]] Result<std::vector<std::vector<Found>>> search(const SketchCodec& codec,
                                                             std::span<const std::byte> records,
                                                             MatrixView points,
                                                             MatrixView queries,
                                                             const SketchSearchOptions& options);

}  // namespace baleen::cluster
