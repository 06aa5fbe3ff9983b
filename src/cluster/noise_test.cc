#include "cluster/noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cluster/hdbscan.h"
#include "cluster/quality.h"
#include "cluster/random.h"
#include "cluster/umap.h"

namespace baleen::cluster {
namespace {

struct Scene {
  Matrix points;
  std::vector<std::int32_t> classes;  // −1: noise.
};

struct SceneOptions {
  std::size_t n = 3000;
  std::size_t d = 256;
  std::uint32_t n_groups = 30;
  float noise = 0.1F;
  float spread = 10;  // Of the centres.
  std::uint64_t seed = 1;
};

float gauss(Random& random) {
  float sum = 0;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return sum - 6;
}

/// Gaussians of six-fold differing widths that differ along every axis too, and noise uniform over all they cover.
Scene scene(const SceneOptions& options) {
  Scene made{Matrix(options.n, options.d), std::vector<std::int32_t>(options.n)};
  std::vector<float> low(options.d, std::numeric_limits<float>::max());
  std::vector<float> high(options.d, std::numeric_limits<float>::lowest());
  const auto n_noise = static_cast<std::size_t>(options.noise * static_cast<float>(options.n));
  for (std::size_t i = 0; i < options.n; ++i) {
    Random random(options.seed, i);
    const auto row = made.points.row(i);
    if (i >= options.n - n_noise) {
      made.classes[i] = -1;
      for (std::size_t j = 0; j < options.d; ++j) {
        row[j] = low[j] + random.uniform() * (high[j] - low[j]);
      }
      continue;
    }
    const std::uint32_t group = random.below(options.n_groups);
    made.classes[i] = static_cast<std::int32_t>(group);
    Random shape(options.seed + 1000, group);
    const float width = 0.5F * std::exp(shape.uniform() * std::log(6.0F));
    for (std::size_t j = 0; j < options.d; ++j) {
      const float center = options.spread * (2 * shape.uniform() - 1);
      row[j] = center + width * std::exp(0.5F * gauss(shape)) * gauss(random);
      low[j] = std::min(low[j], row[j]);
      high[j] = std::max(high[j], row[j]);
    }
  }
  return made;
}

NoiseScores noise_of(const Scene& scene) {
  const auto neighbors = exact_neighbors(scene.points.view(), {.k = 15, .n_threads = 2});
  EXPECT_TRUE(neighbors.ok());
  return find_noise(*neighbors, {});
}

struct Shares {
  double found = 0;  // Of the noise.
  double lost = 0;   // Of the members.
};

Shares shares_of(const Scene& scene, const std::vector<char>& is_noise) {
  double counts[2] = {0, 0};
  double marked[2] = {0, 0};
  for (std::size_t i = 0; i < is_noise.size(); ++i) {
    const int truth = scene.classes[i] < 0 ? 1 : 0;
    ++counts[truth];
    marked[truth] += is_noise[i];
  }
  return {counts[1] > 0 ? marked[1] / counts[1] : 1, marked[0] / counts[0]};
}

TEST(Noise, IsFoundAmongGroupsOfUnequalDensity) {
  for (const std::size_t d : {64U, 256U, 1024U}) {
    for (const float noise : {0.02F, 0.1F, 0.3F}) {
      for (const std::uint64_t seed : {1U, 2U}) {
        if (d == 1024 && seed > 1) continue;
        SCOPED_TRACE(testing::Message() << d << " columns, noise " << noise << ", seed " << seed);
        const Scene made = scene({.d = d, .n_groups = 15, .noise = noise, .seed = seed});
        const Shares shares = shares_of(made, noise_of(made).is_noise);
        EXPECT_GE(shares.found, 0.8);
        EXPECT_LE(shares.lost, 0.01);
      }
    }
  }
}

TEST(Noise, IsHardlyEverFoundWhereThereIsNone) {
  for (const std::size_t d : {2U, 16U, 64U, 256U}) {
    SCOPED_TRACE(d);
    const Scene made = scene({.d = d, .n_groups = 15, .noise = 0});
    EXPECT_LE(shares_of(made, noise_of(made).is_noise).lost, 0.02);
  }
}

TEST(Noise, IsNotWhatHasCompanyOfItsOwnKind) {
  // A group ten times as wide, in whose midst a tight one lies: the nearest neighbours of all are in the tight one.
  Matrix points(1200, 64);
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    Random random(3, i);
    for (float& x : points.row(i)) x = (i < 600 ? 0.1F : 1.0F) * gauss(random);
  }
  const auto neighbors = exact_neighbors(points.view(), {.k = 15});
  const NoiseScores scores = find_noise(*neighbors, {});
  const NoiseScores by_distance = find_noise(*neighbors, {.popularity_max = 1e9});
  EXPECT_LE(scores.n_noise, by_distance.n_noise);
  EXPECT_LE(std::count(scores.is_noise.begin(), scores.is_noise.begin() + 600, 1), 6);
}

TEST(Noise, IsAPointWithoutNeighboursAndNotOneAmongDuplicates) {
  Neighbors neighbors{.n = 5, .k = 2, .indices = {}, .distances = {}};
  constexpr float kFar = std::numeric_limits<float>::infinity();
  neighbors.indices = {1, 2, 0, 2, 0, 1, 0, 1, kNoNeighbor, kNoNeighbor};
  neighbors.distances = {0, 0, 0, 0, 0, 0, 0, 0, kFar, kFar};
  const NoiseScores scores = find_noise(neighbors, {});
  EXPECT_EQ(scores.is_noise, (std::vector<char>{0, 0, 0, 0, 1}));
  EXPECT_EQ(scores.count, (std::vector<std::uint32_t>{3, 3, 2, 0, 0}));
  EXPECT_EQ(find_noise({}, {}).n_noise, 0U);
}

TEST(Noise, IsToldWhatIsMissingAndWithThatMuchLessItIsNone) {
  const Scene scene = baleen::cluster::scene({.n = 600, .d = 64, .n_groups = 5});
  const auto neighbors = exact_neighbors(scene.points.view(), {.k = 15});
  const NoiseScores scores = find_noise(*neighbors, {});
  ASSERT_GT(scores.n_noise, 20U);
  const NoiseYardstick yardstick{scores.mean_distance, {}, scores.middle, scores.deviation};
  for (std::size_t i = 0; i < scores.score.size(); ++i) {
    SCOPED_TRACE(i);
    ASSERT_EQ(scores.is_noise[i] != 0, scores.missing[i] > 0);
    if (scores.is_noise[i] == 0) continue;
    // The point comes again, nearer to all of its neighbours by what is missing.
    Neighbors again{1, 15, {}, {}};
    for (std::size_t c = 0; c < 15; ++c) {
      again.indices.push_back(neighbors->indices_of(i)[c]);
      again.distances.push_back(neighbors->distances_of(i)[c] - scores.missing[i] * 1.001F);
    }
    const std::vector<float> reach(scores.score.size());  // Nobody's neighbour.
    NoiseYardstick alone = yardstick;
    alone.reach = reach;
    EXPECT_EQ(find_new_noise(again, alone, {}).is_noise[0], 0);
    for (float& distance : again.distances) distance += scores.missing[i] * 0.002F;
    EXPECT_EQ(find_new_noise(again, alone, {}).is_noise[0], 1);
  }
}

TEST(Noise, OfNewPointsIsToldByTheOldOnes) {
  const Scene old = scene({.n = 3000, .noise = 0});
  const Scene all =
      scene({.n = 3400, .noise = 0.1F});  // The groups are the same, the last 340 are noise.
  const auto neighbors = exact_neighbors(old.points.view(), {.k = 15});
  const NoiseScores scores = find_noise(*neighbors, {});
  std::vector<float> reach(old.points.n_rows());
  for (std::size_t i = 0; i < reach.size(); ++i) reach[i] = neighbors->distances_of(i)[14];
  Neighbors of_new{400, 15, {}, {}};
  for (std::size_t i = 3000; i < 3400; ++i) {
    std::vector<std::pair<float, std::uint32_t>> ranked;
    for (std::uint32_t j = 0; j < 3000; ++j)
      ranked.emplace_back(std::sqrt(squared_euclidean(all.points.row(i), old.points.row(j))), j);
    std::partial_sort(ranked.begin(), ranked.begin() + 15, ranked.end());
    for (std::size_t c = 0; c < 15; ++c) {
      of_new.indices.push_back(ranked[c].second);
      of_new.distances.push_back(ranked[c].first);
    }
  }
  const NoiseScores found =
      find_new_noise(of_new, {scores.mean_distance, reach, scores.middle, scores.deviation}, {});
  int n_found = 0, n_wrong = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    const bool is_noise = all.classes[3000 + i] < 0;
    (is_noise ? n_found : n_wrong) += found.is_noise[i];
  }
  EXPECT_GE(n_found, 320);  // Of 340.
  EXPECT_LE(n_wrong, 3);
}

TEST(Noise, TakenOutOfLabelsLeavesNoGaps) {
  NoiseScores noise;
  noise.is_noise = {0, 1, 1, 0, 0, 1};
  std::vector<std::int32_t> labels = {2, 1, 1, 0, -1, 2};
  remove_noise(noise, labels);
  EXPECT_EQ(labels, (std::vector<std::int32_t>{1, -1, -1, 0, -1, -1}));
}

/// What the parts are worth together: 30 groups and a tenth of noise.
TEST(Noise, IsFoundBehindAProjectionThatHidesIt) {
  const Scene made = scene({.n = 6000, .seed = 5});
  const auto neighbors = approximate_neighbors(made.points.view(), {.k = 15, .n_threads = 2});
  ASSERT_TRUE(neighbors.ok());
  const auto map = umap(made.points.view(),
                        {.n_neighbors = 16, .min_dist = 0, .n_components = 5, .n_threads = 2});
  ASSERT_TRUE(map.ok());
  auto model = Hdbscan::fit(map->view(), {.min_cluster_size = 50, .min_samples = 5});
  ASSERT_TRUE(model.ok());
  std::vector<std::int32_t> labels = std::move(*model).release().labels;
  remove_noise(find_noise(*neighbors, {}), labels);
  std::vector<std::int32_t> classes;
  std::vector<std::int32_t> found;
  std::vector<char> is_noise;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    is_noise.push_back(labels[i] < 0 ? 1 : 0);
    if (made.classes[i] < 0) continue;
    classes.push_back(made.classes[i]);
    found.push_back(labels[i]);
  }
  EXPECT_GE(adjusted_rand_index(classes, found), 0.98);
  EXPECT_GE(shares_of(made, is_noise).found, 0.8);
}

}  // namespace
}  // namespace baleen::cluster
