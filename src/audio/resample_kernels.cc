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

void polyphase(const Row* HWY_RESTRICT in,
               const std::int32_t* HWY_RESTRICT first,
               const float* HWY_RESTRICT taps,
               std::size_t n_taps,
               std::size_t n_out,
               Row* HWY_RESTRICT out) {
  const Floats d;
  const std::size_t width = hn::Lanes(d);
  for (std::size_t j = 0; j < n_out; j += kGroup) {
    for (std::size_t lane = 0; lane < kLanes; lane += width) {
      const float* rows[kGroup];
      FloatVector sums[kGroup];
      for (std::size_t i = 0; i < kGroup; ++i) {
        rows[i] = in[first[j + i]].lane + lane;
        sums[i] = hn::Zero(d);
      }
      const float* tap = taps + j * n_taps;
      for (std::size_t k = 0; k < n_taps * kLanes; k += kLanes, tap += kGroup) {
        for (std::size_t i = 0; i < kGroup; ++i) {
          sums[i] = hn::Add(sums[i], hn::Mul(hn::Set(d, tap[i]), hn::Load(d, rows[i] + k)));
        }
      }
      for (std::size_t i = 0; i < kGroup; ++i) hn::Store(sums[i], d, out[j + i].lane + lane);
    }
  }
}

#if HWY_TARGET != HWY_SCALAR
using Floats4 = hn::FixedTag<float, 4>;
using FloatVector4 = hn::Vec<Floats4>;

/// Transposes a 4 by 4 matrix given by its rows.
HWY_INLINE void transpose(FloatVector4 (&m)[4]) {
  const Floats4 d;
  const auto low_01 = hn::InterleaveLower(d, m[0], m[1]);
  const auto low_23 = hn::InterleaveLower(d, m[2], m[3]);
  const auto high_01 = hn::InterleaveUpper(d, m[0], m[1]);
  const auto high_23 = hn::InterleaveUpper(d, m[2], m[3]);
  m[0] = hn::ConcatLowerLower(d, low_23, low_01);
  m[1] = hn::ConcatUpperUpper(d, low_23, low_01);
  m[2] = hn::ConcatLowerLower(d, high_23, high_01);
  m[3] = hn::ConcatUpperUpper(d, high_23, high_01);
}
#endif

void to_rows(const float* HWY_RESTRICT in,
             std::size_t stride,
             std::size_t n_rows,
             Row* HWY_RESTRICT rows) {
  std::size_t row = 0;
#if HWY_TARGET != HWY_SCALAR
  const Floats4 d;
  for (; row + 4 <= n_rows; row += 4) {
    for (std::size_t lane = 0; lane < kLanes; lane += 4) {
      FloatVector4 m[4];
      for (std::size_t i = 0; i < 4; ++i) m[i] = hn::LoadU(d, in + (lane + i) * stride + row);
      transpose(m);
      for (std::size_t i = 0; i < 4; ++i) hn::Store(m[i], d, rows[row + i].lane + lane);
    }
  }
#endif
  for (; row < n_rows; ++row) {
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      rows[row].lane[lane] = in[lane * stride + row];
  }
}

void from_rows(const Row* HWY_RESTRICT rows,
               std::size_t n_rows,
               float* HWY_RESTRICT out,
               std::size_t stride) {
  std::size_t row = 0;
#if HWY_TARGET != HWY_SCALAR
  const Floats4 d;
  for (; row + 4 <= n_rows; row += 4) {
    for (std::size_t lane = 0; lane < kLanes; lane += 4) {
      FloatVector4 m[4];
      for (std::size_t i = 0; i < 4; ++i) m[i] = hn::Load(d, rows[row + i].lane + lane);
      transpose(m);
      for (std::size_t i = 0; i < 4; ++i) hn::StoreU(m[i], d, out + (lane + i) * stride + row);
    }
  }
#endif
  for (; row < n_rows; ++row) {
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      out[lane * stride + row] = rows[row].lane[lane];
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

HWY_EXPORT(polyphase);
HWY_EXPORT(to_rows);
HWY_EXPORT(from_rows);
HWY_EXPORT(interpolated);
HWY_EXPORT(quantise);
HWY_EXPORT(all_sane);

void rows_from_stretches(const float* in, std::size_t stride, std::size_t n_rows, Row* rows) {
  HWY_DYNAMIC_DISPATCH(to_rows)(in, stride, n_rows, rows);
}

void stretches_from_rows(const Row* rows, std::size_t n_rows, float* out, std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(from_rows)(rows, n_rows, out, stride);
}

void polyphase_kernel(const Row* in,
                      const std::int32_t* first,
                      const float* taps,
                      std::size_t n_taps,
                      std::size_t n_out,
                      Row* out) {
  HWY_DYNAMIC_DISPATCH(polyphase)(in, first, taps, n_taps, n_out, out);
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
