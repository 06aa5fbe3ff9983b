#include "cluster/knn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

Matrix noise(std::size_t n, std::size_t d, std::uint64_t seed) {
  Random random(seed);
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    for (float& value : points.row(i)) value = random.uniform() - 0.5F;
  }
  return points;
}

/// By the definition: all distances in double precision, sorted by (distance, index).
Neighbors reference(MatrixView points, const NeighborOptions& options) {
  Neighbors result{points.n_rows(), options.k, {}, {}};
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    std::vector<std::pair<double, std::uint32_t>> all;
    for (std::uint32_t j = 0; j < points.n_rows(); ++j) {
      if (j == i || (!options.groups.empty() && options.groups[i] == options.groups[j])) continue;
      double squared = 0;
      double product = 0;
      double aa = 0;
      double bb = 0;
      for (std::size_t c = 0; c < points.n_columns(); ++c) {
        const double a = static_cast<double>(points.row(i)[c]);
        const double b = static_cast<double>(points.row(j)[c]);
        squared += (a - b) * (a - b);
        product += a * b;
        aa += a * a;
        bb += b * b;
      }
      const double cosine =
          aa == 0 || bb == 0 ? (aa == bb ? 0 : 1) : 1 - product / std::sqrt(aa * bb);
      all.emplace_back(options.metric == Metric::cosine ? cosine : std::sqrt(squared), j);
    }
    std::sort(all.begin(), all.end());
    all.resize(options.k, {INFINITY, kNoNeighbor});
    for (const auto& [distance, j] : all) {
      result.indices.push_back(j);
      result.distances.push_back(static_cast<float>(distance));
    }
  }
  return result;
}

using Search = Result<Neighbors> (*)(MatrixView, const NeighborOptions&);
class AnySearch : public testing::TestWithParam<Search> {};
INSTANTIATE_TEST_SUITE_P(Searches,
                         AnySearch,
                         testing::Values(exact_neighbors, approximate_neighbors));

void expect_near(const Neighbors& found, const Neighbors& truth, float tolerance) {
  ASSERT_EQ(found.n, truth.n);
  ASSERT_EQ(found.k, truth.k);
  for (std::size_t i = 0; i < found.distances.size(); ++i) {
    if (std::isinf(truth.distances[i])) {
      ASSERT_EQ(found.distances[i], truth.distances[i]) << i;
      ASSERT_EQ(found.indices[i], kNoNeighbor) << i;
    } else {
      ASSERT_NEAR(found.distances[i], truth.distances[i], tolerance) << i;
    }
  }
}

TEST_P(AnySearch, FindsTheNeighboursOfTheDefinition) {
  for (const std::size_t d : {1U, 2U, 3U, 17U, 64U, 130U}) {
    for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
      if (d == 1 && metric == Metric::cosine) continue;  // Only two distances; ties.
      SCOPED_TRACE(testing::Message() << d << " " << static_cast<int>(metric));
      const Matrix points = noise(300, d, d);
      const NeighborOptions options{.k = 7, .metric = metric};
      const auto found = GetParam()(points.view(), options);
      ASSERT_TRUE(found.ok()) << found.error().to_string();
      const Neighbors truth = reference(points.view(), options);
      EXPECT_GE(recall(*found, truth), GetParam() == Search(exact_neighbors) ? 0.9995 : 0.99);
      for (std::size_t i = 0; i < found->n; ++i) {
        for (std::size_t c = 0; c < 7; ++c) {
          ASSERT_NE(found->indices_of(i)[c], i);
          ASSERT_LE(found->distances_of(i)[c == 0 ? 0 : c - 1], found->distances_of(i)[c]);
        }
      }
    }
  }
}

TEST_P(AnySearch, GivesTheSameBytesAtAnyNumberOfThreads) {
  const Matrix points = noise(2000, 40, 8);
  const auto one = GetParam()(points.view(), {.n_threads = 1});
  const auto three = GetParam()(points.view(), {.n_threads = 3});
  ASSERT_TRUE(one.ok() && three.ok());
  EXPECT_EQ(one->indices, three->indices);
  EXPECT_EQ(one->distances, three->distances);
}

TEST_P(AnySearch, NeverLinksPointsOfOneGroup) {
  const Matrix points = noise(200, 5, 9);
  std::vector<std::uint32_t> groups(200);
  for (std::size_t i = 0; i < 200; ++i)
    groups[i] = static_cast<std::uint32_t>(i < 195 ? i / 50 : 3);
  groups[199] = 9;
  for (std::size_t i = 150; i < 195; ++i) groups[i] = 3;
  const NeighborOptions options{.k = 10, .groups = groups};
  const auto found = GetParam()(points.view(), options);
  ASSERT_TRUE(found.ok());
  expect_near(*found, reference(points.view(), options), 1e-5F);
}

TEST_P(AnySearch, EndsARowWithoutNeighboursWhereAllOthersAreOfTheSameGroup) {
  const Matrix points = noise(30, 4, 10);
  std::vector<std::uint32_t> groups(30, 1);
  groups[4] = 2;
  const auto found = GetParam()(points.view(), {.k = 3, .groups = groups});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->indices_of(0)[0], 4U);
  EXPECT_EQ(found->indices_of(0)[1], kNoNeighbor);
  EXPECT_TRUE(std::isinf(found->distances_of(0)[2]));
  EXPECT_NE(found->indices_of(4)[2], kNoNeighbor);
}

TEST_P(AnySearch, FindsEqualPointsAtDistanceZeroLowestIndexFirst) {
  Matrix points(40, 6);
  for (std::size_t i = 0; i < 40; ++i) {
    for (float& value : points.row(i)) value = 0.3F;
  }
  for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
    const auto found = GetParam()(points.view(), {.k = 3, .metric = metric});
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(std::vector<std::uint32_t>(found->indices.begin(), found->indices.begin() + 6),
              (std::vector<std::uint32_t>{1, 2, 3, 0, 2, 3}));
    EXPECT_EQ(found->distances[0], 0.0F);
  }
}

TEST_P(AnySearch, PutsZeroVectorsAtCosineDistanceOneAndTogether) {
  Matrix points = noise(60, 8, 11);
  for (const std::size_t i : {5U, 17U, 40U}) {
    for (float& value : points.row(i)) value = 0;
  }
  const NeighborOptions options{.k = 4, .metric = Metric::cosine};
  const auto found = GetParam()(points.view(), options);
  ASSERT_TRUE(found.ok());
  expect_near(*found, reference(points.view(), options), 1e-5F);
  EXPECT_EQ(found->indices_of(5)[0], 17U);
  EXPECT_EQ(found->distances_of(5)[1], 0.0F);
  EXPECT_EQ(found->distances_of(5)[2], 1.0F);
}

TEST_P(AnySearch, KeepsItsPrecisionFarFromTheOrigin) {
  Matrix points = noise(400, 12, 12);
  for (std::size_t i = 0; i < 400; ++i) {
    for (float& value : points.row(i)) value = std::round(value * 1024) / 1024 + 1000;
  }
  const auto found = GetParam()(points.view(), {.k = 5});
  ASSERT_TRUE(found.ok());
  EXPECT_GE(recall(*found, reference(points.view(), {.k = 5})), 0.998);
}

TEST_P(AnySearch, FindsTheNeighboursWithinTightClustersFarApart) {
  Matrix points = noise(600, 20, 13);
  for (std::size_t i = 0; i < 600; ++i) {
    for (float& value : points.row(i)) value *= 1e-3F;
    points.row(i)[i % 20] += 10;
  }
  const auto found = GetParam()(points.view(), {.k = 5});
  ASSERT_TRUE(found.ok());
  EXPECT_GE(recall(*found, reference(points.view(), {.k = 5})), 0.99);
}

TEST_P(AnySearch, TakesTwoPoints) {
  const Matrix points({0, 0, 3, 4}, 2, 2);
  const auto found = GetParam()(points.view(), {.k = 1});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->indices, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_EQ(found->distances, (std::vector<float>{5, 5}));
}

TEST_P(AnySearch, RefusesTooFewPoints) {
  const Matrix points = noise(5, 3, 1);
  for (const std::size_t k : {0U, 5U, 9U}) {
    const auto found = GetParam()(points.view(), {.k = k});
    ASSERT_FALSE(found.ok()) << k;
    EXPECT_EQ(found.error().code, ErrorCode::cluster_too_few_points);
  }
  EXPECT_FALSE(GetParam()(MatrixView(), {.k = 1}).ok());
}

TEST_P(AnySearch, NamesTheRowThatIsNotFinite) {
  for (const float bad : {NAN, INFINITY, 1e30F}) {
    Matrix points = noise(700, 9, 1);
    points.row(613)[8] = bad;
    points.row(650)[0] = bad;
    const auto found = GetParam()(points.view(), {.k = 4, .n_threads = 2});
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code, ErrorCode::embedding_not_finite);
    EXPECT_NE(found.error().message.find("row 613 "), std::string::npos) << found.error().message;
  }
}

/// Clusters of few dimensions, each with directions of its own.
Matrix clusters(std::size_t n, std::size_t d, float extent, std::uint64_t seed) {
  constexpr std::size_t kClusters = 12;
  constexpr std::size_t kDirections = 5;
  const Matrix centers = noise(kClusters, d, seed);
  const Matrix maps = noise(kClusters * kDirections, d, seed + 1);
  Random random(seed + 2);
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t c = random.below(kClusters);
    std::copy(centers.row(c).begin(), centers.row(c).end(), points.row(i).begin());
    for (std::size_t m = 0; m < kDirections; ++m) {
      const float z = extent * (random.uniform() + random.uniform() - 1);
      for (std::size_t k = 0; k < d; ++k) points.row(i)[k] += z * maps.row(c * kDirections + m)[k];
    }
    for (float& value : points.row(i)) value += 0.02F * extent * random.uniform();
  }
  return points;
}

void expect_good_approximation(const Matrix& points, const NeighborOptions& options) {
  const auto found = approximate_neighbors(points.view(), options);
  ASSERT_TRUE(found.ok()) << found.error().to_string();
  const auto truth = exact_neighbors(points.view(), options);
  ASSERT_TRUE(truth.ok());
  EXPECT_GE(recall(*found, *truth), 0.99);
}

TEST(ApproximateNeighbors, AreNearlyAllOnClustersInManyDimensions) {
  expect_good_approximation(clusters(3000, 300, 1, 1), {});
  expect_good_approximation(clusters(3000, 300, 1, 1), {.k = 5, .metric = Metric::cosine});
}

TEST(ApproximateNeighbors, AreNearlyAllInTightClustersFarApart) {
  expect_good_approximation(clusters(3000, 300, 1e-3F, 2), {});
  expect_good_approximation(clusters(3000, 40, 1e-6F, 3), {});
}

TEST(ApproximateNeighbors, AreNearlyAllWithoutAnyStructure) {
  expect_good_approximation(noise(2500, 300, 4), {});
  expect_good_approximation(noise(2500, 2, 5), {});
}

TEST(ApproximateNeighbors, KeepGroupsApart) {
  const Matrix points = clusters(3000, 50, 1, 6);
  std::vector<std::uint32_t> groups(3000);
  for (std::size_t i = 0; i < 3000; ++i) groups[i] = static_cast<std::uint32_t>(i / 100);
  const NeighborOptions options{.groups = groups};
  expect_good_approximation(points, options);
  const auto found = approximate_neighbors(points.view(), options);
  for (std::size_t i = 0; i < 3000; ++i) {
    for (const std::uint32_t neighbor : found->indices_of(i))
      ASSERT_NE(groups[neighbor], groups[i]);
  }
}

TEST(ApproximateNeighbors, TakeZeroVectorsAndEqualPointsAndOneDimension) {
  Matrix points = clusters(2000, 64, 1, 7);
  for (std::size_t i = 0; i < 900; ++i) {
    for (float& value : points.row(2 * i)) value = 0;
  }
  expect_good_approximation(points, {.metric = Metric::cosine});
  expect_good_approximation(points, {});
  expect_good_approximation(noise(2000, 1, 8), {.k = 3});
  expect_good_approximation(Matrix(2000, 3), {.k = 3});
}

TEST(ApproximateNeighbors, TakeMoreNeighboursThanAreUsuallyLookedAt) {
  expect_good_approximation(clusters(2000, 64, 1, 10), {.k = 300});
}

TEST(ApproximateNeighbors, DoNotSufferFromManyEqualPoints) {
  Matrix points = clusters(20000, 8, 1, 11);  // As windows of digital silence are: half of all.
  for (std::size_t i = 0; i < 20000; i += 2) std::fill_n(points.row(i).begin(), 8, 0.25F);
  const auto found = approximate_neighbors(points.view(), {.k = 4});
  ASSERT_TRUE(found.ok());
  for (std::size_t i = 0; i < 20000; i += 2) {
    ASSERT_EQ(found->distances_of(i)[3], 0.0F);
    ASSERT_EQ(found->indices_of(i)[3] % 2, 0U);
  }
}

TEST(ApproximateNeighbors, GiveTheSameBytesAtAnyNumberOfThreads) {
  const Matrix points = clusters(3000, 300, 1, 9);
  const auto one = approximate_neighbors(points.view(), {.n_threads = 1});
  const auto four = approximate_neighbors(points.view(), {.n_threads = 4});
  ASSERT_TRUE(one.ok() && four.ok());
  EXPECT_EQ(one->indices, four->indices);
  EXPECT_EQ(one->distances, four->distances);
}

TEST(Recall, CountsEquallyFarNeighboursAsFound) {
  const Neighbors truth{2, 2, {1, 2, 0, 2}, {1, 2, 1, 3}};
  const Neighbors found{2, 2, {1, 3, 2, 3}, {1, 2, 3, 4}};
  EXPECT_DOUBLE_EQ(recall(found, truth), 0.75);
}

TEST(NeighborsOfLast, AreTheTrueOnesAmongThoseBefore) {
  for (const std::size_t n_last : {std::size_t{1}, std::size_t{70}, std::size_t{1100}}) {
    SCOPED_TRACE(n_last);
    const std::size_t n_before = 300;
    Matrix points(n_before + n_last, 20);
    for (std::size_t i = 0; i < points.n_rows(); ++i) {
      Random random(4, i);
      for (float& x : points.row(i)) x = random.uniform();
    }
    const Neighbors found = neighbors_of_last(points.view(), n_last, {.k = 7}).value();
    ASSERT_EQ(found.n, n_last);
    for (std::size_t q = 0; q < n_last; ++q) {
      std::vector<std::pair<float, std::uint32_t>> all;
      for (std::uint32_t j = 0; j < n_before; ++j)
        all.emplace_back(squared_euclidean(points.row(n_before + q), points.row(j)), j);
      std::sort(all.begin(), all.end());
      for (std::size_t c = 0; c < 7; ++c) {
        ASSERT_EQ(found.indices_of(q)[c], all[c].second);
        ASSERT_NEAR(found.distances_of(q)[c], std::sqrt(all[c].first), 1e-5F);
      }
    }
  }
  const Matrix few(5, 2);
  EXPECT_EQ(neighbors_of_last(few.view(), 2, {.k = 4}).error().code,
            ErrorCode::cluster_too_few_points);
}

}  // namespace
}  // namespace baleen::cluster
