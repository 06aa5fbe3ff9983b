#include "cluster/tile.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "cluster/parallel.h"
#include "core/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cluster/tile.cc"
#include <hwy/foreach_target.h>
// foreach_target must come first.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace baleen::cluster::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Words = hn::CappedTag<std::int32_t, 16>;
using WordVector = hn::Vec<Words>;
using Floats = hn::RebindToFloat<Words>;

/// Each adds the products of the elements of a word, in each lane.
struct MultiplyFloats {
  using Sum = hn::Vec<Floats>;
  static Sum zero() { return hn::Zero(Floats()); }
  static Sum add(WordVector a, WordVector b, Sum sum) {
    return hn::MulAdd(hn::BitCast(Floats(), a), hn::BitCast(Floats(), b), sum);
  }
  static void store(Sum sum, std::int32_t* out) {
    hn::StoreU(hn::BitCast(Words(), sum), Words(), out);
  }
};

/// Neighbouring pairs of int16.
HWY_INLINE WordVector add_pairs(WordVector a, WordVector b, WordVector sum) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  const hn::Repartition<std::int16_t, Words> d16;
  auto unused = hn::Zero(Words());
  return hn::ReorderWidenMulAccumulate(Words(), hn::BitCast(d16, a), hn::BitCast(d16, b), sum,
                                       unused);
#else
  const auto low =
      hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(a)), hn::ShiftRight<16>(hn::ShiftLeft<16>(b)));
  const auto high = hn::Mul(hn::ShiftRight<16>(a), hn::ShiftRight<16>(b));
  return hn::Add(hn::Add(sum, low), high);
#endif
}

struct MultiplyInt16 {
  using Sum = WordVector;
  static Sum zero() { return hn::Zero(Words()); }
  static Sum add(WordVector a, WordVector b, Sum sum) { return add_pairs(a, b, sum); }
  static void store(Sum sum, std::int32_t* out) { hn::StoreU(sum, Words(), out); }
};

/// Bytes 0 and 2 of each word as int16, and bytes 1 and 3.
HWY_INLINE WordVector even_bytes(WordVector words) {
#if HWY_TARGET == HWY_SCALAR
  const std::int32_t word = hn::GetLane(words);
  const auto low = static_cast<std::uint32_t>(static_cast<std::int8_t>(word)) & 0xFFFFU;
  const auto high = static_cast<std::uint32_t>(static_cast<std::int8_t>(word >> 16)) << 16;
  return hn::Set(Words(), static_cast<std::int32_t>(low | high));
#else
  const hn::Repartition<std::int16_t, Words> d16;
  return hn::BitCast(Words(), hn::ShiftRight<8>(hn::ShiftLeft<8>(hn::BitCast(d16, words))));
#endif
}
HWY_INLINE WordVector odd_bytes(WordVector words) {
#if HWY_TARGET == HWY_SCALAR
  return even_bytes(hn::ShiftRight<8>(words));
#else
  const hn::Repartition<std::int16_t, Words> d16;
  return hn::BitCast(Words(), hn::ShiftRight<8>(hn::BitCast(d16, words)));
#endif
}

struct MultiplyInt8 : MultiplyInt16 {
  static Sum add(WordVector a, WordVector b, Sum sum) {
    return add_pairs(even_bytes(a), even_bytes(b), add_pairs(odd_bytes(a), odd_bytes(b), sum));
  }
};

// The rows of a block, written out: sums in arrays the compiler would keep in memory, not in registers.
#undef BALEEN_FIRST_ROWS
#undef BALEEN_LAST_ROWS
#define BALEEN_FIRST_ROWS(DO) DO(0) DO(1) DO(2) DO(3)
#define BALEEN_LAST_ROWS(DO) DO(4) DO(5) DO(6) DO(7)

#define BALEEN_CLEAR(row) \
  auto sum##row##0 = Multiply::zero(), sum##row##1 = sum##row##0, sum##row##2 = sum##row##0;
#define BALEEN_ADD(row)                                                           \
  {                                                                               \
    const auto a = hn::Set(d, static_cast<std::int32_t>(rows[row * stride + k])); \
    sum##row##0 = Multiply::add(a, b0, sum##row##0);                              \
    sum##row##1 = Multiply::add(a, b1, sum##row##1);                              \
    sum##row##2 = Multiply::add(a, b2, sum##row##2);                              \
  }
#define BALEEN_STORE(row)                                         \
  Multiply::store(sum##row##0, out + row * kTileColumns);         \
  Multiply::store(sum##row##1, out + row * kTileColumns + width); \
  Multiply::store(sum##row##2, out + row * kTileColumns + 2 * width);

/// kRows (4 or 8) rows by three vectors: as many sums as registers hold.
template <class Multiply, std::size_t kRows>
HWY_INLINE void multiply_block(const std::uint32_t* HWY_RESTRICT rows,
                               std::size_t stride,
                               const std::uint32_t* HWY_RESTRICT panel,
                               std::size_t n_words,
                               std::int32_t* HWY_RESTRICT out) {
  const Words d;
  const std::size_t width = hn::Lanes(d);
  BALEEN_FIRST_ROWS(BALEEN_CLEAR)
  BALEEN_LAST_ROWS(BALEEN_CLEAR)
  for (std::size_t k = 0; k < n_words; ++k) {
    const auto* words = reinterpret_cast<const std::int32_t*>(panel + k * kTileColumns);
    const auto b0 = hn::LoadU(d, words);
    const auto b1 = hn::LoadU(d, words + width);
    const auto b2 = hn::LoadU(d, words + 2 * width);
    BALEEN_FIRST_ROWS(BALEEN_ADD)
    if constexpr (kRows > 4) {
      BALEEN_LAST_ROWS(BALEEN_ADD)
    }
  }
  BALEEN_FIRST_ROWS(BALEEN_STORE)
  if constexpr (kRows > 4) {
    BALEEN_LAST_ROWS(BALEEN_STORE)
  }
}
#undef BALEEN_CLEAR
#undef BALEEN_ADD
#undef BALEEN_STORE

template <class Multiply>
void multiply_tile(const std::uint32_t* rows,
                   std::size_t stride,
                   const std::uint32_t* panel,
                   std::size_t n_words,
                   const std::int32_t* /*biases*/,  // All zero: bytes are stored as they are.
                   void* out) {
  // 32 registers hold 8 × 3 sums, 16 registers 4 × 3.
  constexpr std::size_t kRows = HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64 ? kTileRows : 4;
  const std::size_t n_columns = 3 * hn::Lanes(Words());
  auto* sums = static_cast<std::int32_t*>(out);
  for (std::size_t c = 0; c < kTileColumns; c += n_columns) {
    for (std::size_t r = 0; r < kTileRows; r += kRows) {
      multiply_block<Multiply, kRows>(rows + r * stride, stride, panel + c, n_words,
                                      sums + r * kTileColumns + c);
    }
  }
}

template <class Multiply>
HWY_INLINE void dots(const std::uint32_t* query,
                     const std::uint32_t* words,
                     std::size_t n_words,
                     std::size_t stride,
                     const std::uint32_t* rows,
                     std::size_t n_rows,
                     std::int32_t* out) {
  const Words d;
  const std::size_t width = hn::Lanes(d);
  const auto* a = reinterpret_cast<const std::int32_t*>(query);
  for (std::size_t i = 0; i < n_rows; ++i) {
    if (i + 4 < n_rows) {
      const std::uint32_t* next = words + rows[i + 4] * stride;
      for (std::size_t k = 0; k < std::min<std::size_t>(n_words, 128); k += 16)
        hwy::Prefetch(next + k);
    }
    const auto* b = reinterpret_cast<const std::int32_t*>(words + rows[i] * stride);
    auto sum0 = Multiply::zero();
    auto sum1 = Multiply::zero();
    std::size_t k = 0;
    for (; k + 2 * width <= n_words; k += 2 * width) {
      sum0 = Multiply::add(hn::LoadU(d, a + k), hn::LoadU(d, b + k), sum0);
      sum1 = Multiply::add(hn::LoadU(d, a + k + width), hn::LoadU(d, b + k + width), sum1);
    }
    for (; k < n_words; k += width) {
      HWY_ALIGN std::int32_t tail_a[16] = {};
      HWY_ALIGN std::int32_t tail_b[16] = {};
      const std::size_t n = std::min(width, n_words - k);
      std::copy_n(a + k, n, tail_a);
      std::copy_n(b + k, n, tail_b);
      sum0 = Multiply::add(hn::Load(d, tail_a), hn::Load(d, tail_b), sum0);
    }
    out[i] = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  }
}

void coded_dots_impl(Element element,
                     const std::uint32_t* query,
                     const std::uint32_t* words,
                     std::size_t n_words,
                     std::size_t stride,
                     const std::uint32_t* rows,
                     std::size_t n_rows,
                     std::int32_t* out) {
  if (element == Element::int8) {
    dots<MultiplyInt8>(query, words, n_words, stride, rows, n_rows, out);
  } else {
    dots<MultiplyInt16>(query, words, n_words, stride, rows, n_rows, out);
  }
}

bool has_avx512() { return HWY_TARGET == HWY_AVX3; }

TileFunction tile_of(Element element) {
  switch (element) {
    case Element::int8: return multiply_tile<MultiplyInt8>;
    case Element::int16: return multiply_tile<MultiplyInt16>;
    case Element::float32: break;
  }
  return multiply_tile<MultiplyFloats>;
}

}  // namespace baleen::cluster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::cluster {

HWY_EXPORT(has_avx512);
HWY_EXPORT(tile_of);
HWY_EXPORT(coded_dots_impl);

void coded_dots(Element element,
                const std::uint32_t* query,
                const std::uint32_t* words,
                std::size_t n_words,
                std::size_t stride,
                std::span<const std::uint32_t> rows,
                std::span<std::int32_t> out) {
  BALEEN_CHECK(element != Element::float32 && rows.size() == out.size());
  HWY_DYNAMIC_DISPATCH(coded_dots_impl)
  (element, query, words, n_words, stride, rows.data(), rows.size(), out.data());
}

namespace {

#if defined(__x86_64__)
// This version of Highway has no word for VNNI's multiply-and-add of four bytes, which is twice as fast as anything
// else: written by hand for the machines that have it.
#define BALEEN_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

/// The instruction wants the bytes of one side unsigned: those of the panel, which pack_panels has moved up by 128.
struct VnniInt8 {
  BALEEN_VNNI static __m512i add(__m512i row, __m512i column, __m512i sum) {
    // _mm512_dpbusd_epi32(sum, column, row), but GCC 12 copies the sums to and fro (a third of the speed).
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(column), "v"(row));
    return sum;
  }
};
struct VnniInt16 {
  BALEEN_VNNI static __m512i add(__m512i row, __m512i column, __m512i sum) {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(column), "v"(row));
    return sum;
  }
};

/// 128 · Σ of the bytes of a row: what moving up the other side adds.
BALEEN_VNNI std::int32_t bias_of(const std::uint32_t* row, std::size_t n_words) {
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t k = 0; k < n_words; k += 16) {
    const std::size_t n = std::min<std::size_t>(16, n_words - k);
    const auto mask = static_cast<__mmask16>((1U << n) - 1U);
    sum = _mm512_dpbusd_epi32(sum, offset, _mm512_maskz_loadu_epi32(mask, row + k));
  }
  alignas(64) std::array<std::int32_t, 16> lanes;
  _mm512_store_si512(lanes.data(), sum);
  return std::accumulate(lanes.begin(), lanes.end(), 0);
}

#define BALEEN_CLEAR(row)                                                  \
  __m512i sum##row##0 = _mm512_setzero_si512(), sum##row##1 = sum##row##0, \
          sum##row##2 = sum##row##0;
#define BALEEN_ADD(row)                                                            \
  {                                                                                \
    const __m512i a = _mm512_set1_epi32(static_cast<int>(rows[row * stride + k])); \
    sum##row##0 = Multiply::add(a, b0, sum##row##0);                               \
    sum##row##1 = Multiply::add(a, b1, sum##row##1);                               \
    sum##row##2 = Multiply::add(a, b2, sum##row##2);                               \
  }
#define BALEEN_STORE(row)                                                    \
  {                                                                          \
    const __m512i bias = _mm512_set1_epi32(biases[row]);                     \
    std::int32_t* to = static_cast<std::int32_t*>(out) + row * kTileColumns; \
    _mm512_storeu_si512(to, _mm512_sub_epi32(sum##row##0, bias));            \
    _mm512_storeu_si512(to + 16, _mm512_sub_epi32(sum##row##1, bias));       \
    _mm512_storeu_si512(to + 32, _mm512_sub_epi32(sum##row##2, bias));       \
  }

template <class Multiply>
BALEEN_VNNI void vnni_tile(const std::uint32_t* __restrict rows,
                           std::size_t stride,
                           const std::uint32_t* __restrict panel,
                           std::size_t n_words,
                           const std::int32_t* __restrict biases,
                           void* __restrict out) {
  BALEEN_FIRST_ROWS(BALEEN_CLEAR)
  BALEEN_LAST_ROWS(BALEEN_CLEAR)
  for (std::size_t k = 0; k < n_words; ++k) {
    const std::uint32_t* words = panel + k * kTileColumns;
    const __m512i b0 = _mm512_loadu_si512(words);
    const __m512i b1 = _mm512_loadu_si512(words + 16);
    const __m512i b2 = _mm512_loadu_si512(words + 32);
    BALEEN_FIRST_ROWS(BALEEN_ADD)
    BALEEN_LAST_ROWS(BALEEN_ADD)
  }
  BALEEN_FIRST_ROWS(BALEEN_STORE)
  BALEEN_LAST_ROWS(BALEEN_STORE)
}
#undef BALEEN_CLEAR
#undef BALEEN_ADD
#undef BALEEN_STORE
#undef BALEEN_VNNI

bool has_vnni() {
  static const bool has = __builtin_cpu_supports("avx512vnni") != 0 &&
                          __builtin_cpu_supports("avx512bw") != 0 &&
                          __builtin_cpu_supports("avx512vl") != 0;
  // A test that asks Highway for an older machine gets one.
  return has && HWY_DYNAMIC_DISPATCH(has_avx512)();
}
#endif

}  // namespace

TileFunction tile_function(Element element) {
#if defined(__x86_64__)
  if (has_vnni()) {
    if (element == Element::int8) return vnni_tile<VnniInt8>;
    if (element == Element::int16) return vnni_tile<VnniInt16>;
  }
#endif
  return HWY_DYNAMIC_DISPATCH(tile_of)(element);
}

void add_up_biases(Element element,
                   const std::uint32_t* rows,
                   std::size_t n,
                   std::size_t stride,
                   std::size_t n_words,
                   std::int32_t* biases) {
  std::fill_n(biases, n, 0);
#if defined(__x86_64__)
  if (element == Element::int8 && has_vnni()) {
    for (std::size_t i = 0; i < n; ++i) biases[i] = bias_of(rows + i * stride, n_words);
  }
#endif
}

void pack_panels(Element element,
                 const std::uint32_t* rows,
                 std::size_t n,
                 std::size_t stride,
                 std::size_t n_words,
                 std::uint32_t* panels) {
#if defined(__x86_64__)
  const std::uint32_t bias = element == Element::int8 && has_vnni() ? 0x80808080U : 0U;
#else
  constexpr std::uint32_t bias = 0;
#endif
  for (std::size_t first = 0; first < n; first += kTileColumns) {
    std::uint32_t* panel = panels + first * n_words;
    const std::size_t n_here = std::min(kTileColumns, n - first);
    if (n_here < kTileColumns) {
      std::fill_n(panel, kTileColumns * n_words, 0U);
    }
    constexpr std::size_t kStep = 16;  // Words of a cache line: each line is read once.
    for (std::size_t begin = 0; begin < n_words; begin += kStep) {
      const std::size_t end = std::min(n_words, begin + kStep);
      for (std::size_t c = 0; c < n_here; ++c) {
        const std::uint32_t* row = rows + (first + c) * stride;
        for (std::size_t k = begin; k < end; ++k) {
          panel[k * kTileColumns + c] = row[k] ^ bias;
        }
      }
    }
  }
}

namespace {

const std::uint32_t* words_of(const float* values) {
  return reinterpret_cast<const std::uint32_t*>(values);
}

/// Rows [begin, end) of the product.
void multiply_rows(std::span<const float> a,
                   std::size_t n_b,
                   std::size_t n_columns,
                   const std::uint32_t* panels,
                   std::size_t begin,
                   std::size_t end,
                   std::span<float> out) {
  const TileFunction tile = tile_function(Element::float32);
  alignas(64) std::array<float, kTileRows * kTileColumns> sums;
  std::vector<float> last;  // Rows that do not fill a tile, filled up with zeros.
  for (std::size_t j = 0; j < n_b; j += kTileColumns) {
    for (std::size_t i = begin; i < end; i += kTileRows) {
      const std::size_t n_rows = std::min(kTileRows, end - i);
      const float* rows = a.data() + i * n_columns;
      if (n_rows < kTileRows) {
        last.assign(kTileRows * n_columns, 0.0F);
        std::copy_n(rows, n_rows * n_columns, last.begin());
        rows = last.data();
      }
      tile(words_of(rows), n_columns, panels + j * n_columns, n_columns, nullptr, sums.data());
      for (std::size_t r = 0; r < n_rows; ++r) {
        std::copy_n(sums.data() + r * kTileColumns, std::min(kTileColumns, n_b - j),
                    out.data() + (i + r) * n_b + j);
      }
    }
  }
}

}  // namespace

void multiply_transposed(std::span<const float> a,
                         std::span<const float> b,
                         std::size_t n_columns,
                         int n_threads,
                         std::span<float> out) {
  if (a.empty() || b.empty()) {
    return;
  }
  const std::size_t n_a = a.size() / n_columns;
  const std::size_t n_b = b.size() / n_columns;
  BALEEN_CHECK(a.size() == n_a * n_columns && b.size() == n_b * n_columns);
  BALEEN_CHECK(out.size() == n_a * n_b);
  std::vector<std::uint32_t> panels(panel_words(n_b, n_columns));
  pack_panels(Element::float32, words_of(b.data()), n_b, n_columns, n_columns, panels.data());
  for_each_block(n_a, 64, n_threads, [&](std::size_t begin, std::size_t end) {
    multiply_rows(a, n_b, n_columns, panels.data(), begin, end, out);
  });
}

}  // namespace baleen::cluster
#endif  // HWY_ONCE
