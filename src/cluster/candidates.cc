#include "cluster/candidates.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cluster/candidates.cc"
#include <hwy/foreach_target.h>
// foreach_target must come first.
#include <hwy/highway.h>

#ifndef BALEEN_CLUSTER_CANDIDATES_HIT
#define BALEEN_CLUSTER_CANDIDATES_HIT
namespace baleen::cluster {

/// A pair that one of its lists may want: place in the tile and key.
struct TileHit {
  std::uint32_t place = 0;
  std::int32_t key = 0;
};
inline constexpr std::size_t kTilePlaces = kTileRows * kTileColumns;

}  // namespace baleen::cluster
#endif

HWY_BEFORE_NAMESPACE();
namespace baleen::cluster::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Integers = hn::CappedTag<std::int32_t, 16>;
using Floats = hn::RebindToFloat<Integers>;

template <bool kIsFloat>
HWY_INLINE hn::Vec<Integers> keys_of(hn::Vec<Integers> row_half,
                                     hn::Vec<Integers> column_half,
                                     hn::Vec<Integers> product) {
  const Integers d;
  if constexpr (kIsFloat) {
    const Floats df;
    const auto key = hn::Sub(hn::Add(hn::BitCast(df, row_half), hn::BitCast(df, column_half)),
                             hn::BitCast(df, product));
    return hn::BitCast(d, hn::Max(key, hn::Zero(df)));
  } else {
    return hn::Max(hn::Sub(hn::Add(row_half, column_half), product), hn::Zero(d));
  }
}

/// Pairs whose key is below the limit of its row or of its column.
template <bool kIsFloat>
std::size_t find_hits(const std::int32_t* products,
                      const std::int32_t* row_halves,
                      const std::int32_t* column_halves,
                      const std::int32_t* row_limits,
                      const std::int32_t* column_limits,
                      TileHit* hits) {
  const Integers d;
  const std::size_t width = hn::Lanes(d);
  std::size_t n_hits = 0;
  HWY_ALIGN std::int32_t lanes[16];
  for (std::size_t c = 0; c < kTileColumns; c += width) {
    const auto column_half = hn::LoadU(d, column_halves + c);
    const auto column_limit = hn::LoadU(d, column_limits + c);
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const std::size_t place = r * kTileColumns + c;
      const auto key =
          keys_of<kIsFloat>(hn::Set(d, row_halves[r]), column_half, hn::LoadU(d, products + place));
      const auto limit = hn::Max(column_limit, hn::Set(d, row_limits[r]));
      const auto is_hit = hn::Lt(key, limit);
      if (HWY_LIKELY(hn::AllFalse(d, is_hit))) {
        continue;
      }
      unsigned char bytes[8] = {};
      hn::StoreMaskBits(d, is_hit, bytes);
      hn::Store(key, d, lanes);
      std::uint32_t bits = bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8;
      for (; bits != 0; bits &= bits - 1) {
        const auto lane = static_cast<std::uint32_t>(std::countr_zero(bits));
        hits[n_hits++] = {static_cast<std::uint32_t>(place) + lane, lanes[lane]};
      }
    }
  }
  return n_hits;
}

std::size_t find_tile_hits(bool is_float,
                           const std::int32_t* products,
                           const std::int32_t* row_halves,
                           const std::int32_t* column_halves,
                           const std::int32_t* row_limits,
                           const std::int32_t* column_limits,
                           TileHit* hits) {
  return is_float
             ? find_hits<true>(products, row_halves, column_halves, row_limits, column_limits, hits)
             : find_hits<false>(products, row_halves, column_halves, row_limits, column_limits,
                                hits);
}

}  // namespace baleen::cluster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::cluster {

HWY_EXPORT(find_tile_hits);

CandidateLists::CandidateLists(std::size_t n_lists, std::size_t n_kept)
    : n_kept_(n_kept),
      capacity_(2 * n_kept + 8),
      entries_(n_lists * capacity_),
      sizes_(n_lists),
      thresholds_(n_lists, std::numeric_limits<std::int32_t>::max()) {}

void CandidateLists::shrink(std::size_t i) {
  std::uint64_t* list = entries_.data() + i * capacity_;
  if (sizes_[i] <= n_kept_) {
    return;
  }
  std::nth_element(list, list + n_kept_ - 1, list + sizes_[i]);
  sizes_[i] = static_cast<std::uint32_t>(n_kept_);
  thresholds_[i] = static_cast<std::int32_t>(list[n_kept_ - 1] >> 32);
}

std::span<const std::uint64_t> CandidateLists::sorted(std::size_t i) {
  shrink(i);
  std::uint64_t* list = entries_.data() + i * capacity_;
  std::sort(list, list + sizes_[i]);
  return {list, sizes_[i]};
}

namespace {

constexpr std::int32_t kNothing = 0;  // No key is below.

}  // namespace

Scanner::Scanner(const CodedRows& columns)
    : columns_(columns),
      tile_(tile_function(columns.element)),
      panels_(panel_words(columns.size(), columns.n_words)),
      column_halves_(panel_words(columns.size(), 1)) {
  pack_panels(columns.element, columns.words.data(), columns.size(), columns.n_words,
              columns.n_words, panels_.data());
  std::copy(columns.half_squares.begin(), columns.half_squares.end(), column_halves_.begin());
}

namespace {

constexpr std::size_t kWordsAtOnce =
    128;  // Of a panel, 24 KiB: they stay in the first-level cache…
constexpr std::size_t kTilesAtOnce = 16;  // …for so many tiles.

void add_products(Element element, const std::int32_t* from, std::int32_t* to) {
  if (element == Element::float32) {
    for (std::size_t i = 0; i < kTilePlaces; ++i) {
      to[i] =
          std::bit_cast<std::int32_t>(std::bit_cast<float>(to[i]) + std::bit_cast<float>(from[i]));
    }
  } else {
    for (std::size_t i = 0; i < kTilePlaces; ++i) to[i] += from[i];
  }
}

}  // namespace

/// Products of the tiles that begin at rows first, first + 8, … with the panel of columns at j.
void Scanner::multiply(const CodedRows& rows, std::size_t first, std::size_t end, std::size_t j) {
  constexpr std::array<std::int32_t, kTileRows> kNoBiases{};
  alignas(64) std::array<std::int32_t, kTilePlaces> part;
  for (std::size_t k = 0; k < rows.n_words; k += kWordsAtOnce) {
    const std::size_t n_words = std::min(kWordsAtOnce, rows.n_words - k);
    const std::uint32_t* panel = panels_.data() + j * rows.n_words + k * kTileColumns;
    for (std::size_t i = first; i < end; i += kTileRows) {
      const bool is_whole = i + kTileRows <= rows.size();
      const std::uint32_t* words =
          (is_whole ? rows.words.data() + i * rows.n_words : last_rows_.data()) + k;
      std::int32_t* products = products_.data() + (i - first) / kTileRows * kTilePlaces;
      if (k == 0) {
        tile_(words, rows.n_words, panel, n_words, biases_.data() + i, products);
      } else {
        tile_(words, rows.n_words, panel, n_words, kNoBiases.data(), part.data());
        add_products(rows.element, part.data(), products);
      }
    }
  }
}

template <typename Take>
void Scanner::walk(const CodedRows& rows,
                   const std::int32_t* row_limits,
                   const std::int32_t* column_limits,
                   bool is_triangular,
                   const Take& take) {
  BALEEN_CHECK(rows.n_words == columns_.n_words && rows.element == columns_.element);
  const std::size_t n_whole = rows.size() / kTileRows * kTileRows;
  last_rows_.assign(kTileRows * rows.n_words, 0);
  std::copy(rows.words.data() + n_whole * rows.n_words,
            rows.words.data() + rows.size() * rows.n_words, last_rows_.begin());
  biases_.assign(n_whole + kTileRows, 0);
  add_up_biases(rows.element, rows.words.data(), rows.size(), rows.n_words, rows.n_words,
                biases_.data());
  products_.resize(kTilesAtOnce * kTilePlaces);
  for (std::size_t j = 0; j < columns_.size(); j += kTileColumns) {
    const std::size_t end = is_triangular ? std::min(rows.size(), j + kTileColumns) : rows.size();
    for (std::size_t first = 0; first < end; first += kTilesAtOnce * kTileRows) {
      const std::size_t last = std::min(end, first + kTilesAtOnce * kTileRows);
      multiply(rows, first, last, j);
      for (std::size_t i = first; i < last; i += kTileRows) {
        visit(rows, i, j, products_.data() + (i - first) / kTileRows * kTilePlaces, row_limits,
              column_limits, take);
      }
    }
  }
}

template <typename Take>
void Scanner::visit(const CodedRows& rows,
                    std::size_t i,
                    std::size_t j,
                    const std::int32_t* products,
                    const std::int32_t* row_limits,
                    const std::int32_t* column_limits,
                    const Take& take) {
  const std::size_t n_rows = std::min(kTileRows, rows.size() - i);
  const std::size_t n_columns = std::min(kTileColumns, columns_.size() - j);
  std::array<std::int32_t, kTileRows> halves{};
  std::array<std::int32_t, kTileRows> limits;
  std::array<std::int32_t, kTileColumns> limits_of_columns;
  limits.fill(kNothing);
  limits_of_columns.fill(kNothing);
  std::copy_n(rows.half_squares.data() + i, n_rows, halves.begin());
  if (row_limits != nullptr) {
    std::copy_n(row_limits + i, n_rows, limits.begin());
  }
  std::copy_n(column_limits + j, n_columns, limits_of_columns.begin());
  std::array<TileHit, kTilePlaces> hits;
  const std::size_t n_hits = HWY_DYNAMIC_DISPATCH(find_tile_hits)(
      rows.element == Element::float32, products, halves.data(), column_halves_.data() + j,
      limits.data(), limits_of_columns.data(), hits.data());
  for (std::size_t h = 0; h < n_hits; ++h) {
    const std::size_t row = hits[h].place / kTileColumns;
    const std::size_t column = hits[h].place % kTileColumns;
    if (row < n_rows && column < n_columns) {
      take(i + row, j + column, hits[h].key);
    }
  }
}

void Scanner::scan_both(const CodedRows& rows,
                        std::span<const std::uint32_t> groups,
                        CandidateLists& lists) {
  const bool is_same = rows.first == columns_.first;
  walk(rows, lists.thresholds() + rows.first, lists.thresholds() + columns_.first, is_same,
       [&](std::size_t i, std::size_t j, std::int32_t key) {
         if (is_same && i >= j) {
           return;
         }
         const std::size_t a = rows.first + i;
         const std::size_t b = columns_.first + j;
         if (!groups.empty() && groups[a] == groups[b]) {
           return;
         }
         lists.offer(a, key, static_cast<std::uint32_t>(b));
         lists.offer(b, key, static_cast<std::uint32_t>(a));
       });
}

void Scanner::scan_queries(const CodedRows& points,
                           std::span<const std::uint32_t> numbers,
                           std::span<const std::uint32_t> groups,
                           CandidateLists& lists) {
  walk(points, nullptr, lists.thresholds(), false,
       [&](std::size_t i, std::size_t j, std::int32_t key) {
         const std::size_t point = points.first + i;
         const std::uint32_t query = numbers.empty() ? kNoPoint : numbers[j];
         if (query == point ||
             (!groups.empty() && query != kNoPoint && groups[query] == groups[point])) {
           return;
         }
         lists.offer(j, key, static_cast<std::uint32_t>(point));
       });
}

}  // namespace baleen::cluster
#endif  // HWY_ONCE
