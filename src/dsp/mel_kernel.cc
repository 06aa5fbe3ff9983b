#include "dsp/mel_kernel.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dsp/mel_kernel.cc"
#include "hwy/foreach_target.h"
// Behind foreach_target.h, which includes this file once per target.
#include "dsp/fft256-inl.h"
#include "dsp/mel_bands-inl.h"
#include "dsp/mel_frames-inl.h"
#include "dsp/transpose-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::TFromD<D>* as_lanes(D /*tag*/, unsigned char* buffer) {
  return reinterpret_cast<hn::TFromD<D>*>(buffer);
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

/// Between the parts: the differences take the place of the sums.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void unfold(D d, std::size_t n_folded, T* points) {
  const std::size_t stride = 2 * hn::Lanes(d);
  for (std::size_t n = 0; n < n_folded; ++n) {
    const auto difference = load_complex(d, points + padded(n + kPartSize) * stride);
    store_complex(d, difference, points + padded(n) * stride);
  }
}

/// The spectrum of one part of the frames in `points`. The last part is transformed in place: that
/// spares the first-level cache a third of its load.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE T* transform_part(D d,
                             const MelPlan& plan,
                             const MelTables<T>& tables,
                             const MelBuffers& buffers,
                             std::size_t part) {
  T* points = as_lanes(d, buffers.points);
  const std::size_t n_folded = plan.used_points() - std::min(plan.used_points(), kPartSize);
  T* spectrum = part + 1 == plan.n_parts ? points : as_lanes(d, buffers.spectrum);
  if (part == 0) {
    fold(d, n_folded, points);
    first_pass<false>(d, points, spectrum);
  } else {
    unfold(d, n_folded, points);
    first_pass<true>(d, points, spectrum);
  }
  second_pass(d, tables.between[part].data(), spectrum);
  return spectrum;
}

/// The bands of the windowed frames in `points` (which it destroys), with each set of weights that is
/// asked for.
template <class D>
HWY_INLINE void bands_of_points(D d,
                                const MelPlan& plan,
                                const MelTables<hn::TFromD<D>>& tables,
                                const MelBuffers& buffers,
                                bool is_any_plain,
                                bool is_any_tilted) {
  using T = hn::TFromD<D>;
  T* powers = as_lanes(d, buffers.powers);
  T* plain_bands = as_lanes(d, buffers.bands);
  T* tilted_bands = plain_bands + plan.n_bands * hn::Lanes(d);
  for (std::size_t part = 0; part < plan.n_parts; ++part) {
    const T* spectrum = transform_part(d, plan, tables, buffers, part);
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

/// One bit per lane.
template <class D>
HWY_INLINE std::uint32_t mask_bits(D d, hn::Mask<D> mask) {
  unsigned char bytes[8] = {};
  hn::StoreMaskBits(d, mask, bytes);
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

/// The bands of the frames that begin at samples[0], samples[hop], …, as precise as single precision
/// allows; adds the bits of those that it does not suffice for.
template <class D>
HWY_INLINE const float* tilted_bands_of(D d,
                                        const MelPlan& plan,
                                        const MelBuffers& buffers,
                                        const float* samples,
                                        std::uint32_t* imprecise) {
  float* points = as_lanes(d, buffers.points);
  float* bands = as_lanes(d, buffers.bands);
  float* tilted_bands = bands + plan.n_bands * hn::Lanes(d);
  const auto is_tilted = choose_tilted(d, plan, samples);
  const bool is_all_plain = hn::AllFalse(d, is_tilted);
  const bool is_all_tilted = hn::AllTrue(d, is_tilted);
  if (is_all_plain) {
    load_frames<Windowing::plain>(d, plan, samples, is_tilted, buffers.columns, points);
  } else if (is_all_tilted) {
    load_frames<Windowing::tilted>(d, plan, samples, is_tilted, buffers.columns, points);
  } else {
    load_frames<Windowing::mixed>(d, plan, samples, is_tilted, buffers.columns, points);
  }
  bands_of_points(d, plan, plan.single, buffers, !is_all_tilted, !is_all_plain);
  if (is_all_plain) {
    *imprecise |= mask_bits(d, is_imprecise(d, plan, plan.tests[kPlain], bands));
    return bands;
  }
  const auto is_bad_tilted = is_imprecise(d, plan, plan.tests[kTilted], tilted_bands);
  if (is_all_tilted) {
    *imprecise |= mask_bits(d, is_bad_tilted);
    return tilted_bands;
  }
  const auto is_bad_plain = is_imprecise(d, plan, plan.tests[kPlain], bands);
  *imprecise |= mask_bits(d, hn::And(is_tilted, is_bad_tilted));
  *imprecise |= mask_bits(d, hn::AndNot(is_tilted, is_bad_plain));
  for (std::size_t at = 0; at < plan.n_bands * hn::Lanes(d); at += hn::Lanes(d)) {
    const auto plain = hn::Load(d, bands + at);
    hn::Store(hn::IfThenElse(is_tilted, hn::Load(d, tilted_bands + at), plain), d, bands + at);
  }
  return bands;
}

/// Rows of as many frames as there are lanes.
/// @return  Bits of the frames that are not precise enough.
template <class D>
HWY_INLINE std::uint32_t process_lanes(
    D d, const MelPlan& plan, const MelBuffers& buffers, const float* samples, float* rows) {
  std::uint32_t imprecise = 0;
  const float* bands = as_lanes(d, buffers.bands);
  if (plan.options.is_precise) {
    bands = tilted_bands_of(d, plan, buffers, samples, &imprecise);
  } else {
    float* points = as_lanes(d, buffers.points);
    const auto is_tilted = hn::FirstN(d, 0);
    load_frames<Windowing::emphasised>(d, plan, samples, is_tilted, buffers.columns, points);
    bands_of_points(d, plan, plan.single, buffers, true, false);
  }
  if (plan.options.log_floor >= kNormalMin || plan.options.log_offset >= kNormalMin) {
    logarithms<false>(d, plan, bands, buffers.levels);
  } else {
    logarithms<true>(d, plan, bands, buffers.levels);
  }
  transpose_to_rows(d, buffers.levels, plan.n_bands, rows);
  return imprecise;
}

std::uint32_t process_batch_impl(const MelPlan& plan,
                                 const MelBuffers& buffers,
                                 const float* samples,
                                 std::size_t n_frames,
                                 float* rows) {
  const hn::CappedTag<float, kBatchFrames> d;
  std::uint32_t imprecise = 0;
  for (std::size_t first = 0; first < n_frames; first += hn::Lanes(d)) {
    const std::size_t n = std::min(hn::Lanes(d), n_frames - first);
    float* to = rows + first * plan.n_bands;
    float* whole = n == hn::Lanes(d) ? to : buffers.rows;
    imprecise |= process_lanes(d, plan, buffers, samples + first * plan.hop, whole) << first;
    if (whole != to) std::copy_n(whole, n * plan.n_bands, to);
  }
  return imprecise & ((1U << n_frames) - 1U);
}

void process_precise_impl(const MelPlan& plan,
                          const MelBuffers& buffers,
                          const float* const* frames,
                          float* const* rows,
                          std::size_t n_frames) {
  const hn::CappedTag<double, kVectorBytesMax / sizeof(double)> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t n_lanes = hn::Lanes(d);
  double* bands = as_lanes(d, buffers.bands);
  float* narrow_bands = as_lanes(df, buffers.powers);
  for (std::size_t first = 0; first < n_frames; first += n_lanes) {
    const std::size_t n = std::min(n_lanes, n_frames - first);
    load_precise_frames(d, plan, frames + first, n, as_lanes(d, buffers.points));
    bands_of_points(d, plan, plan.precise, buffers, true, false);
    for (std::size_t m = 0; m < plan.n_bands; ++m) {
      const auto narrow = hn::DemoteTo(df, hn::Load(d, bands + m * n_lanes));
      hn::Store(narrow, df, narrow_bands + m * n_lanes);
    }
    logarithms<false>(df, plan, narrow_bands, buffers.levels);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t m = 0; m < plan.n_bands; ++m) {
        rows[first + i][m] = buffers.levels[m * n_lanes + i];
      }
    }
  }
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
