#include "audio/resample_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "audio/resample_kernels.cc"
#include <hwy/foreach_target.h>
// foreach_target must come first.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace baleen::audio::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, kLanes>;
using FloatVector = hn::Vec<Floats>;

// N vectors of neighbouring outputs at once: enough independent sums to hide the adder's latency.
template <std::size_t N>
HWY_INLINE void half_band_groups(const float* HWY_RESTRICT even,
                                 const float* HWY_RESTRICT odd,
                                 const float* HWY_RESTRICT taps,
                                 std::size_t n_taps,
                                 float* HWY_RESTRICT out) {
  const Floats d;
  const std::size_t width = hn::Lanes(d);
  FloatVector sums[N];
  const auto half = hn::Set(d, 0.5F);
  for (std::size_t i = 0; i < N; ++i) sums[i] = hn::Mul(half, hn::LoadU(d, even + i * width));
  for (std::size_t k = 0; k < n_taps; ++k) {
    const auto tap = hn::Set(d, taps[k]);
    for (std::size_t i = 0; i < N; ++i) {
      sums[i] = hn::Add(sums[i], hn::Mul(tap, hn::LoadU(d, odd + k + i * width)));
    }
  }
  for (std::size_t i = 0; i < N; ++i) hn::StoreU(sums[i], d, out + i * width);
}

void half_band(const float* HWY_RESTRICT even,
               const float* HWY_RESTRICT odd,
               const float* HWY_RESTRICT taps,
               std::size_t n_taps,
               std::size_t n_out,
               float* HWY_RESTRICT out) {
  constexpr std::size_t kAtOnce = 8;
  const std::size_t width = hn::Lanes(Floats());
  std::size_t n = 0;
  for (; n + kAtOnce * width <= n_out; n += kAtOnce * width) {
    half_band_groups<kAtOnce>(even + n, odd + n, taps, n_taps, out + n);
  }
  for (; n + 2 * width <= n_out; n += 2 * width) {
    half_band_groups<2>(even + n, odd + n, taps, n_taps, out + n);
  }
  for (; n < n_out; n += width) half_band_groups<1>(even + n, odd + n, taps, n_taps, out + n);
}

// N outputs of different phases, `width` stretches each.
template <std::size_t N>
HWY_INLINE void polyphase_group(const float* HWY_RESTRICT in,
                                const std::int32_t* HWY_RESTRICT first,
                                const std::int32_t* HWY_RESTRICT tap_row,
                                const float* HWY_RESTRICT taps,
                                std::size_t n_taps,
                                float* HWY_RESTRICT out) {
  const Floats d;
  const float* rows[N];
  const float* phase_taps[N];
  FloatVector sums[N];
  for (std::size_t j = 0; j < N; ++j) {
    rows[j] = in + static_cast<std::size_t>(first[j]) * kLanes;
    phase_taps[j] = taps + static_cast<std::size_t>(tap_row[j]) * n_taps;
    sums[j] = hn::Zero(d);
  }
  for (std::size_t k = 0; k < n_taps; ++k) {
    for (std::size_t j = 0; j < N; ++j) {
      const auto product =
          hn::Mul(hn::Set(d, phase_taps[j][k]), hn::LoadU(d, rows[j] + k * kLanes));
      sums[j] = hn::Add(sums[j], product);
    }
  }
  for (std::size_t j = 0; j < N; ++j) hn::StoreU(sums[j], d, out + j * kLanes);
}

void polyphase(const float* HWY_RESTRICT in,
               const std::int32_t* HWY_RESTRICT first,
               const std::int32_t* HWY_RESTRICT tap_row,
               const float* HWY_RESTRICT taps,
               std::size_t n_taps,
               std::size_t n_out,
               float* HWY_RESTRICT out) {
  constexpr std::size_t kAtOnce = 8;
  const std::size_t width = hn::Lanes(Floats());
  for (std::size_t lane = 0; lane < kLanes; lane += width) {
    std::size_t j = 0;
    for (; j + kAtOnce <= n_out; j += kAtOnce) {
      polyphase_group<kAtOnce>(in + lane, first + j, tap_row + j, taps, n_taps,
                               out + j * kLanes + lane);
    }
    for (; j < n_out; ++j) {
      polyphase_group<1>(in + lane, first + j, tap_row + j, taps, n_taps, out + j * kLanes + lane);
    }
  }
}

/// The sum of 16 lanes as a fixed tree: halves are added until one is left.
HWY_INLINE float fold(const float* HWY_RESTRICT lanes) {
  float half[kLanes];
  std::copy_n(lanes, kLanes, half);
  for (std::size_t n = kLanes / 2; n > 0; n /= 2) {
    for (std::size_t i = 0; i < n; ++i) half[i] += half[i + n];
  }
  return half[0];
}

float interpolated(const float* HWY_RESTRICT in,
                   const float* HWY_RESTRICT taps,
                   std::size_t n_taps,
                   float fraction) {
  const Floats d;
  const std::size_t width = hn::Lanes(d);
  float near_lanes[kLanes];
  float far_lanes[kLanes];
  for (std::size_t lane = 0; lane < kLanes; lane += width) {
    auto near_sum = hn::Zero(d);
    auto far_sum = hn::Zero(d);
    for (std::size_t k = lane; k < n_taps; k += kLanes) {
      const auto x = hn::LoadU(d, in + k);
      near_sum = hn::Add(near_sum, hn::Mul(x, hn::LoadU(d, taps + k)));
      far_sum = hn::Add(far_sum, hn::Mul(x, hn::LoadU(d, taps + n_taps + k)));
    }
    hn::StoreU(near_sum, d, near_lanes + lane);
    hn::StoreU(far_sum, d, far_lanes + lane);
  }
  const float near_value = fold(near_lanes);
  const float far_value = fold(far_lanes);
  return near_value + fraction * (far_value - near_value);
}

std::int64_t quantise(const float* HWY_RESTRICT in, std::size_t n, std::int16_t* HWY_RESTRICT out) {
  const Floats d;
  const hn::Rebind<std::int16_t, Floats> d16;
  const std::size_t width = hn::Lanes(d);
  const auto scale = hn::Set(d, 32768.0F);
  const auto low = hn::Set(d, -32768.0F);
  const auto high = hn::Set(d, 32767.0F);
  std::int64_t n_clipped = 0;
  std::size_t i = 0;
  for (; i + width <= n; i += width) {
    const auto value = hn::Round(hn::Mul(scale, hn::LoadU(d, in + i)));
    const auto bounded = hn::Min(hn::Max(value, low), high);
    n_clipped += static_cast<std::int64_t>(hn::CountTrue(d, hn::Ne(value, bounded)));
    hn::StoreU(hn::DemoteTo(d16, hn::ConvertTo(hn::RebindToSigned<Floats>(), bounded)), d16,
               out + i);
  }
  for (; i < n; ++i) {
    const float value = std::nearbyint(32768.0F * in[i]);
    const float bounded = std::min(std::max(value, -32768.0F), 32767.0F);
    if (value != bounded) ++n_clipped;
    out[i] = static_cast<std::int16_t>(bounded);
  }
  return n_clipped;
}

/// True if every sample is at most 1e9 in magnitude (NaN is not).
bool all_sane(const float* HWY_RESTRICT in, std::size_t n) {
  const Floats d;
  const std::size_t width = hn::Lanes(d);
  const auto bound = hn::Set(d, 1e9F);
  std::size_t i = 0;
  for (; i + width <= n; i += width) {
    if (!hn::AllTrue(d, hn::Le(hn::Abs(hn::LoadU(d, in + i)), bound))) return false;
  }
  for (; i < n; ++i) {
    if (!(std::abs(in[i]) <= 1e9F)) return false;
  }
  return true;
}

}  // namespace baleen::audio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::audio {

HWY_EXPORT(half_band);
HWY_EXPORT(polyphase);
HWY_EXPORT(interpolated);
HWY_EXPORT(quantise);
HWY_EXPORT(all_sane);

void half_band_kernel(const float* even,
                      const float* odd,
                      const float* taps,
                      std::size_t n_taps,
                      std::size_t n_out,
                      float* out) {
  HWY_DYNAMIC_DISPATCH(half_band)(even, odd, taps, n_taps, n_out, out);
}

void polyphase_kernel(const float* in,
                      const std::int32_t* first,
                      const std::int32_t* tap_row,
                      const float* taps,
                      std::size_t n_taps,
                      std::size_t n_out,
                      float* out) {
  HWY_DYNAMIC_DISPATCH(polyphase)(in, first, tap_row, taps, n_taps, n_out, out);
}

float interpolated_kernel(const float* in, const float* taps, std::size_t n_taps, float fraction) {
  return HWY_DYNAMIC_DISPATCH(interpolated)(in, taps, n_taps, fraction);
}

std::int64_t quantise_kernel(const float* in, std::size_t n, std::int16_t* out) {
  return HWY_DYNAMIC_DISPATCH(quantise)(in, n, out);
}

std::int64_t make_finite(float* samples, std::size_t n) {
  if (HWY_DYNAMIC_DISPATCH(all_sane)(samples, n)) return 0;
  std::int64_t n_bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(samples[i])) {
      samples[i] = 0;
      ++n_bad;
    } else {
      samples[i] = std::clamp(samples[i], -1e9F, 1e9F);
    }
  }
  return n_bad;
}

}  // namespace baleen::audio
#endif  // HWY_ONCE
