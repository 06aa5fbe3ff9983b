#include "cluster/trustworthiness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

Matrix noise(std::size_t n, std::size_t d, std::uint64_t seed) {
  Random random(seed);
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    for (float& value : points.row(i)) value = random.uniform();
  }
  return points;
}

TEST(Trustworthiness, IsOneForTheSamePoints) {
  const Matrix points = noise(100, 3, 1);
  const auto found = trustworthiness(points.view(), points.view(), {.n_neighbors = 5});
  ASSERT_TRUE(found.ok());
  EXPECT_DOUBLE_EQ(*found, 1.0);
}

TEST(Trustworthiness, IsAboutAHalfForAMapThatKnowsNothing) {
  const Matrix points = noise(1500, 6, 1);
  const Matrix map = noise(1500, 2, 2);
  const auto found = trustworthiness(points.view(), map.view(), {.n_neighbors = 10});
  ASSERT_TRUE(found.ok());
  EXPECT_NEAR(*found, 0.5, 0.03);
}

// Points 0, 1, 2, 4, 8, 16, 32 on a line; in the map the first comes last: computed by hand from the definition, k = 2.
TEST(Trustworthiness, IsThatOfTheDefinition) {
  const Matrix points({0, 1, 2, 4, 8, 16, 32}, 7, 1);
  const Matrix map({64, 1, 2, 4, 8, 16, 32}, 7, 1);
  // Strangers and their ranks. 0: 32 (6th), 16 (5th): 4 + 3. 1: 4 (3rd): 1. 2: 4 (3rd): 1; 4, 8: none. 16: none. 32: 64,
  // which is 0 (6th) at 32, is farther than 16 and 8 (16, 24): none.
  const double expected = 1 - 2.0 / (7 * 2 * (14 - 6 - 1)) * (4 + 3 + 1 + 1);
  const auto found = trustworthiness(points.view(), map.view(), {.n_neighbors = 2});
  ASSERT_TRUE(found.ok());
  EXPECT_NEAR(*found, expected, 1e-12);
}

TEST(Trustworthiness, OfASampleIsNearThatOfAll) {
  const Matrix points = noise(1200, 4, 3);
  Matrix map(1200, 2);
  for (std::size_t i = 0; i < 1200; ++i) std::copy_n(points.row(i).begin(), 2, map.row(i).begin());
  const auto all = trustworthiness(points.view(), map.view(), {});
  const auto some = trustworthiness(points.view(), map.view(), {.n_sampled = 400, .n_threads = 2});
  ASSERT_TRUE(all.ok() && some.ok());
  EXPECT_NEAR(*all, *some, 0.01);
  EXPECT_LT(*all, 0.99);
}

TEST(Trustworthiness, RefusesTooFewPointsAndWhatIsNotFinite) {
  const Matrix points = noise(10, 3, 4);
  EXPECT_EQ(trustworthiness(points.view(), points.view(), {.n_neighbors = 5}).error().code,
            ErrorCode::cluster_too_few_points);
  Matrix map = noise(10, 2, 5);
  map.row(3)[1] = NAN;
  EXPECT_EQ(trustworthiness(points.view(), map.view(), {.n_neighbors = 2}).error().code,
            ErrorCode::embedding_not_finite);
}

}  // namespace
}  // namespace baleen::cluster
