#include "cluster/umap.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "cluster/fuzzy_graph.h"
#include "cluster/random.h"
#include "cluster/trustworthiness.h"

namespace baleen::cluster {
namespace {

/// Clusters of three directions each, which lie far apart. Point i is of cluster i % n_clusters.
Matrix clusters(std::size_t n, std::size_t d, std::size_t n_clusters, std::uint64_t seed) {
  Random random(seed);
  const auto draw = [&] { return random.uniform() + random.uniform() - 1.0F; };
  Matrix centers(n_clusters, d);
  Matrix maps(n_clusters * 3, d);
  for (std::size_t c = 0; c < n_clusters; ++c) {
    for (float& value : centers.row(c)) value = 3 * draw();
  }
  for (std::size_t c = 0; c < n_clusters * 3; ++c) {
    for (float& value : maps.row(c)) value = draw();
  }
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t c = i % n_clusters;
    std::copy(centers.row(c).begin(), centers.row(c).end(), points.row(i).begin());
    for (std::size_t m = 0; m < 3; ++m) {
      const float z = draw();
      for (std::size_t k = 0; k < d; ++k) points.row(i)[k] += z * maps.row(3 * c + m)[k];
    }
  }
  return points;
}

/// The part of points whose nearest neighbour in the map is of their cluster.
double purity(MatrixView map, std::size_t n_clusters) {
  const auto nearest = exact_neighbors(map, {.k = 1});
  std::size_t n_pure = 0;
  for (std::size_t i = 0; i < map.n_rows(); ++i) {
    n_pure += nearest->indices[i] % n_clusters == i % n_clusters ? 1 : 0;
  }
  return static_cast<double>(n_pure) / static_cast<double>(map.n_rows());
}

TEST(UmapCurve, IsThatOfUmapLearn) {
  // umap-learn 0.5.7, find_ab_params(spread, min_dist).
  const UmapCurve usual = fit_umap_curve(0.1, 1.0);
  EXPECT_NEAR(usual.a, 1.5769, 2e-3);
  EXPECT_NEAR(usual.b, 0.8951, 1e-3);
  const UmapCurve tight = fit_umap_curve(0.0, 1.0);
  EXPECT_NEAR(tight.a, 1.9328, 4e-3);
  EXPECT_NEAR(tight.b, 0.7905, 2e-3);
}

TEST(FuzzyGraph, MembershipsAddUpToTheLogarithmOfTheNeighbours) {
  const Matrix points = clusters(400, 10, 4, 1);
  for (const float scale : {1.0F, 1e-6F, 1e6F}) {
    auto neighbors = exact_neighbors(points.view(), {.k = 14});
    ASSERT_TRUE(neighbors.ok());
    for (float& distance : neighbors->distances) distance *= scale;
    const auto weights = memberships(*neighbors, 2);
    for (std::size_t i = 0; i < 400; ++i) {
      float sum = 0;
      for (std::size_t c = 0; c < 14; ++c) sum += weights[i * 14 + c];
      ASSERT_EQ(weights[i * 14], 1.0F);
      ASSERT_NEAR(sum, std::log2(15.0F), 1e-3) << i;
    }
  }
}

TEST(FuzzyGraph, IsSymmetricAndItsWeightsAreTheUnion) {
  const Matrix points = clusters(300, 5, 3, 2);
  const auto neighbors = exact_neighbors(points.view(), {.k = 6});
  const auto weights = memberships(*neighbors, 1);
  const FuzzyGraph graph = fuzzy_union(*neighbors, weights, 0, 1);
  std::vector<float> directed(300 * 300);
  for (std::size_t i = 0; i < 300; ++i) {
    for (std::size_t c = 0; c < 6; ++c)
      directed[i * 300 + neighbors->indices_of(i)[c]] = weights[i * 6 + c];
  }
  std::size_t n_edges = 0;
  for (std::size_t i = 0; i < 300; ++i) {
    for (std::uint64_t e = graph.begins[i]; e < graph.begins[i + 1]; ++e) {
      const float a = directed[i * 300 + graph.targets[e]];
      const float b = directed[graph.targets[e] * 300 + i];
      ASSERT_NEAR(graph.weights[e], a + b - a * b, 1e-6);
    }
    n_edges += graph.begins[i + 1] - graph.begins[i];
  }
  EXPECT_EQ(n_edges, static_cast<std::size_t>(
                         std::count_if(directed.begin(), directed.end(), [&](const float& a) {
                           const auto at = static_cast<std::size_t>(&a - directed.data());
                           return a > 0 || directed[at % 300 * 300 + at / 300] > 0;
                         })));
}

TEST(Umap, KeepsNeighboursAndClustersTogether) {
  const Matrix points = clusters(1500, 40, 8, 3);
  for (const std::size_t n_components : {2U, 3U, 5U}) {
    SCOPED_TRACE(n_components);
    const auto map = umap(points.view(), {.n_components = n_components});
    ASSERT_TRUE(map.ok());
    ASSERT_EQ(map->view().n_columns(), n_components);
    EXPECT_GE(purity(map->view(), 8), 0.995);
    EXPECT_GE(*trustworthiness(points.view(), map->view(), {}), 0.95);
  }
}

TEST(Umap, WorksWithEveryInstructionSet) {
  const Matrix points = clusters(400, 20, 4, 3);
  for (std::int64_t bits = hwy::SupportedTargets() & HWY_TARGETS; bits != 0; bits &= bits - 1) {
    SCOPED_TRACE(bits & -bits);
    hwy::SetSupportedTargetsForTest(bits & -bits);
    const auto map = umap(points.view(), {.n_epochs = 100});
    ASSERT_TRUE(map.ok());
    EXPECT_GE(purity(map->view(), 4), 0.99);
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Umap, GivesTheSameBytesAtAnyNumberOfThreadsAndOthersForAnotherSeed) {
  const Matrix points = clusters(1100, 30, 5, 4);
  const auto one = umap(points.view(), {.n_epochs = 40, .n_threads = 1});
  const auto three = umap(points.view(), {.n_epochs = 40, .n_threads = 3});
  const auto other = umap(points.view(), {.n_epochs = 40, .seed = 7, .n_threads = 1});
  ASSERT_TRUE(one.ok() && three.ok() && other.ok());
  EXPECT_TRUE(std::equal(one->values().begin(), one->values().end(), three->values().begin()));
  EXPECT_FALSE(std::equal(one->values().begin(), one->values().end(), other->values().begin()));
}

TEST(UmapEnsemble, PutsMapsOfOtherSeedsSideBySideAndIsTheSameAtAnyNumberOfThreads) {
  const Matrix points = clusters(600, 30, 5, 4);
  UmapOptions options{.n_components = 2, .n_epochs = 100};
  const Matrix alone = umap(points.view(), options).value();
  EXPECT_TRUE(
      std::ranges::equal(umap_ensemble(points.view(), 1, options)->values(), alone.values()));
  const Matrix maps = umap_ensemble(points.view(), 3, options).value();
  options.n_threads = 3;
  EXPECT_TRUE(
      std::ranges::equal(umap_ensemble(points.view(), 3, options)->values(), maps.values()));
  ASSERT_EQ(maps.n_columns(), 6U);
  for (std::size_t m = 0; m < 3; ++m) {
    Matrix map(600, 2);
    for (std::size_t i = 0; i < 600; ++i)
      std::ranges::copy(maps.row(i).subspan(2 * m, 2), map.row(i).begin());
    EXPECT_GE(purity(map.view(), 5), 0.99) << "map " << m;
    EXPECT_EQ(map.row(0)[0] == maps.row(0)[0], m == 0) << "maps differ";
  }
}

TEST(Umap, LeavesNothingInfiniteWhateverThePoints) {
  Matrix equal(50, 4);
  Matrix twice = clusters(60, 3, 2, 5);
  for (std::size_t i = 0; i < 30; ++i)
    std::copy_n(twice.row(i).begin(), 3, twice.row(i + 30).begin());
  Matrix line(40, 1);
  for (std::size_t i = 0; i < 40; ++i) line.row(i)[0] = static_cast<float>(i);
  const Matrix two({0, 0, 1, 1}, 2, 2);
  for (const auto& points : {equal.view(), twice.view(), line.view(), two.view()}) {
    for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
      const auto map = umap(
          points, {.n_neighbors = std::min<std::size_t>(15, points.n_rows()), .metric = metric});
      ASSERT_TRUE(map.ok()) << map.error().to_string();
      for (const float value : map->values()) ASSERT_TRUE(std::isfinite(value));
    }
  }
}

TEST(Umap, TakesPointsThatHaveNoNeighbours) {
  const Matrix points = clusters(100, 6, 2, 6);
  std::vector<std::uint32_t> groups(100, 1);
  groups[10] = 2;
  const auto map = umap(points.view(), {.n_neighbors = 5, .groups = groups});
  ASSERT_TRUE(map.ok());
  for (const float value : map->values()) ASSERT_TRUE(std::isfinite(value));
}

TEST(Umap, RefusesTooFewPointsAndWhatIsNotFinite) {
  Matrix points = clusters(14, 6, 2, 6);
  EXPECT_EQ(umap(points.view(), {}).error().code, ErrorCode::cluster_too_few_points);
  points.row(3)[1] = INFINITY;
  EXPECT_EQ(umap(points.view(), {.n_neighbors = 5}).error().code, ErrorCode::embedding_not_finite);
}

TEST(UmapTransform, PutsNewPointsAmongTheirCluster) {
  const Matrix all = clusters(1200, 40, 6, 7);
  constexpr std::size_t kOld = 1020;
  const MatrixView old(all.values().first(kOld * 40), kOld, 40);
  const auto map = umap(old, {});
  ASSERT_TRUE(map.ok());
  Neighbors neighbors{1200 - kOld, 14, {}, {}};
  const auto among_all = exact_neighbors(all.view(), {.k = 600});
  for (std::size_t i = kOld; i < 1200; ++i) {
    std::size_t n = 0;
    for (std::size_t c = 0; n < 14; ++c) {
      if (among_all->indices_of(i)[c] >= kOld) continue;
      neighbors.indices.push_back(among_all->indices_of(i)[c]);
      neighbors.distances.push_back(among_all->distances_of(i)[c]);
      ++n;
    }
  }
  const Matrix placed = umap_transform(neighbors, map->view(), {});
  const Matrix again = umap_transform(neighbors, map->view(), {.n_threads = 3});
  EXPECT_TRUE(std::equal(placed.values().begin(), placed.values().end(), again.values().begin()));
  std::vector<float> both(map->values().begin(), map->values().end());
  both.insert(both.end(), placed.values().begin(), placed.values().end());
  const Matrix together(std::move(both), 1200, 2);
  EXPECT_GE(purity(together.view(), 6), 0.99);
  EXPECT_GE(*trustworthiness(all.view(), together.view(), {}), 0.95);
}

}  // namespace
}  // namespace baleen::cluster
