#include "cluster/sketch.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cluster/parallel.h"
#include "cluster/random.h"

namespace baleen::cluster {

namespace {

constexpr std::size_t kBlock = 64;  // Points that are prepared together: they stay in the cache.

/// About normally distributed (the sum of four uniform numbers), of variance 1/3: directions are all that counts.
float draw(Random& random) {
  return random.uniform() + random.uniform() + random.uniform() + random.uniform() - 2.0F;
}

/// Makes the rows orthonormal (Gram and Schmidt, twice). A row that depends on the others is drawn anew.
void orthonormalize(Matrix& rows, Random& random) {
  for (std::size_t i = 0; i < rows.n_rows(); ++i) {
    const auto row = rows.row(i);
    for (int attempt = 0; attempt < 4; ++attempt) {
      const float before = dot(row, row);
      for (int pass = 0; pass < 2; ++pass) {
        for (std::size_t j = 0; j < i; ++j) {
          const auto other = std::as_const(rows).row(j);
          const float product = dot(row, other);
          for (std::size_t c = 0; c < row.size(); ++c) row[c] -= product * other[c];
        }
      }
      const float after = dot(row, row);
      if (after > 1e-9F * before && after > 1e-30F) {
        const float scale = 1 / std::sqrt(after);
        for (float& value : row) value *= scale;
        break;
      }
      for (float& value : row) value = draw(random);
    }
  }
}

Matrix random_rows(std::size_t n, std::size_t d, Random& random) {
  Matrix rows(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    for (float& value : rows.row(i)) value = draw(random);
  }
  return rows;
}

Matrix transposed(MatrixView matrix) {
  Matrix result(matrix.n_columns(), matrix.n_rows());
  for (std::size_t c = 0; c < matrix.n_columns(); ++c) {
    const auto row = result.row(c);
    for (std::size_t i = 0; i < matrix.n_rows(); ++i) row[i] = matrix.row(i)[c];
  }
  return result;
}

Matrix product_transposed(const Matrix& a, const Matrix& b, int n_threads) {
  std::vector<float> out(a.values().size() / a.view().n_columns() * b.view().n_rows());
  multiply_transposed(a.values(), b.values(), a.view().n_columns(), n_threads, out);
  return {std::move(out), a.view().n_rows(), b.view().n_rows()};
}

/// Prepared points, one row each.
Matrix prepared(const Points& points, std::span<const std::uint32_t> which) {
  Matrix rows(which.size(), points.n_dimensions());
  for (std::size_t i = 0; i < which.size(); ++i) points.prepare(which[i], rows.row(i).data());
  return rows;
}

}  // namespace

Matrix principal_subspace(const Points& points,
                          std::size_t n_rows,
                          std::size_t n_sampled,
                          std::uint64_t seed,
                          int n_threads) {
  // Each round multiplies by the covariance of the sample: the directions of large variance grow, those of small
  // variance vanish (Halko, Martinsson, Tropp: Finding structure with randomness, SIAM Review 2011, algorithm 4.4).
  constexpr int kRounds = 3;
  const Matrix sample = prepared(points, spread_sample(points.size(), n_sampled, seed));
  const Matrix sample_transposed = transposed(sample.view());
  Random random(seed, 0x5b);
  Matrix basis = random_rows(n_rows, points.n_dimensions(), random);
  for (int round = 0; round < kRounds; ++round) {
    const Matrix weights = product_transposed(basis, sample, n_threads);  // (n_rows, n_sampled)
    basis = product_transposed(weights, sample_transposed, n_threads);    // (n_rows, d)
    orthonormalize(basis, random);
  }
  return basis;
}

Matrix completed(const Matrix& basis, std::size_t n_random, std::uint64_t seed) {
  const std::size_t d = basis.view().n_columns();
  const std::size_t m = basis.view().n_rows();
  Random random(seed, 0x5d);
  Matrix rows(m + n_random, d);
  std::copy(basis.values().begin(), basis.values().end(), rows.row(0).begin());
  for (std::size_t i = m; i < m + n_random; ++i) {
    for (float& value : rows.row(i)) value = draw(random);
  }
  orthonormalize(rows, random);
  const float scale = std::sqrt(static_cast<float>(d - m) / static_cast<float>(n_random));
  for (std::size_t i = m; i < m + n_random; ++i) {
    for (float& value : rows.row(i)) value *= scale;
  }
  return rows;
}

Matrix turned(const Matrix& basis, std::uint64_t seed, int n_threads) {
  Random random(seed, 0x5c);
  Matrix turn = random_rows(basis.view().n_rows(), basis.view().n_rows(), random);
  orthonormalize(turn, random);
  return product_transposed(turn, transposed(basis.view()), n_threads);
}

Matrix projected(const Points& points, const Matrix& basis, int n_threads) {
  const std::size_t m = basis.view().n_rows();
  const std::size_t d = points.n_dimensions();
  const auto* basis_words = reinterpret_cast<const std::uint32_t*>(basis.view().data());
  std::vector<std::uint32_t> panels(panel_words(m, d));
  pack_panels(Element::float32, basis_words, m, d, d, panels.data());
  const TileFunction tile = tile_function(Element::float32);
  Matrix result(points.size(), m);
  for_each_block(points.size(), kBlock, n_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> rows(kBlock * d);
    for (std::size_t i = begin; i < end; ++i) points.prepare(i, rows.data() + (i - begin) * d);
    std::vector<float> sums(kTileRows * kTileColumns);
    for (std::size_t j = 0; j < m; j += kTileColumns) {
      for (std::size_t i = begin; i < end; i += kTileRows) {
        tile(reinterpret_cast<const std::uint32_t*>(rows.data() + (i - begin) * d), d,
             panels.data() + j * d, d, nullptr, sums.data());
        for (std::size_t r = 0; r < std::min(kTileRows, end - i); ++r) {
          std::copy_n(sums.data() + r * kTileColumns, std::min(kTileColumns, m - j),
                      result.row(i + r).data() + j);
        }
      }
    }
  });
  return result;
}

namespace {

/// Squared lengths stay below this, so that a half plus a half less a product stays below 2^31.
constexpr float kSquareMax = 0x1p29F;

std::size_t elements_per_word(Element element) { return element == Element::int8 ? 4 : 2; }

}  // namespace

Sketch::Sketch(std::size_t n, std::size_t n_dimensions, Element element)
    : element_(element),
      n_words_((n_dimensions + elements_per_word(element) - 1) / elements_per_word(element)),
      words_(n * n_words_),
      half_squares_(n) {}

void Sketch::choose_scale(std::span<const float> sampled, std::size_t n_columns) {
  std::vector<float> sizes;
  if (element_ == Element::int8) {  // Nearly all coordinates within ±127; the rest is cut off.
    for (const float value : sampled) sizes.push_back(std::abs(value));
    const std::size_t at = sizes.size() - 1 - sizes.size() / 5000;
    std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(at), sizes.end());
    scale_ = sizes[at] > 0 ? 127 / sizes[at] : 1;
    return;
  }
  for (std::size_t i = 0; i < sampled.size(); i += n_columns) {
    const auto row = sampled.subspan(i, n_columns);
    sizes.push_back(std::sqrt(dot(row, row)));
  }
  const std::size_t middle = sizes.size() / 2;
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(middle), sizes.end());
  const float largest = std::min(*std::max_element(sizes.begin(), sizes.end()), 4 * sizes[middle]);
  scale_ = largest > 0 ? std::sqrt(kSquareMax) / (1.1F * largest) : 1;
}

void Sketch::round_row(std::size_t i, std::span<const float> coordinates) {
  std::uint32_t* to = words_.data() + i * n_words_;
  double square = 0;
  if (element_ == Element::int8) {
    std::vector<std::int8_t> bytes(4 * n_words_);
    std::int32_t sum = 0;
    for (std::size_t c = 0; c < coordinates.size(); ++c) {
      const auto value = static_cast<std::int32_t>(
          std::lrint(std::clamp(coordinates[c] * scale_, -127.0F, 127.0F)));
      bytes[c] = static_cast<std::int8_t>(value);
      sum += value * value;
    }
    square = sum;
    std::memcpy(to, bytes.data(), bytes.size());
  } else {
    std::vector<std::int16_t> values(2 * n_words_);
    const float length = std::sqrt(dot(coordinates, coordinates)) * scale_;
    const float shrink = scale_ * std::min(1.0F, std::sqrt(kSquareMax) / std::max(length, 1.0F));
    for (std::size_t c = 0; c < coordinates.size(); ++c) {
      values[c] = static_cast<std::int16_t>(
          std::lrint(std::clamp(coordinates[c] * shrink, -32767.0F, 32767.0F)));
      square += static_cast<double>(values[c]) * values[c];
    }
    std::memcpy(to, values.data(), 2 * values.size());
  }
  half_squares_[i] = static_cast<std::int32_t>(square / 2);
}

Sketch Sketch::of_coordinates(const Matrix& coordinates, Element element, int n_threads) {
  const std::size_t n = coordinates.view().n_rows();
  const std::size_t m = coordinates.view().n_columns();
  Sketch sketch(n, m, element);
  std::vector<float> sampled;
  for (const std::uint32_t i : spread_sample(n, 2048, 0)) {
    sampled.insert(sampled.end(), coordinates.row(i).begin(), coordinates.row(i).end());
  }
  sketch.choose_scale(sampled, m);
  for_each_block(n, 256, n_threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      sketch.round_row(i, coordinates.row(i));
    }
  });
  return sketch;
}

Sketch Sketch::of_points(const Points& points, Element element, int n_threads) {
  Sketch sketch(points.size(), points.n_dimensions(), element);
  const Matrix sample = prepared(points, spread_sample(points.size(), 512, 0));
  sketch.choose_scale(sample.values(), points.n_dimensions());
  for_each_block(points.size(), 256, n_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> row(points.n_dimensions());
    for (std::size_t i = begin; i < end; ++i) {
      points.prepare(i, row.data());
      sketch.round_row(i, row);
    }
  });
  return sketch;
}

CodedRows Sketch::rows(std::size_t begin, std::size_t end) const {
  return {element_, n_words_, std::span(words_).subspan(begin * n_words_, (end - begin) * n_words_),
          std::span(half_squares_).subspan(begin, end - begin), begin};
}

Sketch Sketch::gathered(std::span<const std::uint32_t> points) const {
  Sketch result(points.size(), n_words_ * elements_per_word(element_), element_);
  result.scale_ = scale_;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::copy_n(words_.data() + points[i] * n_words_, n_words_,
                result.words_.data() + i * n_words_);
    result.half_squares_[i] = half_squares_[points[i]];
  }
  return result;
}

namespace {

template <typename T>
void mean_rows(const std::uint32_t* words,
               std::size_t n_words,
               std::span<const std::uint32_t> labels,
               std::span<const std::uint32_t> counts,
               std::uint32_t* out) {
  const std::size_t m = n_words * sizeof(std::uint32_t) / sizeof(T);
  std::vector<std::int64_t> sums(counts.size() * m);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const T* row = reinterpret_cast<const T*>(words + i * n_words);
    std::int64_t* sum = sums.data() + labels[i] * m;
    for (std::size_t c = 0; c < m; ++c) sum[c] += row[c];
  }
  T* to = reinterpret_cast<T*>(out);
  for (std::size_t label = 0; label < counts.size(); ++label) {
    const double count = std::max(1U, counts[label]);
    for (std::size_t c = 0; c < m; ++c) {
      to[label * m + c] =
          static_cast<T>(std::lrint(static_cast<double>(sums[label * m + c]) / count));
    }
  }
}

}  // namespace

Sketch Sketch::means(std::span<const std::uint32_t> labels,
                     std::size_t n_labels,
                     std::uint64_t seed) const {
  Sketch result(n_labels, n_words_ * elements_per_word(element_), element_);
  std::vector<std::uint32_t> counts(n_labels);
  for (const std::uint32_t label : labels) ++counts[label];
  if (element_ == Element::int8) {
    mean_rows<std::int8_t>(words_.data(), n_words_, labels, counts, result.words_.data());
  } else {
    mean_rows<std::int16_t>(words_.data(), n_words_, labels, counts, result.words_.data());
  }
  Random random(seed, 0x5e);
  for (std::size_t label = 0; label < n_labels; ++label) {
    if (counts[label] == 0) {
      std::copy_n(words_.data() + random.below(static_cast<std::uint32_t>(size())) * n_words_,
                  n_words_, result.words_.data() + label * n_words_);
    }
    const std::uint32_t* row = result.words_.data() + label * n_words_;
    const std::uint32_t itself = 0;
    std::int32_t square = 0;
    coded_dots(element_, row, row, n_words_, n_words_, {&itself, 1}, {&square, 1});
    result.half_squares_[label] = square / 2;
  }
  return result;
}

void Sketch::keys_to(std::size_t i,
                     std::span<const std::uint32_t> to,
                     std::span<std::int32_t> keys) const {
  coded_dots(element_, words_.data() + i * n_words_, words_.data(), n_words_, n_words_, to, keys);
  for (std::size_t c = 0; c < to.size(); ++c) {
    keys[c] = std::max(0, half_squares_[i] + half_squares_[to[c]] - keys[c]);
  }
}

}  // namespace baleen::cluster
