#include "dsp/mel_kernel.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dsp/mel_kernel.cc"
#include "hwy/foreach_target.h"
// Behind foreach_target.h, which includes this file once per target.
#include "dsp/mel_bands-inl.h"
#include "dsp/mel_frames-inl.h"
#include "dsp/real_fft-inl.h"
#include "dsp/transpose-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::TFromD<D>* as_lanes(D /*tag*/, unsigned char* buffer) {
  return reinterpret_cast<hn::TFromD<D>*>(buffer);
}

/// Folds the points behind the first 512 onto them: part 0 starts from x[n] + x[n+512], part 1 from
/// x[n] - x[n+512] (which this leaves in the place of x[n+512]).
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void fold(D d, std::size_t n_folded, T* points) {
  for (std::size_t n = 0; n < n_folded; ++n) {
    T* low = points + n * hn::Lanes(d);
    T* high = points + (n + kPartPoints) * hn::Lanes(d);
    const auto a = hn::Load(d, low);
    const auto b = hn::Load(d, high);
    hn::Store(hn::Add(a, b), d, low);
    hn::Store(hn::Sub(a, b), d, high);
  }
}

/// Between the parts: the differences take the place of the sums.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void unfold(D d, std::size_t n_folded, T* points) {
  for (std::size_t n = 0; n < n_folded; ++n) {
    const auto difference = hn::Load(d, points + (n + kPartPoints) * hn::Lanes(d));
    hn::Store(difference, d, points + n * hn::Lanes(d));
  }
}

/// Adds one part of the frames in `points` to the bands. The last part is transformed in place: that
/// spares the first-level cache.
template <Spectrum kSpectrum, Tilted kTiltedLanes, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void add_part(D d,
                           const MelPlan& plan,
                           const MelTables<T>& tables,
                           const MelBuffers& buffers,
                           std::size_t part,
                           hn::Mask<D> is_tilted) {
  T* points = as_lanes(d, buffers.points);
  const T* between = tables.between[part].data();
  const auto& weights = tables.weights[part];
  const BandSink<kSpectrum, kTiltedLanes, D> sink{plan.segments[part].data(),
                                                  weights[kPlain].data(), weights[kTilted].data(),
                                                  as_lanes(d, buffers.bands), is_tilted};
  const std::size_t n_folded = plan.used_samples() - std::min(plan.used_samples(), kPartPoints);
  if (part == 0) {
    fold(d, n_folded, points);
    T* rows = as_lanes(d, buffers.spectrum);
    first_pass_even<false>(d, points, rows);
    second_pass_real(d, rows, sink);
    second_pass<8>(d, 1, between, rows, sink);
    first_pass_even<true>(d, points, rows);
    second_pass<8>(d, 0, between + 16 * kRadix, rows, sink.row(8));
  } else {
    unfold(d, n_folded, points);
    first_pass_odd(d, tables.first_odd.data(), points);
    second_pass<16>(d, 0, between, points, sink);
  }
}

/// The bands of the windowed frames in `points`, which it destroys.
template <Spectrum kSpectrum, Tilted kTiltedLanes, class D, class T = hn::TFromD<D>>
HWY_INLINE T* bands_of_points(D d,
                              const MelPlan& plan,
                              const MelTables<T>& tables,
                              const MelBuffers& buffers,
                              hn::Mask<D> is_tilted) {
  T* bands = as_lanes(d, buffers.bands);
  for (std::size_t m = 0; m < plan.n_bands + 2; ++m) {
    hn::Store(hn::Zero(d), d, bands + m * hn::Lanes(d));
  }
  for (std::size_t part = 0; part < plan.n_parts; ++part) {
    add_part<kSpectrum, kTiltedLanes>(d, plan, tables, buffers, part, is_tilted);
  }
  return bands + hn::Lanes(d);
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
/// allows, and the bits of those for which that is not enough.
template <Windowing kWindowing, Tilted kTiltedLanes, class D>
HWY_INLINE std::uint32_t whitened_bands(D d,
                                        const MelPlan& plan,
                                        const MelBuffers& buffers,
                                        const float* samples,
                                        hn::Mask<D> is_tilted) {
  load_frames<kWindowing>(d, plan, samples, is_tilted, buffers.columns,
                          as_lanes(d, buffers.points));
  const float* bands =
      bands_of_points<Spectrum::power, kTiltedLanes>(d, plan, plan.single, buffers, is_tilted);
  return mask_bits(d, is_imprecise<kTiltedLanes>(d, plan, is_tilted, bands));
}

/// The same, after choosing which frames to tilt.
template <class D>
HWY_INLINE std::uint32_t precise_bands(D d,
                                       const MelPlan& plan,
                                       const MelBuffers& buffers,
                                       const float* samples) {
  const auto is_tilted = choose_tilted(d, plan, samples);
  if (hn::AllFalse(d, is_tilted)) {
    return whitened_bands<Windowing::plain, Tilted::none>(d, plan, buffers, samples, is_tilted);
  }
  if (hn::AllTrue(d, is_tilted)) {
    return whitened_bands<Windowing::tilted, Tilted::all>(d, plan, buffers, samples, is_tilted);
  }
  return whitened_bands<Windowing::mixed, Tilted::some>(d, plan, buffers, samples, is_tilted);
}

/// Rows of as many frames as there are lanes.
/// @return  Bits of the frames that are not precise enough.
template <class D>
HWY_INLINE std::uint32_t process_lanes(
    D d, const MelPlan& plan, const MelBuffers& buffers, const float* samples, float* rows) {
  std::uint32_t imprecise = 0;
  if (plan.options.is_precise) {
    imprecise = precise_bands(d, plan, buffers, samples);
  } else {
    const auto none = hn::FirstN(d, 0);
    float* points = as_lanes(d, buffers.points);
    load_frames<Windowing::emphasised>(d, plan, samples, none, buffers.columns, points);
    if (plan.options.spectrum == Spectrum::magnitude) {
      bands_of_points<Spectrum::magnitude, Tilted::none>(d, plan, plan.single, buffers, none);
    } else {
      bands_of_points<Spectrum::power, Tilted::none>(d, plan, plan.single, buffers, none);
    }
  }
  const float* bands = as_lanes(d, buffers.bands) + hn::Lanes(d);
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
  const auto none = hn::FirstN(d, 0);
  float* narrow_bands = as_lanes(df, buffers.spectrum);
  for (std::size_t first = 0; first < n_frames; first += n_lanes) {
    const std::size_t n = std::min(n_lanes, n_frames - first);
    load_precise_frames(d, plan, frames + first, n, as_lanes(d, buffers.points));
    const double* bands =
        bands_of_points<Spectrum::power, Tilted::none>(d, plan, plan.precise, buffers, none);
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
