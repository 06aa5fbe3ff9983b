/// From samples to windowed frames, one frame per vector lane. Per-target: included by mel_kernel.cc only.

#if defined(BALEEN_DSP_MEL_FRAMES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_DSP_MEL_FRAMES_INL_H_
#undef BALEEN_DSP_MEL_FRAMES_INL_H_
#else
#define BALEEN_DSP_MEL_FRAMES_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include "dsp/mel_plan.h"
#include "dsp/transpose-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

/// Zeros from sample n to where the transforms stop reading.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void clear_tail(D d, const MelPlan& plan, std::size_t n, T* points) {
  const std::size_t end = std::max(plan.used_samples(), kPartPoints);
  for (; n < end; ++n) hn::Store(hn::Zero(d), d, points + n * hn::Lanes(d));
}

// Frames overlap, so their hops are transposed, each once: column h of `columns` is hop h, and sample
// i + s·hop of frame f is row i of column f + s. It is done some rows at a time, so that the columns
// never leave the first-level cache.

template <class D>
HWY_INLINE std::size_t column_stride(D d, const MelPlan& plan) {
  const std::size_t n_lanes = hn::Lanes(d);
  return (n_lanes + plan.extra_columns + n_lanes) / n_lanes * n_lanes;
}

/// Rows [first, first + n_rows) of the hops, to columns; up to three more rows are written.
template <class D>
HWY_NOINLINE void transpose_hops(D d,
                                 const MelPlan& plan,
                                 const float* samples,
                                 std::size_t first,
                                 std::size_t n_rows,
                                 float* columns) {
  const std::size_t stride = column_stride(d, plan);
  transpose_to_columns(d, samples + first, plan.hop, n_rows, columns, stride);
  const std::size_t n_lanes = hn::Lanes(d);
  for (std::size_t h = n_lanes; h < n_lanes + plan.extra_columns; h += 2) {
    const bool is_last = h + 1 == n_lanes + plan.extra_columns;
    const float* hop = samples + h * plan.hop + first;
    interleave_to_columns(hop, is_last ? hop : hop + plan.hop, n_rows, columns + h, stride);
  }
}

/// The two rows in front of row `first`, to columns - 2 rows: for row 0, the last two of the hop before.
template <class D>
HWY_INLINE void recall_rows(
    D d, const MelPlan& plan, const float* samples, std::size_t first, float* columns) {
  const std::size_t stride = column_stride(d, plan);
  const std::size_t n_columns = hn::Lanes(d) + plan.extra_columns;
  if (first > 0) {
    std::copy_n(columns + (kChunkRows - 2) * stride, 2 * stride, columns - 2 * stride);
    return;
  }
  for (std::size_t h = 1; h < n_columns && plan.hop > 1; ++h) {
    columns[h - 2 * stride] = samples[h * plan.hop - 2];
    columns[h - stride] = samples[h * plan.hop - 1];
  }
}

/// Taps of mel_plan.h
struct TapsFrom {
  const float* HWY_RESTRICT window;
  const float* HWY_RESTRICT steps;
  const float* HWY_RESTRICT steps_back;
};

enum class Windowing { emphasised, plain, tilted, mixed };

/// One windowed sample. Emphasised: w[n]·(x[n] - pre_emphasis·x[n-1]). Plain: u[n] = w[n]·x[n]. Tilted:
/// u[n] - 2a·u[n-1] + a²·u[n-2], written so that nothing large cancels: w[n-1]·(x[n] - 2a·x[n-1] +
/// a²·x[n-2]) + (w[n] - w[n-1])·x[n] + a²·(w[n-2] - w[n-1])·x[n-2].
template <Windowing kWindowing, class D, class V = hn::Vec<D>>
HWY_INLINE V windowed(D d,
                      const TapsFrom& taps,
                      std::size_t n,
                      V x,
                      V before,
                      V before_that,
                      V emphasis,
                      hn::Mask<D> is_tilted) {
  if constexpr (kWindowing == Windowing::emphasised) {
    return hn::Mul(hn::Set(d, taps.window[n + 1]), hn::NegMulAdd(emphasis, before, x));
  }
  const V plain = hn::Mul(hn::Set(d, taps.window[n + 1]), x);
  if constexpr (kWindowing == Windowing::plain) return plain;
  const V kept = hn::NegMulAdd(hn::Set(d, kTiltFirst), before,
                               hn::MulAdd(hn::Set(d, kTiltSecond), before_that, x));
  V tilted = hn::Mul(hn::Set(d, taps.steps[n]), x);
  tilted = hn::MulAdd(hn::Set(d, taps.steps_back[n]), before_that, tilted);
  tilted = hn::MulAdd(hn::Set(d, taps.window[n]), kept, tilted);
  if constexpr (kWindowing == Windowing::tilted) return tilted;
  return hn::IfThenElse(is_tilted, tilted, plain);
}

/// Windows rows of `columns` to `points`: kHops samples of each row, those of the frames' hops s, s + 1,
/// …; the row's first is sample n of the frames.
template <Windowing kWindowing, std::size_t kHops, class D, class V = hn::Vec<D>>
HWY_NOINLINE void window_rows(D d,
                              const MelPlan& plan,
                              const float* rows,
                              std::size_t n,
                              std::size_t n_rows,
                              hn::Mask<D> is_tilted,
                              float* HWY_RESTRICT points) {
  const std::size_t stride = column_stride(d, plan);
  const std::size_t hop = plan.hop;
  const V emphasis = hn::Set(d, static_cast<float>(plan.options.pre_emphasis));
  const TapsFrom taps = {plan.taps.window.data(), plan.taps.steps.data(),
                         plan.taps.steps_back.data()};
  V before[kHops];
  V before_that[kHops];
  for (std::size_t s = 0; s < kHops; ++s) {
    before[s] = hn::LoadU(d, rows + s - stride);
    before_that[s] = hn::LoadU(d, rows + s - 2 * stride);
  }
  if (n == 0) {  // In front of the frame: silence for the tilt, for the emphasis the first sample.
    before[0] = kWindowing == Windowing::emphasised ? hn::LoadU(d, rows) : hn::Zero(d);
    before_that[0] = before[0];
  }
  for (const float* end = rows + n_rows * stride; rows < end; rows += stride, ++n) {
    for (std::size_t s = 0; s < kHops; ++s) {
      const V x = hn::LoadU(d, rows + s);
      const V value = windowed<kWindowing>(d, taps, n + s * hop, x, before[s], before_that[s],
                                           emphasis, is_tilted);
      hn::Store(value, d, points + (n + s * hop) * hn::Lanes(d));
      before_that[s] = before[s];
      before[s] = x;
    }
  }
}

/// The same for all hops that the frames have, as far as they go: the last may end within the rows.
template <Windowing kWindowing, class D>
HWY_INLINE void window_chunk(D d,
                             const MelPlan& plan,
                             const float* rows,
                             std::size_t first,
                             std::size_t n_rows,
                             hn::Mask<D> is_tilted,
                             float* points) {
  const std::size_t stride = column_stride(d, plan);
  const std::size_t n_hops = (plan.n_taps + plan.hop - 1) / plan.hop;
  std::size_t n = first;
  std::size_t s = 0;
  for (; s + 2 < n_hops; s += 2, n += 2 * plan.hop) {
    window_rows<kWindowing, 2>(d, plan, rows + s, n, n_rows, is_tilted, points);
  }
  // One hop or two are left, of which the last is not whole.
  const std::size_t last = (n_hops - 1) * plan.hop + first;
  const std::size_t n_of_last = last < plan.n_taps ? std::min(n_rows, plan.n_taps - last) : 0;
  if (s + 2 == n_hops) {
    window_rows<kWindowing, 2>(d, plan, rows + s, n, n_of_last, is_tilted, points);
    window_rows<kWindowing, 1>(d, plan, rows + s + n_of_last * stride, n + n_of_last,
                               n_rows - n_of_last, is_tilted, points);
  } else {
    window_rows<kWindowing, 1>(d, plan, rows + s, n, n_of_last, is_tilted, points);
  }
}

/// What follows the last tap of a tilted frame: the difference is two samples longer. It may run over
/// the end of the transform, where it comes in again at the front.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_tilted_tail(
    D d, const MelPlan& plan, const float* samples, hn::Mask<D> is_tilted, float* points) {
  const std::size_t n = plan.n_taps;
  const float w1 = plan.taps.window[n];
  const float w2 = plan.taps.window[n - 1];
  HWY_ALIGN float last[kBatchFrames];
  HWY_ALIGN float second_last[kBatchFrames];
  for (std::size_t f = 0; f < hn::Lanes(d); ++f) {
    last[f] = samples[f * plan.hop + n - 1];
    second_last[f] = n < 2 ? 0.0F : samples[f * plan.hop + n - 2];
  }
  const V x1 = hn::Load(d, last);
  const V x2 = hn::Load(d, second_last);
  const V tail[2] = {
      hn::NegMulAdd(hn::Set(d, kTiltFirst * w1), x1, hn::Mul(hn::Set(d, kTiltSecond * w2), x2)),
      hn::Mul(hn::Set(d, kTiltSecond * w1), x1)};
  for (std::size_t i = 0; i < 2; ++i) {
    const bool wraps = n + i >= plan.sample_count();
    float* to = points + (n + i) % plan.sample_count() * hn::Lanes(d);
    const V value = hn::IfThenElseZero(is_tilted, tail[i]);
    hn::Store(wraps ? hn::Add(value, hn::Load(d, to)) : value, d, to);
  }
}

/// The frames that begin at samples[0], samples[hop], …, windowed, to `points`.
template <Windowing kWindowing, class D>
HWY_INLINE void load_frames(D d,
                            const MelPlan& plan,
                            const float* samples,
                            hn::Mask<D> is_tilted,
                            float* chunk,
                            float* points) {
  float* columns = chunk + 2 * column_stride(d, plan);
  for (std::size_t first = 0; first < plan.hop && first < plan.n_taps; first += kChunkRows) {
    const std::size_t n_rows = std::min(kChunkRows, plan.hop - first);
    recall_rows(d, plan, samples, first, columns);
    transpose_hops(d, plan, samples, first, n_rows, columns);
    window_chunk<kWindowing>(d, plan, columns, first, n_rows, is_tilted, points);
  }
  clear_tail(d, plan, plan.n_taps, points);
  if constexpr (kWindowing == Windowing::tilted || kWindowing == Windowing::mixed) {
    store_tilted_tail(d, plan, samples, is_tilted, points);
  }
}

/// The frames in which low frequencies prevail: where the power of the difference of neighbours is
/// well below the power. Four samples in 56 will do (of 33,000 frames of recordings they left 0.03 % more
/// to be refined than four in twenty), of the hops that lie within the frame whole.
template <class D>
HWY_NOINLINE hn::Mask<D> choose_tilted(D d, const MelPlan& plan, const float* samples) {
  using V = hn::Vec<D>;
  V power = hn::Zero(d);
  V step_power = hn::Zero(d);
  const std::size_t n_sampled = std::min(plan.whole_hops * plan.hop, plan.n_taps);
  for (std::size_t n = 0; n + 4 <= n_sampled; n += 56) {
    V x[4];
    load_four(d, samples + n, plan.hop, x);
    for (std::size_t i = 1; i < 4; ++i) {
      const V step = hn::Sub(x[i], x[i - 1]);
      power = hn::MulAdd(x[i], x[i], power);
      step_power = hn::MulAdd(step, step, step_power);
    }
  }
  return hn::Lt(step_power, hn::Mul(hn::Set(d, kTiltedBelow), power));
}

/// Any frames in double precision: lane i is frames[i], of which there are n ≤ lanes.
template <class D>
HWY_NOINLINE void load_precise_frames(
    D d, const MelPlan& plan, const float* const* frames, std::size_t n, double* points) {
  const std::size_t n_lanes = hn::Lanes(d);
  const double* HWY_RESTRICT window = plan.options.window.data();
  const float* lanes[kBatchFrames];
  for (std::size_t i = 0; i < n_lanes; ++i) lanes[i] = frames[std::min(i, n - 1)];
#if HWY_TARGET != HWY_SCALAR
  const hn::Rebind<float, D> df;
  if constexpr (hn::MaxLanes(D()) >= 4) {
    using VF = hn::Vec<decltype(df)>;
    for (std::size_t tap = 0; tap < plan.n_taps; tap += 4) {
      VF v[4] = {gather_blocks(df, lanes, tap), gather_blocks(df, lanes + 1, tap),
                 gather_blocks(df, lanes + 2, tap), gather_blocks(df, lanes + 3, tap)};
      transpose_blocks(df, v[0], v[1], v[2], v[3]);
      for (std::size_t i = 0; i < std::min<std::size_t>(4, plan.n_taps - tap); ++i) {
        const auto windowed = hn::Mul(hn::Set(d, window[tap + i]), hn::PromoteTo(d, v[i]));
        hn::Store(windowed, d, points + (tap + i) * n_lanes);
      }
    }
    clear_tail(d, plan, plan.n_taps, points);
    return;
  }
#endif
  for (std::size_t tap = 0; tap < plan.n_taps; ++tap) {
    double* to = points + tap * n_lanes;
    for (std::size_t i = 0; i < n_lanes; ++i) to[i] = window[tap] * double{lanes[i][tap]};
  }
  clear_tail(d, plan, plan.n_taps, points);
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
