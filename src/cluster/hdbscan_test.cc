#include "cluster/hdbscan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// `n_groups` groups of `size` points each around (10 g, 0, …), every one narrower than 2; point i is in group i % n_groups.
Matrix groups(std::size_t n_groups, std::size_t size, std::size_t d, std::uint64_t seed) {
  Random random(seed);
  Matrix points(n_groups * size, d);
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    for (float& x : points.row(i)) x = random.uniform() + random.uniform() - 1;
    points.row(i)[0] += 10 * static_cast<float>(i % n_groups);
  }
  return points;
}

ErrorCode code_of(const Matrix& points, const HdbscanOptions& options) {
  const auto model = Hdbscan::fit(points.view(), options);
  return model.ok() ? ErrorCode::internal : model.error().code;
}

std::vector<std::int32_t> labels_of(const Matrix& points, const HdbscanOptions& options) {
  auto model = Hdbscan::fit(points.view(), options);
  EXPECT_TRUE(model.ok());
  return std::move(*model).release().labels;
}

TEST(Hdbscan, FindsGroupsAndNumbersThemByTheirFirstPoints) {
  const Matrix points = groups(3, 50, 4, 1);
  const std::vector<std::int32_t> labels = labels_of(points, {.min_cluster_size = 10});
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != kNoise) {
      EXPECT_EQ(labels[i], static_cast<int>(i % 3));
    }
  }
  EXPECT_LT(std::count(labels.begin(), labels.end(), kNoise), 15);
}

TEST(Hdbscan, HasTheSameBytesAtAnyNumberOfThreads) {
  const Matrix points = groups(7, 1500, 3, 2);
  const auto one = Hdbscan::fit(points.view(), {.min_cluster_size = 15, .n_threads = 1});
  const auto four = Hdbscan::fit(points.view(), {.min_cluster_size = 15, .n_threads = 4});
  EXPECT_EQ(one->clustering().labels, four->clustering().labels);
  EXPECT_EQ(one->clustering().probabilities, four->clustering().probabilities);
  EXPECT_EQ(one->clustering().outlier_scores, four->clustering().outlier_scores);
  EXPECT_EQ(one->clustering().core_distances, four->clustering().core_distances);
  EXPECT_EQ(one->clustering().tree.lambda, four->clustering().tree.lambda);
}

TEST(Hdbscan, RefusesWhatCannotBeClustered) {
  const Matrix points = groups(2, 10, 2, 3);
  EXPECT_EQ(code_of(points, {.min_cluster_size = 21}), ErrorCode::cluster_too_few_points);
  EXPECT_EQ(code_of(points, {.min_cluster_size = 5, .min_samples = 21}),
            ErrorCode::cluster_too_few_points);
  EXPECT_EQ(code_of(Matrix(0, 3), {}), ErrorCode::cluster_too_few_points);
  EXPECT_EQ(code_of(Matrix(1, 3), {.min_cluster_size = 2}), ErrorCode::cluster_too_few_points);
  EXPECT_EQ(code_of(points, {.min_cluster_size = 1}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(points, {.cluster_selection_epsilon = -1}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(points, {.cluster_selection_epsilon = kNan}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(points, {.n_threads = 0}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(Matrix(20, 0), {}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(Matrix(20, 3), {}), ErrorCode::cluster_points_identical);
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    Matrix broken = points;
    broken.row(7)[1] = bad;
    EXPECT_EQ(code_of(broken, {}), ErrorCode::embedding_not_finite);
  }
}

TEST(Hdbscan, TwoPointsAreNoiseOrOneCluster) {
  const Matrix points({0, 0, 1, 1}, 2, 2);
  EXPECT_EQ(labels_of(points, {.min_cluster_size = 2}), (std::vector<std::int32_t>{-1, -1}));
  EXPECT_EQ(labels_of(points, {.min_cluster_size = 2, .allow_single_cluster = true}),
            (std::vector<std::int32_t>{0, 0}));
}

TEST(Hdbscan, IdenticalPointsAreOneClusterWhereOneIsAllowed) {
  const auto model = Hdbscan::fit(Matrix(50, 3).view(), {.allow_single_cluster = true});
  ASSERT_TRUE(model.ok());
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(model->clustering().labels[i], 0);
    EXPECT_EQ(model->clustering().probabilities[i], 1);
    EXPECT_EQ(model->clustering().outlier_scores[i], 0);
  }
}

TEST(Hdbscan, DuplicatesHaveFiniteDensities) {
  Matrix points = groups(2, 60, 3, 4);
  for (std::size_t i = 0; i < 80; ++i) {  // Forty times the same point in each group.
    std::copy_n(points.row(i % 2).begin(), 3, points.row(i).begin());
  }
  for (const auto selection : {ClusterSelection::eom, ClusterSelection::leaf}) {
    const auto model =
        Hdbscan::fit(points.view(), {.min_cluster_size = 10, .selection = selection});
    ASSERT_TRUE(model.ok());
    EXPECT_EQ(model->clustering().clusters.size(), 2U);
    for (const ClusterInfo& cluster : model->clustering().clusters) {
      EXPECT_TRUE(std::isfinite(cluster.stability));
      EXPECT_TRUE(cluster.persistence > 0 && cluster.persistence <= 1);
    }
    for (std::size_t i = 0; i < points.n_rows(); ++i) {
      EXPECT_TRUE(std::isfinite(model->clustering().probabilities[i]));
      EXPECT_TRUE(model->clustering().outlier_scores[i] >= 0);
      EXPECT_TRUE(model->clustering().outlier_scores[i] <= 1);
    }
  }
}

TEST(Hdbscan, EpsilonKeepsWhatIsNearTogether) {
  Matrix points = groups(4, 50, 2, 5);
  for (std::size_t i = 0; i < points.n_rows(); ++i) {  // Two pairs of groups, far from each other.
    if (i % 4 >= 2) points.row(i)[0] += 100;
  }
  const auto count = [&](double epsilon, ClusterSelection selection) {
    const auto labels = labels_of(
        points,
        {.min_cluster_size = 10, .selection = selection, .cluster_selection_epsilon = epsilon});
    return std::set<std::int32_t>(labels.begin(), labels.end()).size() -
           static_cast<std::size_t>(std::count(labels.begin(), labels.end(), kNoise) > 0);
  };
  EXPECT_EQ(count(5, ClusterSelection::leaf), 4U);
  EXPECT_EQ(count(15, ClusterSelection::leaf), 2U);
  EXPECT_EQ(count(15, ClusterSelection::eom), 2U);
}

TEST(Hdbscan, MaxClusterSizePartsLargeClusters) {
  const Matrix points = groups(4, 50, 2, 5);
  const auto sizes = [&](std::size_t max) {
    std::vector<std::uint32_t> found;
    const auto model = Hdbscan::fit(
        points.view(),
        {.min_cluster_size = 5, .allow_single_cluster = true, .max_cluster_size = max});
    for (const ClusterInfo& cluster : model->clustering().clusters) found.push_back(cluster.size);
    return found;
  };
  const std::vector<std::uint32_t> any = sizes(0);
  EXPECT_GE(*std::max_element(any.begin(), any.end()), 45U);
  const std::vector<std::uint32_t> small = sizes(30);
  EXPECT_LE(*std::max_element(small.begin(), small.end()), 30U);
}

TEST(Hdbscan, DescribesItsClusters) {
  const Matrix points = groups(3, 60, 2, 6);
  const auto model = Hdbscan::fit(points.view(), {.min_cluster_size = 20});
  const Clustering& c = model->clustering();
  ASSERT_EQ(c.clusters.size(), 3U);
  for (std::size_t label = 0; label < 3; ++label) {
    const ClusterInfo& cluster = c.clusters[label];
    EXPECT_EQ(cluster.size, std::count(c.labels.begin(), c.labels.end(), static_cast<int>(label)));
    EXPECT_FALSE(cluster.exemplars.empty());
    EXPECT_TRUE(std::is_sorted(cluster.exemplars.begin(), cluster.exemplars.end()));
    float best = 0;
    for (const std::uint32_t row : cluster.exemplars) {
      EXPECT_EQ(c.labels[row], static_cast<int>(label));
      best = std::max(best, c.probabilities[row]);
    }
    EXPECT_EQ(best, 1);
    EXPECT_EQ(cluster.stability, c.tree.clusters[cluster.node].stability);
  }
}

TEST(Hdbscan, RestoredFromItsStateAssignsAlike) {
  const Matrix points = groups(3, 200, 5, 7);
  Matrix asked = groups(3, 50, 5, 8);
  for (std::size_t i = 0; i < 20; ++i) asked.row(i)[0] += static_cast<float>(i);
  for (const ClusterSelection selection : {ClusterSelection::eom, ClusterSelection::leaf}) {
    const Hdbscan model =
        Hdbscan::fit(points.view(), {.min_cluster_size = 10, .selection = selection}).value();
    const Hdbscan restored = Hdbscan::restore(points.view(), model.state()).value();
    const auto before = model.assign(asked.view(), 1).value();
    const auto after = restored.assign(asked.view(), 1).value();
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(before[i].label, after[i].label);
      EXPECT_EQ(before[i].probability, after[i].probability);
      EXPECT_EQ(before[i].nearest_row, after[i].nearest_row);
      EXPECT_EQ(before[i].missing, after[i].missing);
      EXPECT_TRUE(before[i].label == kNoise || before[i].missing == 0);
    }
  }
}

TEST(Hdbscan, IsNotRestoredFromAStateOfOtherPointsOrADamagedOne) {
  const Matrix points = groups(3, 100, 5, 7);
  const Hdbscan model = Hdbscan::fit(points.view(), {.min_cluster_size = 10}).value();
  const auto code_of = [&](const auto& damage) {
    HdbscanState state = model.state();
    damage(state);
    const Result<Hdbscan> restored = Hdbscan::restore(points.view(), std::move(state));
    return restored.ok() ? ErrorCode::internal : restored.error().code;
  };
  using State = HdbscanState;
  EXPECT_EQ(code_of([](State& s) { s.core.pop_back(); }), ErrorCode::artifact_corrupt);
  EXPECT_EQ(code_of([](State& s) { s.tree_cluster[5] = 999; }), ErrorCode::artifact_corrupt);
  EXPECT_EQ(code_of([](State& s) { s.node_labels[1] = 999; }), ErrorCode::artifact_corrupt);
  EXPECT_EQ(code_of([](State& s) { s.nodes[0] = 999; }), ErrorCode::artifact_corrupt);
  EXPECT_EQ(code_of([](State& s) { s.tree_clusters[1].parent = 1; }), ErrorCode::artifact_corrupt);
  EXPECT_EQ(code_of([](State& s) { s.tree_clusters.clear(); }), ErrorCode::artifact_corrupt);
  EXPECT_EQ(code_of([](State& s) { s.core[7] = kNan; }), ErrorCode::artifact_corrupt);
  Matrix damaged = points;
  damaged.row(50)[3] = kNan;
  EXPECT_EQ(Hdbscan::restore(damaged.view(), model.state()).error().code,
            ErrorCode::artifact_corrupt);
}

TEST(Hdbscan, AssignsItsOwnPointsAndTheirNeighboursToTheirClusters) {
  const Matrix points = groups(3, 400, 5, 7);
  const auto model = Hdbscan::fit(points.view(), {.min_cluster_size = 20});
  Matrix shifted = points;
  for (std::size_t i = 0; i < shifted.n_rows(); ++i) shifted.row(i)[1] += 1e-3F;
  for (const Matrix& asked : {points, shifted}) {
    const auto assigned = model->assign(asked.view(), 2);
    ASSERT_TRUE(assigned.ok());
    std::size_t n_unlike = 0;
    for (std::size_t i = 0; i < points.n_rows(); ++i) {
      const Assignment& a = (*assigned)[i];
      if (a.label != model->clustering().labels[i]) ++n_unlike;
      EXPECT_TRUE(a.probability >= 0 && a.probability <= 1);
    }
    EXPECT_LE(n_unlike, points.n_rows() / 50);
    EXPECT_EQ((*model->assign(asked.view(), 1))[5].distance, (*assigned)[5].distance);
  }
}

TEST(Hdbscan, WhatIsTooFarAwayToMeasureIsNoise) {
  const Matrix points = groups(3, 100, 2, 8);
  const auto model = Hdbscan::fit(points.view(), {.min_cluster_size = 20});
  for (const float far : {1e25F, std::numeric_limits<float>::max()}) {
    const auto assigned = model->assign(Matrix({far, -far}, 1, 2).view(), 1);
    ASSERT_TRUE(assigned.ok());
    EXPECT_EQ(assigned->front().label, kNoise);
    EXPECT_LT(assigned->front().nearest_row, points.n_rows());
  }
}

TEST(Hdbscan, AssignsWhatIsFarAwayToNoCluster) {
  const Matrix points = groups(3, 100, 2, 8);
  const auto model = Hdbscan::fit(points.view(), {.min_cluster_size = 20});
  const auto assigned = model->assign(Matrix({0, 500, 10, 0}, 2, 2).view(), 1);
  ASSERT_TRUE(assigned.ok());
  EXPECT_EQ((*assigned)[0].label, kNoise);
  EXPECT_NEAR((*assigned)[0].distance, 500, 2);
  EXPECT_EQ((*assigned)[1].label, 1);
  EXPECT_GT((*assigned)[1].probability, 0.3F);
}

TEST(Hdbscan, RefusesToAssignPointsOfAnotherKind) {
  const Matrix points = groups(3, 100, 2, 8);
  const auto model = Hdbscan::fit(points.view(), {.min_cluster_size = 20});
  EXPECT_EQ(model->assign(Matrix(1, 3).view(), 1).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(model->assign(Matrix({kNan, 0}, 1, 2).view(), 1).error().code,
            ErrorCode::embedding_not_finite);
  EXPECT_TRUE(model->assign(Matrix(0, 2).view(), 1)->empty());
}

/// Brute force, by definition.
float nearest_labelled(const Matrix& points, const Clustering& c, std::size_t row) {
  float nearest = kInfinity;
  for (std::size_t j = 0; j < points.n_rows(); ++j) {
    if (c.labels[j] == kNoise) continue;
    float sum = 0;
    for (std::size_t k = 0; k < points.n_columns(); ++k) {
      sum += (points.row(row)[k] - points.row(j)[k]) * (points.row(row)[k] - points.row(j)[k]);
    }
    nearest =
        std::min(nearest, std::max({std::sqrt(sum), c.core_distances[row], c.core_distances[j]}));
  }
  return nearest;
}

TEST(Hdbscan, SaysHowFarNoiseIsFromTheNearestCluster) {
  Matrix points = groups(4, 200, 3, 9);
  Random random(9);
  for (std::size_t i = 0; i < points.n_rows(); i += 15) {
    for (float& x : points.row(i)) x += 20 * (random.uniform() - 0.5F);
  }
  const auto model = Hdbscan::fit(points.view(), {.min_cluster_size = 15, .min_samples = 5});
  const Clustering& c = model->clustering();
  std::vector<std::uint32_t> noise;
  for (std::uint32_t i = 0; i < c.labels.size(); ++i) {
    if (c.labels[i] == kNoise) noise.push_back(i);
  }
  ASSERT_GT(noise.size(), 30U);
  const auto reasons = model->why_noise(noise);
  ASSERT_TRUE(reasons.ok());
  ASSERT_EQ(reasons->size(), noise.size());
  for (std::size_t i = 0; i < noise.size(); ++i) {
    const NoiseReason& r = (*reasons)[i];
    EXPECT_EQ(r.row, noise[i]);
    EXPECT_EQ(r.core_distance, c.core_distances[r.row]);
    EXPECT_GE(r.left_at, r.core_distance * 0.9999F);
    EXPECT_NEAR(r.nearest_distance, nearest_labelled(points, c, r.row), 1e-5);
    EXPECT_EQ(c.labels[r.nearest_row], r.nearest_label);
    EXPECT_GE(r.nearest_distance, r.cluster_reach * 0.9999F);  // Or it would belong to it.
    EXPECT_NEAR(r.missing, r.nearest_distance - r.cluster_reach, 1e-5);
  }
}

TEST(Hdbscan, ExplainsNoiseOnlyAndAlsoWhereThereIsNoCluster) {
  const Matrix points = groups(3, 100, 2, 8);
  const auto model = Hdbscan::fit(points.view(), {.min_cluster_size = 20});
  const auto& labels = model->clustering().labels;
  const auto member =
      static_cast<std::uint32_t>(std::find(labels.begin(), labels.end(), 0) - labels.begin());
  EXPECT_EQ(model->why_noise({{member}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(model->why_noise({{300}}).error().code, ErrorCode::invalid_argument);
  const auto alone = Hdbscan::fit(groups(1, 100, 2, 8).view(), {.min_cluster_size = 60});
  ASSERT_TRUE(alone->clustering().clusters.empty());
  const auto reasons = alone->why_noise({{3}});
  EXPECT_EQ((*reasons)[0].nearest_label, kNoise);
  EXPECT_EQ((*reasons)[0].missing, kInfinity);
}

}  // namespace
}  // namespace baleen::cluster
