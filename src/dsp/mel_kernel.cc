#include "dsp/mel_kernel.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dsp/mel_kernel.cc"
#include "hwy/foreach_target.h"
// Behind foreach_target.h, which includes this file once per target.
#include "dsp/fft256-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::TFromD<D>* as_lanes(D /*tag*/, unsigned char* buffer) {
  return reinterpret_cast<hn::TFromD<D>*>(buffer);
}

#if HWY_TARGET == HWY_SCALAR  // One lane: nothing to transpose.

HWY_INLINE void transpose_columns(const MelPlan& plan, const float* samples, float* columns) {
  for (std::size_t h = 0; h < kBatchFrames; ++h) {
    for (std::size_t i = 0; i < plan.hop; ++i) {
      columns[i * plan.column_stride + h] = samples[h * plan.hop + i];
    }
  }
}

template <class D>
HWY_NOINLINE void store_rows(D /*d*/, const MelPlan& plan, const float* levels, float* rows) {
  std::copy_n(levels, plan.n_bands, rows);
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

/// Block b to rows + b·row_stride.
template <class D>
HWY_INLINE void store_blocks(D d, hn::Vec<D> v, float* rows, std::size_t row_stride) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    hn::StoreU(v, d, rows);
  } else {
    const hn::Half<D> half;
    store_blocks(half, hn::LowerHalf(half, v), rows, row_stride);
    store_blocks(half, hn::UpperHalf(half, v), rows + hn::MaxLanes(D()) / 8 * row_stride,
                 row_stride);
  }
}

/// Transposes each block of four lanes: v_i lane j becomes v_j lane i.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void transpose_blocks(D d, V& v0, V& v1, V& v2, V& v3) {
  const hn::RepartitionToWide<D> wide;
  const V low01 = hn::InterleaveLower(d, v0, v1);
  const V low23 = hn::InterleaveLower(d, v2, v3);
  const V high01 = hn::InterleaveUpper(d, v0, v1);
  const V high23 = hn::InterleaveUpper(d, v2, v3);
  const auto wide_low01 = hn::BitCast(wide, low01);
  const auto wide_low23 = hn::BitCast(wide, low23);
  const auto wide_high01 = hn::BitCast(wide, high01);
  const auto wide_high23 = hn::BitCast(wide, high23);
  v0 = hn::BitCast(d, hn::InterleaveLower(wide, wide_low01, wide_low23));
  v1 = hn::BitCast(d, hn::InterleaveUpper(wide, wide_low01, wide_low23));
  v2 = hn::BitCast(d, hn::InterleaveLower(wide, wide_high01, wide_high23));
  v3 = hn::BitCast(d, hn::InterleaveUpper(wide, wide_high01, wide_high23));
}

/// columns[i·stride + h] = samples[h·hop + i] for the hops of a batch.
HWY_INLINE void transpose_columns(const MelPlan& plan, const float* samples, float* columns) {
  const hn::CappedTag<float, kBatchFrames> d;
  using V = hn::Vec<decltype(d)>;
  const std::size_t hop = plan.hop;
  const std::size_t stride = plan.column_stride;
  for (std::size_t first = 0; first < kBatchFrames; first += hn::Lanes(d)) {
    const float* from = samples + first * hop;
    // The last four rows may run over the end of the hop: the columns have four spare rows.
    for (std::size_t i = 0; i < hop; i += 4) {
      V v0 = load_blocks(d, from + i, 4 * hop);
      V v1 = load_blocks(d, from + hop + i, 4 * hop);
      V v2 = load_blocks(d, from + 2 * hop + i, 4 * hop);
      V v3 = load_blocks(d, from + 3 * hop + i, 4 * hop);
      transpose_blocks(d, v0, v1, v2, v3);
      float* to = columns + i * stride + first;
      hn::StoreU(v0, d, to);
      hn::StoreU(v1, d, to + stride);
      hn::StoreU(v2, d, to + 2 * stride);
      hn::StoreU(v3, d, to + 3 * stride);
    }
  }
}

/// Transposes levels (bands, lanes) to rows (lanes, bands).
template <class D>
HWY_NOINLINE void store_rows(D d,
                             const MelPlan& plan,
                             const float* HWY_RESTRICT levels,
                             float* HWY_RESTRICT rows) {
  using V = hn::Vec<D>;
  const std::size_t n_lanes = hn::Lanes(d);
  const std::size_t n_bands = plan.n_bands;
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

/// The hops of a batch side by side, with those behind it that its frames reach into. Overlapping
/// frames share the work of the transposition: sample i + s·hop of frame f is row i, column f + s.
HWY_NOINLINE void transpose_hops(const MelPlan& plan, const float* samples, float* columns) {
  transpose_columns(plan, samples, columns);
  const std::size_t end = kBatchFrames + plan.extra_columns;
  for (std::size_t h = kBatchFrames; h < end; ++h) {
    const std::size_t n_used = std::min(plan.hop, plan.n_taps - (h - kBatchFrames + 1) * plan.hop);
    for (std::size_t i = 0; i < n_used; ++i) {
      columns[i * plan.column_stride + h] = samples[h * plan.hop + i];
    }
  }
}

/// The frames in which low frequencies prevail: where the power of the difference of neighbours is
/// well below the power. Every third sample of the hops that lie within the frame whole will do.
template <class D>
HWY_NOINLINE hn::Mask<D> choose_tilted(D d, const MelPlan& plan, const float* columns) {
  using V = hn::Vec<D>;
  V power = hn::Zero(d);
  V step_power = hn::Zero(d);
  for (std::size_t hop = 0; hop < plan.whole_hops; ++hop) {
    for (std::size_t i = 1; i < plan.hop; i += 3) {
      const float* at = columns + i * plan.column_stride + hop;
      const V sample = hn::LoadU(d, at);
      const V step = hn::Sub(sample, hn::LoadU(d, at - plan.column_stride));
      power = hn::MulAdd(sample, sample, power);
      step_power = hn::MulAdd(step, step, step_power);
    }
  }
  return hn::Lt(step_power, hn::Mul(hn::Set(d, kTiltedBelow), power));
}

/// Where sample n of a frame goes: two samples make a complex point.
HWY_INLINE std::size_t sample_place(std::size_t n) { return 2 * padded(n / 2) + n % 2; }

/// Zeros from sample n to the end of the last point of the frame.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void clear_tail(D d, const MelPlan& plan, std::size_t n, T* points) {
  for (; n < 2 * plan.used_points(); ++n) {
    hn::Store(hn::Zero(d), d, points + sample_place(n) * hn::Lanes(d));
  }
}

/// What follows the last tap of a tilted frame: the difference is two samples longer. It may run over
/// the end of the transform, where it comes in again at the front.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_tilted_tail(
    D d, const MelPlan& plan, V last, V second_last, V is_tilted, float* points) {
  const std::size_t n = plan.n_taps;
  const float w1 = plan.single.window[n - 1];
  const float w2 = n < 2 ? 0.0F : plan.single.window[n - 2];
  const V tail[2] = {hn::NegMulAdd(hn::Set(d, kTiltFirst * w1), last,
                                   hn::Mul(hn::Set(d, kTiltSecond * w2), second_last)),
                     hn::Mul(hn::Set(d, kTiltSecond * w1), last)};
  for (std::size_t i = 0; i < 2; ++i) {
    const bool wraps = n + i >= 2 * plan.point_count();
    float* to = points + sample_place((n + i) % (2 * plan.point_count())) * hn::Lanes(d);
    const V value = hn::And(is_tilted, tail[i]);
    hn::Store(wraps ? hn::Add(value, hn::Load(d, to)) : value, d, to);
  }
}

/// Samples of the frames that begin at `columns`, windowed: u[n] = w[n]·x[n]. For tilted frames it is
/// u[n] - 2a·u[n-1] + a²·u[n-2], written so that nothing large cancels:
/// w[n-1]·(x[n] - 2a·x[n-1] + a²·x[n-2]) + (w[n] - w[n-1])·x[n] + a²·(w[n-2] - w[n-1])·x[n-2].
template <bool kAnyPlain, bool kAnyTilted, class D>
HWY_NOINLINE void window_tilted(D d,
                                const MelPlan& plan,
                                const float* columns,
                                hn::Mask<D> is_tilted,
                                float* HWY_RESTRICT points) {
  using V = hn::Vec<D>;
  const MelTables<float>& tables = plan.single;
  const float* HWY_RESTRICT window = tables.window.data();
  const float* HWY_RESTRICT window_before = tables.window_before.data();
  const float* HWY_RESTRICT window_step = tables.window_step.data();
  const float* HWY_RESTRICT window_step_back = tables.window_step_back.data();
  const V first = hn::Set(d, kTiltFirst);
  const V second = hn::Set(d, kTiltSecond);
  const std::size_t n_lanes = hn::Lanes(d);
  V before = hn::Zero(d);
  V before_that = hn::Zero(d);
  std::size_t n = 0;
  for (std::size_t hop = 0; n < plan.n_taps; ++hop) {
    const std::size_t end = std::min(plan.n_taps, n + plan.hop);
    for (const float* at = columns + hop; n < end; ++n, at += plan.column_stride) {
      const V x = hn::LoadU(d, at);
      V value = hn::Zero(d);
      if constexpr (kAnyPlain) value = hn::Mul(hn::Set(d, window[n]), x);
      if constexpr (kAnyTilted) {
        const V kept = hn::NegMulAdd(first, before, hn::MulAdd(second, before_that, x));
        V tilted = hn::Mul(hn::Set(d, window_before[n]), kept);
        tilted = hn::MulAdd(hn::Set(d, window_step[n]), x, tilted);
        tilted = hn::MulAdd(hn::Set(d, window_step_back[n]), before_that, tilted);
        value = kAnyPlain ? hn::IfThenElse(is_tilted, tilted, value) : tilted;
      }
      hn::Store(value, d, points + sample_place(n) * n_lanes);
      before_that = before;
      before = x;
    }
  }
  clear_tail(d, plan, n, points);
  if (kAnyTilted) {
    const V lanes = hn::VecFromMask(d, is_tilted);
    store_tilted_tail(d, plan, before, before_that, lanes, points);
  }
}

/// Samples of the frames that begin at `columns`, pre-emphasised and windowed.
template <class D>
HWY_NOINLINE void window_emphasised(D d,
                                    const MelPlan& plan,
                                    const float* columns,
                                    float* HWY_RESTRICT points) {
  using V = hn::Vec<D>;
  const V emphasis = hn::Set(d, static_cast<float>(plan.options.pre_emphasis));
  const std::size_t n_lanes = hn::Lanes(d);
  V before = hn::LoadU(d, columns);
  std::size_t n = 0;
  for (std::size_t hop = 0; n < plan.n_taps; ++hop) {
    const std::size_t end = std::min(plan.n_taps, n + plan.hop);
    for (const float* at = columns + hop; n < end; ++n, at += plan.column_stride) {
      const V sample = hn::LoadU(d, at);
      const V emphasised = hn::NegMulAdd(emphasis, before, sample);
      hn::Store(hn::Mul(hn::Set(d, plan.single.window[n]), emphasised), d,
                points + sample_place(n) * n_lanes);
      before = sample;
    }
  }
  clear_tail(d, plan, n, points);
}

/// Folds the points behind the first 256 onto them: part 0 starts from z[n] + z[n+256], part 1 from
/// z[n] - z[n+256] (which this leaves in the place of z[n+256]).
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void fold(D d, std::size_t n_folded, T* points) {
  const std::size_t stride = 2 * hn::Lanes(d);
  for (std::size_t n = 0; n < n_folded; ++n) {
    T* low = points + padded(n) * stride;
    T* high = points + padded(n + kPartSize) * stride;
    const auto a = load_complex(d, low);
    const auto b = load_complex(d, high);
    store_complex(d, {hn::Add(a.re, b.re), hn::Add(a.im, b.im)}, low);
    store_complex(d, {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)}, high);
  }
}

/// Between the parts: the differences take their places. What lies behind is left to the next frame.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void unfold(D d, std::size_t n_folded, T* points) {
  const std::size_t stride = 2 * hn::Lanes(d);
  for (std::size_t n = 0; n < n_folded; ++n) {
    store_complex(d, load_complex(d, points + padded(n + kPartSize) * stride),
                  points + padded(n) * stride);
  }
}

/// Splits the complex spectrum of a part into the bins of the real signal: bin q and its mirror image
/// come from points q and (256 - part - q). Powers are four times, magnitudes twice too large; the
/// weights of the bands make up for it.
template <Spectrum kSpectrum, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void split(D d,
                        std::size_t part,
                        const T* HWY_RESTRICT roots,
                        const T* HWY_RESTRICT spectrum,
                        T* HWY_RESTRICT powers) {
  using V = hn::Vec<D>;
  const std::size_t n_lanes = hn::Lanes(d);
  const std::size_t mirror = kPartSize - part;
  for (std::size_t q = 0; q <= mirror / 2; ++q) {
    const std::size_t q_mirrored = mirror - q;
    const Complex<V> z1 = load_complex(d, spectrum + 2 * padded(q) * n_lanes);
    const Complex<V> z2 = load_complex(d, spectrum + 2 * padded(q_mirrored % kPartSize) * n_lanes);
    const V even_re = hn::Add(z1.re, z2.re);
    const V even_im = hn::Sub(z1.im, z2.im);
    const Complex<V> odd{hn::Add(z1.im, z2.im), hn::Sub(z2.re, z1.re)};
    const Complex<V> turned = multiply(odd, hn::Set(d, roots[2 * q]), hn::Set(d, roots[2 * q + 1]));
    const Complex<V> sum{hn::Add(even_re, turned.re), hn::Add(even_im, turned.im)};
    const Complex<V> difference{hn::Sub(even_re, turned.re), hn::Sub(even_im, turned.im)};
    V low = hn::MulAdd(sum.re, sum.re, hn::Mul(sum.im, sum.im));
    V high = hn::MulAdd(difference.re, difference.re, hn::Mul(difference.im, difference.im));
    if constexpr (kSpectrum == Spectrum::magnitude) {
      low = hn::Sqrt(low);
      high = hn::Sqrt(high);
    }
    hn::Store(low, d, powers + q * n_lanes);
    hn::Store(high, d, powers + q_mirrored * n_lanes);
  }
}

/// Adds the bins of a part to the bands. Part 0 starts them.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void add_to_bands(D d,
                               const PartSegments& segments,
                               const T* HWY_RESTRICT weights,
                               bool is_first,
                               const T* HWY_RESTRICT powers,
                               T* HWY_RESTRICT bands) {
  using V = hn::Vec<D>;
  const std::size_t n_lanes = hn::Lanes(d);
  const std::size_t n_bands = segments.bin_counts.size() - 1;
  const T* weight = weights + 2 * segments.first_bin;
  const T* power = powers + segments.first_bin * n_lanes;
  V rising_before = hn::Zero(d);
  for (std::size_t s = 0; s <= n_bands; ++s) {
    V falling = is_first || s == 0 ? hn::Zero(d) : hn::Load(d, bands + (s - 1) * n_lanes);
    V rising = hn::Zero(d);
    for (std::size_t i = 0; i < segments.bin_counts[s]; ++i) {
      const V p = hn::Load(d, power);
      falling = hn::MulAdd(hn::Set(d, weight[0]), p, falling);
      rising = hn::MulAdd(hn::Set(d, weight[1]), p, rising);
      weight += 2;
      power += n_lanes;
    }
    if (s > 0) hn::Store(hn::Add(rising_before, falling), d, bands + (s - 1) * n_lanes);
    rising_before = rising;
  }
}

/// The bands of the windowed frames in `points`; with each set of weights that is asked for.
template <class D>
HWY_INLINE void bands_of_points(D d,
                                const MelPlan& plan,
                                const MelTables<hn::TFromD<D>>& tables,
                                const MelBuffers& buffers,
                                bool is_any_plain,
                                bool is_any_tilted) {
  using T = hn::TFromD<D>;
  T* points = as_lanes(d, buffers.points);
  T* spectrum = as_lanes(d, buffers.spectrum);
  T* powers = as_lanes(d, buffers.powers);
  T* plain_bands = as_lanes(d, buffers.bands);
  T* tilted_bands = plain_bands + plan.n_bands * hn::Lanes(d);
  const std::size_t n_folded = plan.used_points() - std::min(plan.used_points(), kPartSize);
  fold(d, n_folded, points);
  for (std::size_t part = 0; part < plan.n_parts; ++part) {
    if (part == 0) {
      first_pass<false>(d, tables.odd_part.data(), points, tables.between.data(), spectrum);
    } else {
      unfold(d, n_folded, points);
      first_pass<true>(d, tables.odd_part.data(), points, tables.between.data(), spectrum);
    }
    second_pass(d, spectrum);
    const T* roots = tables.split[part].data();
    if (plan.options.spectrum == Spectrum::magnitude) {
      split<Spectrum::magnitude>(d, part, roots, spectrum, powers);
    } else {
      split<Spectrum::power>(d, part, roots, spectrum, powers);
    }
    const auto& weights = tables.weights[part];
    const PartSegments& segments = plan.segments[part];
    if (is_any_plain) {
      add_to_bands(d, segments, weights[kPlain].data(), part == 0, powers, plain_bands);
    }
    if (is_any_tilted) {
      add_to_bands(d, segments, weights[kTilted].data(), part == 0, powers, tilted_bands);
    }
  }
}

/// log2 of positive values. Polynomial of degree 8 in f for log2(1 + f)/f over [√½ - 1, √2 - 1], our
/// own least-maximum fit: error below 1e-7 (3e-7 dB). Zero gives -infinity; NaN and infinity stay.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V log2_of(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V tiny = hn::Set(d, 1.17549435e-38F);
  const auto is_tiny = hn::Lt(x, tiny);  // Also zero. Lift what has no full mantissa.
  const V lifted = hn::IfThenElse(is_tiny, hn::Mul(x, hn::Set(d, 16777216.0F)), x);
  const V lift = hn::IfThenElseZero(is_tiny, hn::Set(d, 24.0F));
  const auto bits = hn::BitCast(di, lifted);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3F3504F3)));  // √½
  const V mantissa = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const V f = hn::Sub(mantissa, hn::Set(d, 1.0F));
  V sum = hn::Set(d, -0.145745096F);
  sum = hn::MulAdd(sum, f, hn::Set(d, 0.236889321F));
  sum = hn::MulAdd(sum, f, hn::Set(d, -0.250068375F));
  sum = hn::MulAdd(sum, f, hn::Set(d, 0.286707605F));
  sum = hn::MulAdd(sum, f, hn::Set(d, -0.360087299F));
  sum = hn::MulAdd(sum, f, hn::Set(d, 0.480939438F));
  sum = hn::MulAdd(sum, f, hn::Set(d, -0.721357146F));
  sum = hn::MulAdd(sum, f, hn::Set(d, 1.44269477F));
  const V result = hn::MulAdd(sum, f, hn::Sub(hn::ConvertTo(d, exponent), lift));
  const V infinity = hn::Inf(d);
  const V positive = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), result);
  return hn::IfThenElse(hn::Lt(x, infinity), positive, x);
}

/// log_scale·ln(max(band + log_offset, log_floor)) of every band; `bands` is of D's lanes.
template <class D>
HWY_NOINLINE void logarithms(D d,
                             const MelPlan& plan,
                             const float* HWY_RESTRICT bands,
                             float* HWY_RESTRICT levels) {
  using V = hn::Vec<D>;
  const std::size_t n_lanes = hn::Lanes(d);
  const V offset = hn::Set(d, static_cast<float>(plan.options.log_offset));
  const V floor = hn::Set(d, static_cast<float>(plan.options.log_floor));
  const V scale = hn::Set(d, static_cast<float>(plan.options.log_scale * 0.69314718055994530942));
  for (std::size_t m = 0; m < plan.n_bands; ++m) {
    const V band = hn::Add(hn::Load(d, bands + m * n_lanes), offset);
    const V floored = hn::IfThenElse(hn::Lt(band, floor), floor, band);  // Keeps NaN.
    hn::Store(hn::Mul(scale, log2_of(d, floored)), d, levels + m * n_lanes);
  }
}

/// The lanes in which some band lies too deep below the mean power of the bins (see PrecisionTest).
template <class D>
HWY_NOINLINE hn::Mask<D> is_imprecise(D d,
                                      const MelPlan& plan,
                                      const PrecisionTest& test,
                                      const float* bands) {
  using V = hn::Vec<D>;
  const V floor = hn::Set(d, static_cast<float>(plan.options.log_floor));
  V mean_power = hn::Zero(d);
  V worst = hn::Inf(d);
  for (std::size_t m = 0; m < plan.n_bands; ++m) {
    const V band = hn::Load(d, bands + m * hn::Lanes(d));
    mean_power = hn::MulAdd(hn::Set(d, test.level_weights[m]), band, mean_power);
    worst = hn::Min(worst, hn::Mul(hn::Set(d, test.margins[m]), hn::Max(band, floor)));
  }
  return hn::Lt(worst, mean_power);
}

/// One bit per lane.
template <class D>
HWY_INLINE std::uint32_t mask_bits(D d, hn::Mask<D> mask) {
  HWY_ALIGN std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(d, mask, bytes);
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

/// Rows of the frames that begin at columns[0], columns[1], … of the transposed batch.
template <class D>
HWY_INLINE std::uint32_t process_lanes(
    D d, const MelPlan& plan, const MelBuffers& buffers, const float* columns, float* rows) {
  float* points = as_lanes(d, buffers.points);
  float* bands = as_lanes(d, buffers.bands);
  std::uint32_t imprecise = 0;
  if (plan.options.is_precise) {
    const auto is_tilted = choose_tilted(d, plan, columns);
    const bool is_any_tilted = !hn::AllFalse(d, is_tilted);
    const bool is_any_plain = !hn::AllTrue(d, is_tilted);
    if (!is_any_tilted) {
      window_tilted<true, false>(d, plan, columns, is_tilted, points);
    } else if (!is_any_plain) {
      window_tilted<false, true>(d, plan, columns, is_tilted, points);
    } else {
      window_tilted<true, true>(d, plan, columns, is_tilted, points);
    }
    bands_of_points(d, plan, plan.single, buffers, is_any_plain, is_any_tilted);
    float* tilted_bands = bands + plan.n_bands * hn::Lanes(d);
    auto is_bad = hn::FirstN(d, 0);
    if (is_any_plain) {
      is_bad = hn::AndNot(is_tilted, is_imprecise(d, plan, plan.tests[kPlain], bands));
    }
    if (is_any_tilted) {
      const auto is_bad_tilted =
          hn::And(is_tilted, is_imprecise(d, plan, plan.tests[kTilted], tilted_bands));
      is_bad = hn::Or(is_bad, is_bad_tilted);
      if (is_any_plain) {
        for (std::size_t at = 0; at < plan.n_bands * hn::Lanes(d); at += hn::Lanes(d)) {
          hn::Store(
              hn::IfThenElse(is_tilted, hn::Load(d, tilted_bands + at), hn::Load(d, bands + at)), d,
              bands + at);
        }
      } else {
        bands = tilted_bands;
      }
    }
    imprecise = mask_bits(d, is_bad);
  } else {
    window_emphasised(d, plan, columns, points);
    bands_of_points(d, plan, plan.single, buffers, true, false);
  }
  logarithms(d, plan, bands, buffers.levels);
  store_rows(d, plan, buffers.levels, rows);
  return imprecise;
}

std::uint32_t process_batch_impl(const MelPlan& plan,
                                 const MelBuffers& buffers,
                                 const float* samples,
                                 std::size_t n_frames,
                                 float* rows) {
  const hn::CappedTag<float, kBatchFrames> d;
  transpose_hops(plan, samples, buffers.columns);
  std::uint32_t imprecise = 0;
  for (std::size_t first = 0; first < n_frames; first += hn::Lanes(d)) {
    const std::size_t n = std::min(hn::Lanes(d), n_frames - first);
    float* to = rows + first * plan.n_bands;
    float* whole = n == hn::Lanes(d) ? to : buffers.rows;
    imprecise |= process_lanes(d, plan, buffers, buffers.columns + first, whole) << first;
    if (whole != to) std::copy_n(whole, n * plan.n_bands, to);
  }
  return n_frames < 32 ? imprecise & ((1U << n_frames) - 1U) : imprecise;
}

void process_precise_impl(const MelPlan& plan,
                          const MelBuffers& buffers,
                          const float* const* frames,
                          float* const* rows,
                          std::size_t n_frames) {
#if HWY_HAVE_FLOAT64
  const hn::CappedTag<double, kVectorBytesMax / sizeof(double)> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t n_lanes = hn::Lanes(d);
  double* points = as_lanes(d, buffers.points);
  double* bands = as_lanes(d, buffers.bands);
  float* narrow_bands = as_lanes(df, buffers.bands);
  for (std::size_t first = 0; first < n_frames; first += n_lanes) {
    const std::size_t n = std::min(n_lanes, n_frames - first);
    for (std::size_t tap = 0; tap < plan.n_taps; ++tap) {
      double* to = points + sample_place(tap) * n_lanes;
      for (std::size_t i = 0; i < n; ++i) {
        to[i] = plan.precise.window[tap] * static_cast<double>(frames[first + i][tap]);
      }
    }
    clear_tail(d, plan, plan.n_taps, points);
    bands_of_points(d, plan, plan.precise, buffers, true, false);
    for (std::size_t m = 0; m < plan.n_bands; ++m) {
      const auto narrow = hn::DemoteTo(df, hn::Load(d, bands + m * n_lanes));
      hn::StoreU(narrow, df, narrow_bands + m * n_lanes);
    }
    logarithms(df, plan, narrow_bands, buffers.levels);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t m = 0; m < plan.n_bands; ++m) {
        rows[first + i][m] = buffers.levels[m * n_lanes + i];
      }
    }
  }
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::dsp {

HWY_EXPORT(process_batch_impl);
HWY_EXPORT(process_precise_impl);

std::uint32_t process_batch(const MelPlan& plan,
                            const MelBuffers& buffers,
                            const float* samples,
                            std::size_t n_frames,
                            float* rows) {
  return HWY_DYNAMIC_DISPATCH(process_batch_impl)(plan, buffers, samples, n_frames, rows);
}

void process_precise(const MelPlan& plan,
                     const MelBuffers& buffers,
                     const float* const* frames,
                     float* const* rows,
                     std::size_t n_frames) {
  HWY_DYNAMIC_DISPATCH(process_precise_impl)(plan, buffers, frames, rows, n_frames);
}

}  // namespace baleen::dsp
#endif  // HWY_ONCE
