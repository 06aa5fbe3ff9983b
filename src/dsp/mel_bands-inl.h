/// From powers to logarithms of bands, one frame per vector lane. Per-target: included by mel_kernel.cc
/// only.

#if defined(BALEEN_DSP_MEL_BANDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_DSP_MEL_BANDS_INL_H_
#undef BALEEN_DSP_MEL_BANDS_INL_H_
#else
#define BALEEN_DSP_MEL_BANDS_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "dsp/dft16-inl.h"
#include "dsp/mel_plan.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

enum class Tilted { none, all, some };

/// plain[i] or tilted[i], by the frame of the lane.
template <Tilted kTiltedLanes, class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> lane_value(
    D d, const T* plain, const T* tilted, std::size_t i, hn::Mask<D> is_tilted) {
  if constexpr (kTiltedLanes == Tilted::none) return hn::Set(d, plain[i]);
  if constexpr (kTiltedLanes == Tilted::all) return hn::Set(d, tilted[i]);
  return hn::IfThenElse(is_tilted, hn::Set(d, tilted[i]), hn::Set(d, plain[i]));
}

/// Adds the bins of a part to the bands as they come out of the FFT: a sink of its second pass. Bin n of
/// row i is number 16·i + n of the tables. It may weigh in two bands, neighbours; nothing branches on which.
template <Spectrum kSpectrum, Tilted kTiltedLanes, class D>
struct BandSink {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  const std::uint16_t* segments;
  const T* plain;   ///< (falling, rising) weights of the frames that are not tilted,
  const T* tilted;  ///< and of those that are.
  T* bands;         ///< One vector in front of band 0.
  hn::Mask<D> is_tilted;

  HWY_INLINE BandSink row(std::size_t i) const {
    return {segments + kRadix * i, plain + 2 * kRadix * i, tilted + 2 * kRadix * i, bands,
            is_tilted};
  }

  HWY_INLINE void store(std::size_t n, const Complex<V>& z) const {
    store_power(n, hn::MulAdd(z.re, z.re, hn::Mul(z.im, z.im)));
  }

  HWY_INLINE void store_power(std::size_t n, V power) const {
    const D d;
    if constexpr (kSpectrum == Spectrum::magnitude) power = hn::Sqrt(power);
    T* falling = bands + segments[n] * hn::Lanes(d);
    T* rising = falling + hn::Lanes(d);
    hn::Store(hn::MulAdd(weight(2 * n), power, hn::Load(d, falling)), d, falling);
    hn::Store(hn::MulAdd(weight(2 * n + 1), power, hn::Load(d, rising)), d, rising);
  }

  HWY_INLINE V weight(std::size_t i) const {
    return lane_value<kTiltedLanes>(D(), plain, tilted, i, is_tilted);
  }
};

/// log2 of positive values. Polynomial of degree 8 in f for log2(1 + f)/f over [√½ - 1, √2 - 1], our
/// own least-maximum fit: error below 1e-7 (3e-7 dB). Zero gives -infinity; NaN and infinity stay.
///
/// @tparam kAnySize  Whether x may be zero, or below what has a full mantissa.
template <bool kAnySize, class D, class V = hn::Vec<D>>
HWY_INLINE V log2_of(D d, V x) {
  const hn::RebindToSigned<D> di;
  V lifted = x;
  V lift = hn::Zero(d);
  if constexpr (kAnySize) {
    const auto is_tiny = hn::Lt(x, hn::Set(d, 1.17549435e-38F));
    lifted = hn::IfThenElse(is_tiny, hn::Mul(x, hn::Set(d, 16777216.0F)), x);
    lift = hn::IfThenElseZero(is_tiny, hn::Set(d, 24.0F));
  }
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
  V whole = hn::ConvertTo(d, exponent);
  if constexpr (kAnySize) whole = hn::Sub(whole, lift);
  V result = hn::MulAdd(sum, f, whole);
  const V infinity = hn::Inf(d);
  if constexpr (kAnySize) {
    result = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), result);
  }
  return hn::IfThenElse(hn::Lt(x, infinity), result, x);
}

/// log_scale·ln(max(band + log_offset, log_floor)) of every band.
template <bool kAnySize, class D>
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
    hn::Store(hn::Mul(scale, log2_of<kAnySize>(d, floored)), d, levels + m * n_lanes);
  }
}

/// The lanes in which some band lies too deep below the mean power of the bins (see PrecisionTest).
template <Tilted kTiltedLanes, class D>
HWY_NOINLINE hn::Mask<D> is_imprecise(D d,
                                      const MelPlan& plan,
                                      hn::Mask<D> is_tilted,
                                      const float* bands) {
  using V = hn::Vec<D>;
  const PrecisionTest& plain = plan.tests[kPlain];
  const PrecisionTest& tilted = plan.tests[kTilted];
  const V floor = hn::Set(d, static_cast<float>(plan.options.log_floor));
  V mean_power = hn::Zero(d);
  V worst = hn::Inf(d);
  for (std::size_t m = 0; m < plan.n_bands; ++m) {
    const V band = hn::Load(d, bands + m * hn::Lanes(d));
    const V level_weight = lane_value<kTiltedLanes>(d, plain.level_weights.data(),
                                                    tilted.level_weights.data(), m, is_tilted);
    const V margin =
        lane_value<kTiltedLanes>(d, plain.margins.data(), tilted.margins.data(), m, is_tilted);
    mean_power = hn::MulAdd(level_weight, band, mean_power);
    worst = hn::Min(worst, hn::Mul(margin, hn::Max(band, floor)));
  }
  return hn::Lt(worst, mean_power);
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
