#include "cluster/sketch_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "cluster/candidates.h"
#include "cluster/parallel.h"
#include "cluster/points.h"
#include "cluster/sketch.h"
#include "cluster/tile.h"
#include "core/check.h"

namespace baleen::cluster {

namespace {

static_assert(std::endian::native == std::endian::little,
              "the index is written as it lies in memory");

constexpr std::array<char, 8> kMagic{'B', 'A', 'L', 'S', 'K', 'I', 'X', '1'};
constexpr std::size_t kCoordinatesMax = 256;
constexpr std::size_t kPrincipal = 96;
constexpr std::size_t kSampled = 2048;
constexpr std::size_t kDimensionsMax = 65'536;
constexpr std::size_t kSketchPairsMin = 32;  // From fewer nothing is concluded.

/// The first bytes of an index; d floats of the mean and m · d of the basis follow.
struct Preamble {
  std::array<char, 8> magic = kMagic;
  std::uint32_t metric = 0;  ///< 0: Euclidean, 1: cosine.
  std::uint32_t n_dimensions = 0;
  std::uint32_t n_coordinates = 0;  ///< A multiple of 4.
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Preamble) == 24);

/// What follows the coordinates of a record.
struct Trailer {
  float step = 0;         ///< One unit of a coordinate.
  float half_square = 0;  ///< Of the coordinates as rounded.
};

std::size_t rounded_up(std::size_t n) { return (n + 3) / 4 * 4; }

/// A point as the index compares it: cosine: of length 1; less the mean.
void prepare(std::span<const float> row, float scale, std::span<const float> mean, float* out) {
  for (std::size_t c = 0; c < row.size(); ++c) out[c] = row[c] * scale - mean[c];
}

/// Rounds coordinates to a record, in steps of its own.
void write_record(std::span<const float> coordinates, std::byte* record) {
  float largest = 0;
  for (const float value : coordinates) largest = std::max(largest, std::abs(value));
  Trailer trailer;
  trailer.step = largest / 127;
  const float inverse = largest > 0 ? 127 / largest : 0;
  std::int32_t square = 0;
  for (std::size_t c = 0; c < coordinates.size(); ++c) {
    const auto value = static_cast<std::int32_t>(std::lrint(coordinates[c] * inverse));
    record[c] = static_cast<std::byte>(static_cast<std::int8_t>(value));
    square += value * value;
  }
  trailer.half_square = 0.5F * trailer.step * trailer.step * static_cast<float>(square);
  std::memcpy(record + coordinates.size(), &trailer, sizeof(trailer));
}

Trailer trailer_of(const std::byte* record, std::size_t n_coordinates) {
  Trailer trailer;
  std::memcpy(&trailer, record + n_coordinates, sizeof(trailer));
  return trailer;
}

/// Offers the records [begin, end) to the list of a query.
void scan_records(std::span<const std::byte> records,
                  std::size_t record_bytes,
                  const std::byte* query,
                  std::size_t begin,
                  std::size_t end,
                  std::span<const std::uint8_t> is_allowed,
                  std::size_t list,
                  CandidateLists& lists) {
  constexpr std::size_t kStep = 256;
  const std::size_t n_coordinates = record_bytes - sizeof(Trailer);
  const Trailer own = trailer_of(query, n_coordinates);
  std::array<std::uint32_t, kStep> rows;
  std::array<std::int32_t, kStep> products;
  for (std::size_t first = begin; first < end; first += kStep) {
    const std::size_t n = std::min(kStep, end - first);
    if (!is_allowed.empty() && std::memchr(is_allowed.data() + first, 1, n) == nullptr) continue;
    const std::byte* block = records.data() + first * record_bytes;
    std::iota(rows.begin(), rows.end(), 0U);
    coded_dots(Element::int8, reinterpret_cast<const std::uint32_t*>(query),
               reinterpret_cast<const std::uint32_t*>(block), n_coordinates / 4, record_bytes / 4,
               std::span(rows).first(n), std::span(products).first(n));
    for (std::size_t i = 0; i < n; ++i) {
      const Trailer other = trailer_of(block + i * record_bytes, n_coordinates);
      const float key = std::max(0.0F, own.half_square + other.half_square -
                                           own.step * other.step * static_cast<float>(products[i]));
      const auto bits = std::bit_cast<std::int32_t>(key);
      if (bits < lists.thresholds()[list] && (is_allowed.empty() || is_allowed[first + i] != 0)) {
        lists.offer(list, bits, static_cast<std::uint32_t>(first + i));
      }
    }
  }
}

/// The records nearest to each query, by their sketches.
CandidateLists nearest_records(std::span<const std::byte> records,
                               std::size_t record_bytes,
                               std::span<const std::byte> queries,
                               std::size_t n_candidates,
                               const SketchSearchOptions& options) {
  constexpr std::size_t kChunks = 16;
  const std::size_t n = records.size() / record_bytes;
  const std::size_t n_queries = queries.size() / record_bytes;
  const std::size_t chunk = std::max<std::size_t>(1, (n + kChunks - 1) / kChunks);
  std::vector<CandidateLists> parts(kChunks, CandidateLists(n_queries, n_candidates));
  for_each_block(n, chunk, options.n_threads, [&](std::size_t begin, std::size_t end) {
    // So many records at a time stay in the cache for all queries.
    constexpr std::size_t kStep = 2048;
    for (std::size_t first = begin; first < end; first += kStep) {
      for (std::size_t q = 0; q < n_queries; ++q) {
        scan_records(records, record_bytes, queries.data() + q * record_bytes, first,
                     std::min(end, first + kStep), options.is_allowed, q, parts[begin / chunk]);
      }
    }
  });
  CandidateLists lists(n_queries, n_candidates);
  for (CandidateLists& part : parts) {
    for (std::size_t q = 0; q < n_queries; ++q) {
      for (const std::uint64_t entry : part.sorted(q)) {
        lists.offer(q, static_cast<std::int32_t>(entry >> 32), CandidateLists::point_of(entry));
      }
    }
  }
  return lists;
}

/// The exact distance of a query to a row, as distance.h has them.
float exact_distance(Metric metric,
                     std::span<const float> query,
                     float query_scale,
                     std::span<const float> row) {
  float distance = 0;
  const std::uint32_t itself = 0;
  const MatrixView one(row, 1, row.size());
  if (metric == Metric::cosine) {
    const float scale = inverse_length(row).value;
    cosine_to(query, query_scale, one, {&scale, 1}, {&itself, 1}, {&distance, 1});
    return distance;
  }
  squared_euclidean_to(query, one, {&itself, 1}, {&distance, 1});
  return std::sqrt(distance);
}

Result<void> check_dimensions(const SketchCodec& codec, MatrixView rows, std::string_view what) {
  if (rows.n_columns() != codec.n_dimensions()) {
    return fail(ErrorCode::embedding_dimensions_differ, "{} have {} dimensions, the index has {}",
                what, rows.n_columns(), codec.n_dimensions());
  }
  return {};
}

}  // namespace

Result<SketchCodec> SketchCodec::fit(MatrixView sample,
                                     Metric metric,
                                     std::uint64_t seed,
                                     int n_threads) {
  const std::size_t d = sample.n_columns();
  if (sample.n_rows() == 0 || d == 0 || d > kDimensionsMax) {
    return fail(ErrorCode::cluster_too_few_points,
                "begin a search index with {} embeddings of {} dimensions: at least one of 1 to {} "
                "dimensions is needed",
                sample.n_rows(), d, kDimensionsMax);
  }
  BALEEN_ASSIGN_OR_RETURN(Points points, Points::create(sample, metric, n_threads));
  SketchCodec codec;
  codec.metric_ = metric;
  codec.mean_.resize(d);
  std::vector<double> sums(d);
  const auto chosen = spread_sample(sample.n_rows(), kSampled, seed);
  std::vector<float> row(points.n_dimensions());
  for (const std::uint32_t i : chosen) {
    points.prepare(i, row.data());
    for (std::size_t c = 0; c < d; ++c) sums[c] += static_cast<double>(row[c]);
  }
  for (std::size_t c = 0; c < d; ++c) {
    codec.mean_[c] = static_cast<float>(sums[c] / static_cast<double>(chosen.size()));
  }
  // The additional dimension that zero vectors have in a neighbour search is of no use here.
  Matrix centered(chosen.size(), d);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    points.prepare(chosen[i], row.data());
    prepare(std::span(row).first(d), 1, codec.mean_, centered.row(i).data());
  }
  BALEEN_ASSIGN_OR_RETURN(const Points spread,
                          Points::create(centered.view(), Metric::euclidean, n_threads));
  const std::size_t m = std::min(d, kCoordinatesMax);
  Matrix basis(0, d);
  if (d > kCoordinatesMax) {
    basis = principal_subspace(spread, kPrincipal, kSampled, seed, n_threads);
  }
  codec.basis_ = turned(completed(basis, m - basis.view().n_rows(), seed), seed, n_threads);
  return codec;
}

std::size_t SketchCodec::header_bytes() const {
  return sizeof(Preamble) + sizeof(float) * (mean_.size() + basis_.values().size());
}

std::size_t SketchCodec::record_bytes() const {
  return rounded_up(basis_.view().n_rows()) + sizeof(Trailer);
}

std::vector<std::byte> SketchCodec::header() const {
  Preamble preamble;
  preamble.metric = metric_ == Metric::cosine ? 1 : 0;
  preamble.n_dimensions = static_cast<std::uint32_t>(mean_.size());
  preamble.n_coordinates = static_cast<std::uint32_t>(basis_.view().n_rows());
  std::vector<std::byte> bytes(header_bytes());
  std::byte* to = bytes.data();
  std::memcpy(to, &preamble, sizeof(preamble));
  to += sizeof(preamble);
  std::memcpy(to, mean_.data(), mean_.size() * sizeof(float));
  to += mean_.size() * sizeof(float);
  std::memcpy(to, basis_.values().data(), basis_.values().size() * sizeof(float));
  return bytes;
}

Result<SketchCodec> SketchCodec::parse(std::span<const std::byte> header) {
  Preamble preamble;
  if (header.size() < sizeof(preamble)) {
    return fail(ErrorCode::file_corrupt, "read a search index: its header is cut off at {} bytes",
                header.size());
  }
  std::memcpy(&preamble, header.data(), sizeof(preamble));
  const std::size_t d = preamble.n_dimensions;
  const std::size_t m = preamble.n_coordinates;
  if (preamble.magic != kMagic || preamble.metric > 1 || d == 0 || d > kDimensionsMax ||
      m != std::min(d, kCoordinatesMax)) {
    return fail(ErrorCode::file_corrupt,
                "read a search index: this is none, or of a newer version");
  }
  const std::size_t size = sizeof(preamble) + sizeof(float) * (d + m * d);
  if (header.size() < size) {
    return fail(ErrorCode::file_corrupt,
                "read a search index: its header has {} bytes and is cut off at {}", size,
                header.size());
  }
  std::vector<float> values(d + m * d);
  std::memcpy(values.data(), header.data() + sizeof(preamble), size - sizeof(preamble));
  if (!all_finite(values)) {
    return fail(ErrorCode::file_corrupt, "read a search index: its header holds NaN or infinity");
  }
  SketchCodec codec;
  codec.metric_ = preamble.metric == 1 ? Metric::cosine : Metric::euclidean;
  const auto first_of_basis = values.begin() + static_cast<std::ptrdiff_t>(d);
  codec.mean_.assign(values.begin(), first_of_basis);
  codec.basis_ = Matrix(std::vector<float>(first_of_basis, values.end()), m, d);
  return codec;
}

Result<std::vector<std::byte>> SketchCodec::encode(MatrixView points, int n_threads) const {
  BALEEN_RETURN_IF_ERROR(check_dimensions(*this, points, "these embeddings"));
  const std::size_t d = mean_.size();
  const std::size_t m = basis_.view().n_rows();
  BALEEN_RETURN_IF_ERROR(Points::create(points, metric_, n_threads));  // Finite, all of them.
  std::vector<std::byte> records(points.n_rows() * record_bytes());
  for_each_block(points.n_rows(), 256, n_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> prepared((end - begin) * d);
    for (std::size_t i = begin; i < end; ++i) {
      const float scale = metric_ == Metric::cosine ? inverse_length(points.row(i)).value : 1.0F;
      prepare(points.row(i), scale, mean_, prepared.data() + (i - begin) * d);
    }
    std::vector<float> coordinates((end - begin) * m);
    multiply_transposed(prepared, basis_.values(), d, 1, coordinates);
    std::vector<float> row(rounded_up(m));
    for (std::size_t i = begin; i < end; ++i) {
      std::copy_n(coordinates.data() + (i - begin) * m, m, row.begin());
      write_record(row, records.data() + i * record_bytes());
    }
  });
  return records;
}

Result<std::vector<std::vector<SketchCandidate>>> nearest_sketches(
    const SketchCodec& codec,
    std::span<const std::byte> records,
    MatrixView queries,
    const SketchSearchOptions& options) {
  const std::size_t n = records.size() / codec.record_bytes();
  BALEEN_CHECK(reinterpret_cast<std::uintptr_t>(records.data()) % 4 == 0);
  BALEEN_CHECK(options.is_allowed.empty() || options.is_allowed.size() >= n);
  BALEEN_ASSIGN_OR_RETURN(const auto asked, codec.encode(queries, options.n_threads));
  const std::size_t n_candidates =
      std::min(std::max<std::size_t>(n, 1), options.n_candidates > 0
                                                ? std::max(options.n_candidates, options.k)
                                                : std::max<std::size_t>(16 * options.k, 400));
  CandidateLists lists =
      nearest_records(records, codec.record_bytes(), asked, n_candidates, options);
  std::vector<std::vector<SketchCandidate>> all(queries.n_rows());
  for (std::size_t q = 0; q < all.size(); ++q) {
    for (const std::uint64_t entry : lists.sorted(q)) {
      all[q].push_back({CandidateLists::point_of(entry),
                        std::bit_cast<float>(static_cast<std::uint32_t>(entry >> 32))});
    }
  }
  return all;
}

void SketchErrors::add(double sketch_distance, double exact_distance) {
  constexpr double kNearlyEqual = 1e-6;  // Of equal points both are rounding.
  if (exact_distance < kNearlyEqual) return;
  const double error = sketch_distance / exact_distance - 1;
  pairs_.push_back({exact_distance, error * error});
}

double SketchErrors::relative(double exact_distance) const {
  if (pairs_.empty()) return 0;
  double limit = exact_distance;
  std::vector<double> distances;
  for (const Pair& pair : pairs_) distances.push_back(pair.exact_distance);
  const std::size_t last = std::min(kSketchPairsMin, distances.size()) - 1;
  std::nth_element(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(last),
                   distances.end());
  limit = std::max(limit, distances[last]);
  double all = 0, near = 0;
  std::size_t n_near = 0;
  for (const Pair& pair : pairs_) {
    all += pair.squared_error;
    if (pair.exact_distance > limit) continue;
    near += pair.squared_error;
    ++n_near;
  }
  return std::sqrt(
      std::max(all / static_cast<double>(pairs_.size()), near / static_cast<double>(n_near)));
}

bool SketchErrors::is_beyond(double sketch_distance,
                             double exact_distance,
                             double deviations) const {
  return pairs_.size() >= kSketchPairsMin &&
         sketch_distance > exact_distance * (1 + deviations * relative(exact_distance));
}

Result<std::vector<std::vector<Found>>> search(const SketchCodec& codec,
                                               std::span<const std::byte> records,
                                               MatrixView points,
                                               MatrixView queries,
                                               const SketchSearchOptions& options) {
  const std::size_t n = records.size() / codec.record_bytes();
  BALEEN_RETURN_IF_ERROR(check_dimensions(codec, points, "the points of this index"));
  if (points.n_rows() < n) {
    return fail(ErrorCode::file_corrupt, "search {} embeddings: their index has {}",
                points.n_rows(), n);
  }
  BALEEN_ASSIGN_OR_RETURN(const auto candidates,
                          nearest_sketches(codec, records, queries, options));
  std::vector<std::vector<Found>> all(queries.n_rows());
  for_each_block(queries.n_rows(), 1, options.n_threads, [&](std::size_t q, std::size_t) {
    const auto query = queries.row(q);
    const float scale = inverse_length(query).value;
    for (const SketchCandidate& candidate : candidates[q]) {
      const std::uint32_t row = candidate.row;
      all[q].push_back({row, exact_distance(codec.metric(), query, scale, points.row(row))});
    }
    std::sort(all[q].begin(), all[q].end(), [](const Found& a, const Found& b) {
      return a.distance != b.distance ? a.distance < b.distance : a.row < b.row;
    });
    all[q].resize(std::min(all[q].size(), options.k));
  });
  return all;
}

}  // namespace baleen::cluster
