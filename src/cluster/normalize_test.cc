#include "cluster/normalize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

/// `n` points of `n_groups` deployments in turn: the same sounds, moved and stretched by the deployment.
Matrix deployments(std::size_t n, std::uint32_t n_groups, float stretch) {
  Matrix points(n, 3);
  for (std::size_t i = 0; i < n; ++i) {
    Random random(1, i / n_groups);
    const auto g = static_cast<float>(i % n_groups);
    for (float& x : points.row(i)) x = 10 * g + (1 + stretch * g) * (random.uniform() - 0.5F);
  }
  return points;
}

std::vector<std::uint32_t> in_turn(std::size_t n, std::uint32_t n_groups) {
  std::vector<std::uint32_t> groups(n);
  for (std::size_t i = 0; i < n; ++i) groups[i] = 7 * (static_cast<std::uint32_t>(i) % n_groups);
  return groups;
}

float largest_difference(const Matrix& points, std::size_t n_groups) {
  float largest = 0;
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    for (std::size_t j = 0; j < points.n_columns(); ++j) {
      const float first = points.row(i / n_groups * n_groups)[j];
      largest = std::max(largest, std::abs(points.row(i)[j] - first));
    }
  }
  return largest;
}

TEST(Normalize, TakesOutWhatMovesADeployment) {
  const Matrix points = deployments(900, 3, 0);
  const auto normalized = normalize(points.view(), in_turn(900, 3), {.prior = 0, .l2 = false});
  ASSERT_TRUE(normalized.ok());
  EXPECT_LT(largest_difference(*normalized, 3), 1e-5F);
}

TEST(Normalize, TakesOutWhatStretchesADeploymentIfAsked) {
  const Matrix points = deployments(900, 3, 1);
  const auto centered = normalize(points.view(), in_turn(900, 3), {.prior = 0, .l2 = false});
  const auto scaled = normalize(points.view(), in_turn(900, 3),
                                {.scaling = GroupScaling::per_column, .prior = 0, .l2 = false});
  EXPECT_GT(largest_difference(*centered, 3), 0.5F);
  EXPECT_LT(largest_difference(*scaled, 3), 1e-4F);
}

TEST(Normalize, IsNotMovedByOutliers) {
  Matrix points = deployments(900, 3, 0);
  const auto before = normalize(points.view(), in_turn(900, 3), {.prior = 0, .l2 = false});
  for (std::size_t i = 0; i < 90; ++i) points.row(i)[0] = 1e6F;
  const auto after = normalize(points.view(), in_turn(900, 3), {.prior = 0, .l2 = false});
  EXPECT_NEAR(after->row(500)[0], before->row(500)[0], 0.1F);
}

TEST(Normalize, BelievesALargeGroupMoreThanASmallOne) {
  Matrix points(104, 1);
  std::vector<std::uint32_t> groups(104, 0);
  for (std::size_t i = 100; i < 104; ++i) {
    points.row(i)[0] = 10;
    groups[i] = 1;
  }
  const auto normalized = normalize(points.view(), groups, {.prior = 20, .l2 = false});
  EXPECT_EQ(normalized->row(0)[0], 0);
  EXPECT_NEAR(normalized->row(101)[0], 10.0 * 20 / 24, 1e-5);
}

TEST(Normalize, LeavesConstantColumnsAndZeroRows) {
  const Matrix points({1, 2, 1, 4, 1, 6}, 3, 2);
  const auto normalized = normalize(points.view(), {}, {.scaling = GroupScaling::per_column});
  ASSERT_TRUE(normalized.ok());
  EXPECT_TRUE(std::ranges::equal(normalized->values(), std::vector<float>{0, -1, 0, 0, 0, 1}));
}

TEST(Normalize, IsTheSameAtAnyNumberOfThreads) {
  Matrix points(500, 33);
  for (std::size_t i = 0; i < 500; ++i) {
    Random random(2, i);
    for (float& x : points.row(i)) x = random.uniform();
  }
  const auto one = normalize(points.view(), in_turn(500, 4), {.n_threads = 1});
  const auto three = normalize(points.view(), in_turn(500, 4), {.n_threads = 3});
  EXPECT_TRUE(std::ranges::equal(one->values(), three->values()));
}

TEST(Normalize, NewPointsOfAKnownGroupAreMovedAsThatGroupWas) {
  Random random(5);
  Matrix old(400, 3), later(60, 3);
  std::vector<std::uint32_t> of_old(400), of_later(60);
  for (std::size_t i = 0; i < 400; ++i) {
    of_old[i] = i % 2 == 0 ? 7 : 3;
    for (float& x : old.row(i)) x = random.uniform() + (i % 2 == 0 ? 10.0F : -4.0F);
  }
  for (std::size_t i = 0; i < 60; ++i) {
    of_later[i] = i % 2 == 0 ? 7 : 5;  // 5 is new.
    for (float& x : later.row(i)) x = random.uniform() + (i % 2 == 0 ? 10.0F : 30.0F);
  }
  for (const GroupScaling scaling : {GroupScaling::none, GroupScaling::per_column}) {
    const NormalizeOptions options{.scaling = scaling, .prior = 0, .l2 = false};
    Normalization fitted = fit_normalization(old.view(), of_old, options).value();
    EXPECT_EQ(apply_normalization(later.view(), of_later, fitted, options).error().code,
              ErrorCode::invalid_argument);
    const Matrix before = apply_normalization(old.view(), of_old, fitted, options).value();
    ASSERT_TRUE(extend_normalization(later.view(), of_later, options, fitted).ok());
    EXPECT_EQ(fitted.groups, (std::vector<std::uint32_t>{3, 5, 7}));
    const Matrix after = apply_normalization(old.view(), of_old, fitted, options).value();
    EXPECT_TRUE(std::ranges::equal(before.values(), after.values())) << "the old ones stay";
    const Matrix moved = apply_normalization(later.view(), of_later, fitted, options).value();
    for (const float x : moved.values()) EXPECT_LT(std::abs(x), 1.5F);
  }
}

TEST(Normalize, RefusesWhatItCannotUse) {
  const Matrix points(4, 2);
  const std::vector<std::uint32_t> three = {1, 2, 3};
  EXPECT_EQ(normalize(points.view(), three, {}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(normalize(points.view(), {}, {.prior = -1}).error().code, ErrorCode::invalid_argument);
  const Matrix broken({std::numeric_limits<float>::quiet_NaN()}, 1, 1);
  EXPECT_EQ(normalize(broken.view(), {}, {}).error().code, ErrorCode::embedding_not_finite);
  EXPECT_EQ(normalize(Matrix(0, 5).view(), {}, {})->n_rows(), 0U);
}

TEST(Normalize, GivesRowsOfLengthOneEvenIfTheyAreHuge) {
  Matrix points({3, 4, 0, 0, 3e30F, 4e30F, 3e-30F, 4e-30F}, 4, 2);
  EXPECT_EQ(l2_normalize(points), 1U);
  for (const std::size_t i : {0U, 2U, 3U}) {
    EXPECT_NEAR(points.row(i)[0], 0.6, 1e-6);
    EXPECT_NEAR(points.row(i)[1], 0.8, 1e-6);
  }
  EXPECT_EQ(points.row(1)[0], 0);
}

}  // namespace
}  // namespace baleen::cluster
