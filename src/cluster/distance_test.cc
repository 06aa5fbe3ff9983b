#include "cluster/distance.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cmath>
#include <numeric>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

std::vector<float> noise(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(n);
  for (float& value : values) value = random.uniform() - 0.5F;
  return values;
}

double reference_squared(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

double reference_dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

TEST(Distance, IsThatOfTheDefinitionForAnyNumberOfDimensionsAndInstructionSet) {
  std::int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  for (; supported != 0; supported &= supported - 1) {
    hwy::SetSupportedTargetsForTest(supported & -supported);
    for (std::size_t n = 0; n < 150; ++n) {
      SCOPED_TRACE(n);
      const auto a = noise(n, 1);
      const auto b = noise(n, 2);
      EXPECT_NEAR(squared_euclidean(a, b), reference_squared(a, b), 1e-5);
      EXPECT_NEAR(dot(a, b), reference_dot(a, b), 1e-5);
      EXPECT_EQ(squared_euclidean(a, a), 0.0F);
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Distance, OfOneToManyIsThatOfOneToOne) {
  constexpr std::size_t kColumns = 37;
  const Matrix points(noise(20 * kColumns, 3), 20, kColumns);
  const std::vector<std::uint32_t> rows{19, 0, 7, 7};
  std::vector<float> out(rows.size());
  squared_euclidean_to(points.row(4), points.view(), rows, out);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(out[i], squared_euclidean(points.row(4), points.row(rows[i])));
  }
}

TEST(Distance, CosineIsOneMinusTheCosineAndKeepsItsPrecision) {
  Matrix points(noise(5 * 24, 4), 5, 24);
  for (float& value : points.row(2)) value = 0;
  std::vector<float> scales(5);
  for (std::size_t i = 0; i < 5; ++i) {
    const float squared = dot(points.row(i), points.row(i));
    scales[i] = squared > 0 ? 1 / std::sqrt(squared) : 0;
  }
  std::vector<float> close(points.row(0).begin(), points.row(0).end());
  close[3] += 1e-5F;
  const float close_scale = 1 / std::sqrt(dot(close, close));
  const std::vector<std::uint32_t> rows{0, 1, 2};
  std::vector<float> out(3);
  cosine_to(close, close_scale, points.view(), scales, rows, out);
  EXPECT_LT(out[0], 1e-9F);
  EXPECT_GT(out[0], 0.0F);
  EXPECT_NEAR(out[1], 1 - reference_dot(close, points.row(1)) * scales[1] * close_scale, 1e-5);
  EXPECT_EQ(out[2], 1.0F);
  cosine_to(points.row(2), 0, points.view(), scales, rows, out);
  EXPECT_EQ(out, (std::vector<float>{1, 1, 0}));
}

TEST(Distance, SeesEveryValueThatIsNotFinite) {
  for (const std::size_t n : {1U, 15U, 16U, 40U}) {
    std::vector<float> values = noise(n, 6);
    EXPECT_TRUE(all_finite(values));
    for (std::size_t i = 0; i < n; ++i) {
      const float before = values[i];
      for (const float bad : {NAN, INFINITY, -INFINITY}) {
        values[i] = bad;
        EXPECT_FALSE(all_finite(values)) << i;
      }
      values[i] = before;
    }
  }
}

}  // namespace
}  // namespace baleen::cluster
