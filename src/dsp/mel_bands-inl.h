/// From powers to logarithms of bands, one frame per vector lane. Per-target: included by mel_kernel.cc
/// only.

#if defined(BALEEN_DSP_MEL_BANDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_DSP_MEL_BANDS_INL_H_
#undef BALEEN_DSP_MEL_BANDS_INL_H_
#else
#define BALEEN_DSP_MEL_BANDS_INL_H_
#endif

#include <cstddef>

#include "dsp/mel_plan.h"
#include "hwy/highway.h"

// Keeps a vector that is used twice in a register, where the compiler would load it twice.
#undef BALEEN_LOAD_ONCE
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
#define BALEEN_LOAD_ONCE(vector) __asm__("" : "+v"((vector).raw))
#else
#define BALEEN_LOAD_ONCE(vector) static_cast<void>(vector)
#endif

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// The weights of the bins of a part for the lanes of a batch: plain, tilted, or one or the other.
template <class D>
struct LaneWeights {
  const hn::TFromD<D>* plain;
  const hn::TFromD<D>* tilted;
  hn::Mask<D> is_tilted;
};

enum class Tilted { none, all, some };

template <Tilted kTiltedLanes, class D>
HWY_INLINE hn::Vec<D> lane_weight(D d, const LaneWeights<D>& weights, std::size_t i) {
  if constexpr (kTiltedLanes == Tilted::none) return hn::Set(d, weights.plain[i]);
  if constexpr (kTiltedLanes == Tilted::all) return hn::Set(d, weights.tilted[i]);
  return hn::IfThenElse(weights.is_tilted, hn::Set(d, weights.tilted[i]),
                        hn::Set(d, weights.plain[i]));
}

/// Adds the bins of a part to the bands. The first part starts them.
template <Tilted kTiltedLanes, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void add_to_bands(D d,
                               const PartSegments& segments,
                               LaneWeights<D> weights,
                               bool is_first,
                               const T* HWY_RESTRICT powers,
                               T* HWY_RESTRICT bands) {
  using V = hn::Vec<D>;
  const std::size_t n_lanes = hn::Lanes(d);
  const std::size_t n_bands = segments.runs.size() - 1;
  V rising_before = hn::Zero(d);
  for (std::size_t s = 0; s <= n_bands; ++s) {
    const T* power = powers + segments.runs[s].first_bin * n_lanes;
    V falling = is_first || s == 0 ? hn::Zero(d) : hn::Load(d, bands + (s - 1) * n_lanes);
    V rising = hn::Zero(d);
    for (std::size_t i = 0; i < segments.runs[s].n_pairs; ++i) {
      V p0 = hn::Load(d, power);
      V p1 = hn::Load(d, power + n_lanes);
      BALEEN_LOAD_ONCE(p0);
      BALEEN_LOAD_ONCE(p1);
      falling = hn::MulAdd(lane_weight<kTiltedLanes>(d, weights, 0), p0, falling);
      rising = hn::MulAdd(lane_weight<kTiltedLanes>(d, weights, 1), p0, rising);
      falling = hn::MulAdd(lane_weight<kTiltedLanes>(d, weights, 2), p1, falling);
      rising = hn::MulAdd(lane_weight<kTiltedLanes>(d, weights, 3), p1, rising);
      weights.plain += 4;
      weights.tilted += 4;
      power += 2 * n_lanes;
    }
    if (s > 0) hn::Store(hn::Add(rising_before, falling), d, bands + (s - 1) * n_lanes);
    rising_before = rising;
  }
}

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
template <class D>
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
    const V level_weight = hn::IfThenElse(is_tilted, hn::Set(d, tilted.level_weights[m]),
                                          hn::Set(d, plain.level_weights[m]));
    const V margin =
        hn::IfThenElse(is_tilted, hn::Set(d, tilted.margins[m]), hn::Set(d, plain.margins[m]));
    mean_power = hn::MulAdd(level_weight, band, mean_power);
    worst = hn::Min(worst, hn::Mul(margin, hn::Max(band, floor)));
  }
  return hn::Lt(worst, mean_power);
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
