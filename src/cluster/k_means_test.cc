#include "cluster/k_means.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

/// `k` groups of `n_each` points around corners that are far from each other; point i is of group i % k.
Matrix groups(std::size_t k, std::size_t n_each, std::uint64_t seed) {
  constexpr std::size_t kSize = 8;
  Random random(seed);
  Matrix points(k * n_each, kSize);
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    for (float& value : points.row(i)) value = random.uniform();
    points.row(i)[i % k] += 10;
  }
  return points;
}

TEST(KMeans, FindsGroupsThatAreFarApart) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const Matrix points = groups(5, 40, seed);
    const Matrix centres = k_means(points.view(), {.n_clusters = 5, .seed = seed});
    ASSERT_EQ(centres.n_rows(), 5U);
    std::set<std::size_t> used;
    for (std::size_t i = 0; i < points.n_rows(); ++i) {
      const std::size_t found = nearest_centre(centres.view(), points.row(i));
      EXPECT_EQ(found, nearest_centre(centres.view(), points.row(i % 5)));
      used.insert(found);
    }
    EXPECT_EQ(used.size(), 5U);
  }
}

TEST(KMeans, TheSamePointsAndSeedGiveTheSameBytes) {
  const Matrix points = groups(3, 100, 7);
  const Matrix a = k_means(points.view(), {.n_clusters = 4});
  const Matrix b = k_means(points.view(), {.n_clusters = 4});
  EXPECT_TRUE(std::ranges::equal(a.values(), b.values()));
}

TEST(KMeans, ThereAreNoMoreCentresThanDifferentPoints) {
  EXPECT_EQ(k_means(Matrix(std::vector<float>(12, 1.0F), 4, 3).view(), {.n_clusters = 3}).n_rows(),
            1U);
  EXPECT_EQ(k_means(Matrix({0, 0, 1, 1, 0, 0}, 3, 2).view(), {.n_clusters = 8}).n_rows(), 2U);
  EXPECT_EQ(k_means(Matrix(0, 4).view(), {}).n_rows(), 0U);
}

}  // namespace
}  // namespace baleen::cluster
