#include "cluster/distance.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cluster/distance.cc"
#include <hwy/foreach_target.h>
// foreach_target must come first.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace baleen::cluster::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;

/// Each adds one term to a sum of lanes.
struct SquaredDifference {
  FloatVector operator()(FloatVector a, FloatVector b, FloatVector sum) const {
    const auto difference = hn::Sub(a, b);
    return hn::MulAdd(difference, difference, sum);
  }
};
struct Product {
  FloatVector operator()(FloatVector a, FloatVector b, FloatVector sum) const {
    return hn::MulAdd(a, b, sum);
  }
};
struct ScaledDifference {
  FloatVector scale_a;
  FloatVector scale_b;
  FloatVector operator()(FloatVector a, FloatVector b, FloatVector sum) const {
    const auto difference = hn::NegMulAdd(b, scale_b, hn::Mul(a, scale_a));
    return hn::MulAdd(difference, difference, sum);
  }
};

template <class Term>
HWY_INLINE float reduce(const float* HWY_RESTRICT a,
                        const float* HWY_RESTRICT b,
                        std::size_t n,
                        const Term& term) {
  const Floats d;
  const std::size_t width = hn::Lanes(d);
  FloatVector sum0 = hn::Zero(d);
  FloatVector sum1 = hn::Zero(d);
  FloatVector sum2 = hn::Zero(d);
  FloatVector sum3 = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
    sum0 = term(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
    sum1 = term(hn::LoadU(d, a + i + width), hn::LoadU(d, b + i + width), sum1);
    sum2 = term(hn::LoadU(d, a + i + 2 * width), hn::LoadU(d, b + i + 2 * width), sum2);
    sum3 = term(hn::LoadU(d, a + i + 3 * width), hn::LoadU(d, b + i + 3 * width), sum3);
  }
  for (; i + width <= n; i += width) {
    sum0 = term(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
  }
  if (i < n) {  // The last lanes, filled up with zeros, which add nothing.
    HWY_ALIGN float tail_a[HWY_MAX_BYTES / sizeof(float)] = {};
    HWY_ALIGN float tail_b[HWY_MAX_BYTES / sizeof(float)] = {};
    std::copy(a + i, a + n, tail_a);
    std::copy(b + i, b + n, tail_b);
    sum1 = term(hn::Load(d, tail_a), hn::Load(d, tail_b), sum1);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
}

float squared_euclidean_impl(const float* a, const float* b, std::size_t n) {
  return reduce(a, b, n, SquaredDifference{});
}

float dot_impl(const float* a, const float* b, std::size_t n) { return reduce(a, b, n, Product{}); }

/// The beginning of a row; the rest of it is fetched by the machine, which sees the pattern.
HWY_INLINE void prefetch(const float* row, std::size_t n) {
  constexpr std::size_t kLine = 16;
  for (std::size_t i = 0; i < std::min<std::size_t>(n, 8 * kLine); i += kLine) {
    hwy::Prefetch(row + i);
  }
}

void squared_euclidean_to_impl(const float* query,
                               const float* points,
                               std::size_t n,
                               const std::uint32_t* rows,
                               std::size_t n_rows,
                               float* out) {
  for (std::size_t i = 0; i < n_rows; ++i) {
    if (i + 1 < n_rows) {
      prefetch(points + rows[i + 1] * n, n);
    }
    out[i] = reduce(query, points + rows[i] * n, n, SquaredDifference{});
  }
}

/// What rounding alone may make of equal vectors: of 2^-24 in each component of a unit vector, squared.
constexpr float kRounding = 0x1p-46F;

void cosine_to_impl(const float* query,
                    float query_scale,
                    const float* points,
                    std::size_t n,
                    const float* scales,
                    const std::uint32_t* rows,
                    std::size_t n_rows,
                    float* out) {
  const Floats d;
  for (std::size_t i = 0; i < n_rows; ++i) {
    if (i + 1 < n_rows) {
      prefetch(points + rows[i + 1] * n, n);
    }
    const float scale = scales[rows[i]];
    if (query_scale == 0.0F || scale == 0.0F) {
      out[i] = query_scale == scale ? 0.0F : 1.0F;
      continue;
    }
    const ScaledDifference term{hn::Set(d, query_scale), hn::Set(d, scale)};
    const float distance = 0.5F * reduce(query, points + rows[i] * n, n, term);
    out[i] = distance > kRounding ? distance : 0.0F;
  }
}

/// x - x is 0 for what is finite, NaN for the rest.
bool all_finite_impl(const float* values, std::size_t n) {
  const Floats d;
  const std::size_t width = hn::Lanes(d);
  auto sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + width <= n; i += width) {
    const auto value = hn::LoadU(d, values + i);
    sum = hn::Add(sum, hn::Sub(value, value));
  }
  float rest = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) {
    rest += values[i] - values[i];
  }
  return rest == 0.0F;
}

}  // namespace baleen::cluster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::cluster {

HWY_EXPORT(squared_euclidean_impl);
HWY_EXPORT(dot_impl);
HWY_EXPORT(squared_euclidean_to_impl);
HWY_EXPORT(cosine_to_impl);
HWY_EXPORT(all_finite_impl);

float squared_euclidean(std::span<const float> a, std::span<const float> b) {
  BALEEN_CHECK(a.size() == b.size());
  return HWY_DYNAMIC_DISPATCH(squared_euclidean_impl)(a.data(), b.data(), a.size());
}

float dot(std::span<const float> a, std::span<const float> b) {
  BALEEN_CHECK(a.size() == b.size());
  return HWY_DYNAMIC_DISPATCH(dot_impl)(a.data(), b.data(), a.size());
}

void squared_euclidean_to(std::span<const float> query,
                          MatrixView points,
                          std::span<const std::uint32_t> rows,
                          std::span<float> out) {
  BALEEN_CHECK(query.size() == points.n_columns() && rows.size() == out.size());
  HWY_DYNAMIC_DISPATCH(squared_euclidean_to_impl)
  (query.data(), points.data(), query.size(), rows.data(), rows.size(), out.data());
}

void cosine_to(std::span<const float> query,
               float query_scale,
               MatrixView points,
               std::span<const float> scales,
               std::span<const std::uint32_t> rows,
               std::span<float> out) {
  BALEEN_CHECK(query.size() == points.n_columns() && rows.size() == out.size());
  BALEEN_CHECK(scales.size() == points.n_rows());
  HWY_DYNAMIC_DISPATCH(cosine_to_impl)
  (query.data(), query_scale, points.data(), query.size(), scales.data(), rows.data(), rows.size(),
   out.data());
}

bool all_finite(std::span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(all_finite_impl)(values.data(), values.size());
}

}  // namespace baleen::cluster
#endif  // HWY_ONCE
