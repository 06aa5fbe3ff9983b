/// Transpositions between rows of samples and vectors of frames. Per-target: included by mel_*-inl.h.

#if defined(BALEEN_DSP_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_DSP_TRANSPOSE_INL_H_
#undef BALEEN_DSP_TRANSPOSE_INL_H_
#else
#define BALEEN_DSP_TRANSPOSE_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR  // One lane: nothing to transpose.

/// columns[i·stride] = samples[i]
template <class D>
HWY_INLINE void transpose_to_columns(D /*d*/,
                                     const float* samples,
                                     std::size_t /*hop*/,
                                     std::size_t n_rows,
                                     float* columns,
                                     std::size_t stride) {
  for (std::size_t i = 0; i < n_rows; ++i) columns[i * stride] = samples[i];
}

/// x[i] = samples[i]
template <class D>
HWY_INLINE void load_four(D d, const float* samples, std::size_t /*hop*/, hn::Vec<D> (&x)[4]) {
  for (std::size_t i = 0; i < 4; ++i) x[i] = hn::Load(d, samples + i);
}

/// (columns, columns + 1)[i·stride] = (a, b)[i]
HWY_INLINE void interleave_to_columns(
    const float* a, const float* b, std::size_t n_rows, float* columns, std::size_t stride) {
  for (std::size_t i = 0; i < n_rows; ++i) {
    columns[i * stride] = a[i];
    columns[i * stride + 1] = b[i];
  }
}

/// rows[m] = levels[m]
template <class D>
HWY_INLINE void transpose_to_rows(D /*d*/, const float* levels, std::size_t n_bands, float* rows) {
  std::copy_n(levels, n_bands, rows);
}

#else

// Blocks of four lanes: block b of vector j is frame 4b + j, so that a 4x4 transposition within each
// block turns four vectors of four neighbouring values into four vectors of frames in order.

/// Block b from rows + b·row_stride.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const float* rows, std::size_t row_stride) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return hn::LoadU(d, rows);
  } else {
    const hn::Half<D> half;
    const float* upper = rows + hn::MaxLanes(D()) / 8 * row_stride;
    return hn::Combine(d, load_blocks(half, upper, row_stride),
                       load_blocks(half, rows, row_stride));
  }
}

/// Block b from rows[4·b] + offset.
template <class D>
HWY_INLINE hn::Vec<D> gather_blocks(D d, const float* const* rows, std::size_t offset) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return hn::LoadU(d, rows[0] + offset);
  } else {
    const hn::Half<D> half;
    const float* const* upper = rows + hn::MaxLanes(D()) / 2;
    return hn::Combine(d, gather_blocks(half, upper, offset), gather_blocks(half, rows, offset));
  }
}

/// Block b to rows + b·row_stride.
template <class D>
HWY_INLINE void store_blocks(D d, hn::Vec<D> v, float* rows, std::size_t row_stride) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    hn::StoreU(v, d, rows);
  } else {
    const hn::Half<D> half;
    float* upper = rows + hn::MaxLanes(D()) / 8 * row_stride;
    store_blocks(half, hn::LowerHalf(half, v), rows, row_stride);
    store_blocks(half, hn::UpperHalf(half, v), upper, row_stride);
  }
}

/// Transposes each block of four lanes: v_i lane j becomes v_j lane i.
template <class D, class V = hn::Vec<D> >
HWY_INLINE void transpose_blocks(D d, V& v0, V& v1, V& v2, V& v3) {
  const hn::RepartitionToWide<D> wide;
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, v0, v1));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, v2, v3));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, v0, v1));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, v2, v3));
  v0 = hn::BitCast(d, hn::InterleaveLower(wide, low01, low23));
  v1 = hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23));
  v2 = hn::BitCast(d, hn::InterleaveLower(wide, high01, high23));
  v3 = hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23));
}

/// x[i] lane h = samples[h·hop + i]
template <class D>
HWY_INLINE void load_four(D d, const float* samples, std::size_t hop, hn::Vec<D> (&x)[4]) {
  for (std::size_t i = 0; i < 4; ++i) x[i] = load_blocks(d, samples + i * hop, 4 * hop);
  transpose_blocks(d, x[0], x[1], x[2], x[3]);
}

/// columns[i·stride + h] = samples[h·hop + i], i below n_rows (and up to three more), h a lane.
template <class D>
HWY_INLINE void transpose_to_columns(D d,
                                     const float* samples,
                                     std::size_t hop,
                                     std::size_t n_rows,
                                     float* columns,
                                     std::size_t stride) {
  for (std::size_t i = 0; i < n_rows; i += 4) {
    hn::Vec<D> x[4];
    load_four(d, samples + i, hop, x);
    for (std::size_t j = 0; j < 4; ++j) hn::StoreU(x[j], d, columns + (i + j) * stride);
  }
}

/// (columns, columns + 1)[i·stride] = (a, b)[i], i below n_rows (and up to three more).
HWY_INLINE void interleave_to_columns(
    const float* a, const float* b, std::size_t n_rows, float* columns, std::size_t stride) {
  const hn::CappedTag<float, 4> d;
  const hn::Half<decltype(d)> half;
  for (std::size_t i = 0; i < n_rows; i += 4) {
    const auto from_a = hn::LoadU(d, a + i);
    const auto from_b = hn::LoadU(d, b + i);
    const auto low = hn::InterleaveLower(d, from_a, from_b);
    const auto high = hn::InterleaveUpper(d, from_a, from_b);
    float* to = columns + i * stride;
    hn::StoreU(hn::LowerHalf(half, low), half, to);
    hn::StoreU(hn::UpperHalf(half, low), half, to + stride);
    hn::StoreU(hn::LowerHalf(half, high), half, to + 2 * stride);
    hn::StoreU(hn::UpperHalf(half, high), half, to + 3 * stride);
  }
}

/// rows[lane·n_bands + m] = levels[m·lanes + lane]
template <class D>
HWY_NOINLINE void transpose_to_rows(D d,
                                    const float* HWY_RESTRICT levels,
                                    std::size_t n_bands,
                                    float* HWY_RESTRICT rows) {
  using V = hn::Vec<D>;
  const std::size_t n_lanes = hn::Lanes(d);
  std::size_t m = 0;
  for (; m + 4 <= n_bands; m += 4) {
    V v0 = hn::Load(d, levels + m * n_lanes);
    V v1 = hn::Load(d, levels + (m + 1) * n_lanes);
    V v2 = hn::Load(d, levels + (m + 2) * n_lanes);
    V v3 = hn::Load(d, levels + (m + 3) * n_lanes);
    transpose_blocks(d, v0, v1, v2, v3);
    store_blocks(d, v0, rows + m, 4 * n_bands);
    store_blocks(d, v1, rows + n_bands + m, 4 * n_bands);
    store_blocks(d, v2, rows + 2 * n_bands + m, 4 * n_bands);
    store_blocks(d, v3, rows + 3 * n_bands + m, 4 * n_bands);
  }
  for (; m < n_bands; ++m) {
    for (std::size_t lane = 0; lane < n_lanes; ++lane) {
      rows[lane * n_bands + m] = levels[m * n_lanes + lane];
    }
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
