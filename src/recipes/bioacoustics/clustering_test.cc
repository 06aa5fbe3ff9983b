#include "recipes/bioacoustics/clustering.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "cluster/quality.h"
#include "cluster/random.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kDimensions = 32;

/// Sounds of a few kinds: directions far apart, with some spread.
cluster::Matrix sounds(std::size_t n_kinds,
                       std::size_t n_each,
                       std::uint64_t seed,
                       float spread = 0.2F) {
  cluster::Random random(seed);
  const auto normal = [&] {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
    return static_cast<float>(sum - 6);
  };
  cluster::Matrix centres(n_kinds, kDimensions);
  for (std::size_t k = 0; k < n_kinds; ++k)
    for (float& value : centres.row(k)) value = normal();
  cluster::Matrix all(n_kinds * n_each, kDimensions);
  for (std::size_t i = 0; i < all.n_rows(); ++i) {
    for (std::size_t d = 0; d < kDimensions; ++d)
      all.row(i)[d] = centres.row(i % n_kinds)[d] + spread * normal();
  }
  return all;
}

std::vector<std::uint32_t> one_recording(std::size_t n) { return std::vector<std::uint32_t>(n); }

Result<ClusteringResult> run(cluster::Matrix vectors,
                             const ClusteringParams& params,
                             int n_threads = 1) {
  const auto recordings = one_recording(vectors.n_rows());
  return cluster_vectors(std::move(vectors), recordings, params, n_threads, [](double) {});
}

TEST(ClusterVectors, FindsTheKindsOfSounds) {
  const ClusteringResult result = run(sounds(6, 60, 1), {}).value();
  std::vector<std::int32_t> truth(360);
  for (std::size_t i = 0; i < truth.size(); ++i) truth[i] = static_cast<std::int32_t>(i % 6);
  EXPECT_GT(cluster::adjusted_rand_index(truth, result.clusters.labels), 0.98);
  EXPECT_EQ(result.clusters.clusters.size(), 6U);
  EXPECT_EQ(result.map.n_rows(), 360U);
  EXPECT_EQ(result.map.n_columns(), 2U);
}

TEST(ClusterVectors, WhatIsAloneIsNoiseThoughTheMapPutsItBesideOthers) {
  cluster::Matrix vectors = sounds(6, 60, 1);
  cluster::Random random(9);
  constexpr std::size_t kAlone = 20;
  for (std::size_t i = 0; i < kAlone; ++i)
    for (float& value : vectors.row(i * 17)) value = random.uniform() * 4 - 2;
  const auto n_found = [&](bool is_rejected) {
    ClusteringParams params;
    params.has_noise_rejection = is_rejected;
    const ClusteringResult result = run(vectors, params).value();
    std::int64_t sum = 0;
    for (const cluster::ClusterInfo& info : result.clusters.clusters) sum += info.size;
    EXPECT_EQ(sum, std::ssize(result.clusters.labels) -
                       std::ranges::count(result.clusters.labels, cluster::kNoise));
    int n = 0;
    for (std::size_t i = 0; i < kAlone; ++i)
      n += result.clusters.labels[i * 17] == cluster::kNoise ? 1 : 0;
    return n;
  };
  EXPECT_GE(n_found(true), 16);
  EXPECT_LT(n_found(false), 16);
}

TEST(ClusterVectors, LoudnessDoesNotMatterToCosines) {
  cluster::Matrix loud = sounds(4, 50, 2);
  for (std::size_t i = 0; i < loud.n_rows(); ++i)
    for (float& value : loud.row(i)) value *= static_cast<float>(1 + i % 7);
  std::vector<std::int32_t> truth(200);
  for (std::size_t i = 0; i < truth.size(); ++i) truth[i] = static_cast<std::int32_t>(i % 4);
  EXPECT_GT(cluster::adjusted_rand_index(truth, run(std::move(loud), {})->clusters.labels), 0.98);
}

TEST(ClusterVectors, TheSameSeedGivesTheSameBytesAtAnyNumberOfThreads) {
  const ClusteringResult once = run(sounds(5, 60, 3), {}, 1).value();
  const ClusteringResult again = run(sounds(5, 60, 3), {}, 2).value();
  EXPECT_EQ(once.clusters.labels, again.clusters.labels);
  EXPECT_TRUE(std::ranges::equal(once.map.values(), again.map.values()));
}

/// How much labels of other seeds agree, on average.
double agreement_of_seeds(const cluster::Matrix& vectors, std::int64_t n_maps) {
  std::vector<std::vector<std::int32_t>> labels;
  for (std::int64_t seed = 1; seed <= 5; ++seed) {
    ClusteringParams params;
    params.n_maps = n_maps;
    params.seed = seed;
    labels.push_back(run(vectors, params).value().clusters.labels);
  }
  double sum = 0;
  int n = 0;
  for (std::size_t a = 0; a < labels.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b, ++n)
      sum += cluster::adjusted_rand_index(labels[a], labels[b]);
  }
  return sum / n;
}

TEST(ClusterVectors, SeveralMapsMakeClustersDependLessOnTheSeed) {
  // Kinds that overlap: which of them part is chance in each map.
  const cluster::Matrix vectors = sounds(24, 15, 3, 1.3F);
  EXPECT_GT(agreement_of_seeds(vectors, 4), agreement_of_seeds(vectors, 1));
}

TEST(ClusterVectors, WhatCannotBeClusteredHasACode) {
  const auto code = [](cluster::Matrix vectors) {
    return run(std::move(vectors), {}).error().code;
  };
  EXPECT_EQ(code(sounds(2, 2, 4)), ErrorCode::cluster_too_few_points);
  EXPECT_EQ(code(cluster::Matrix(40, 3)), ErrorCode::cluster_points_identical);
  cluster::Matrix broken = sounds(2, 40, 5);
  broken.row(7)[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code(std::move(broken)), ErrorCode::embedding_not_finite);
}

TEST(ClusteringParams, AreWrittenInOneWayOnly) {
  const json::object written = ClusteringParams().to_json();
  EXPECT_EQ(ClusteringParams::from_json({})->to_json(), written);
  EXPECT_EQ(ClusteringParams::from_json(written)->to_json(), written);
  for (const json::object& wrong :
       {json::object{{"min_clustersize", 5}}, json::object{{"min_cluster_size", 1}},
        json::object{{"min_cluster_size", 2.5}}, json::object{{"metric", "manhattan"}},
        json::object{{"selection", "best"}}, json::object{{"reduce", "yes"}},
        json::object{{"epsilon", -1}}, json::object{{"n_components", 0}}})
    EXPECT_EQ(ClusteringParams::from_json(wrong).error().code, ErrorCode::invalid_argument)
        << core::to_json(wrong);
}

TEST(ClusteringParams, TheSmallestClusterGrowsWithTheRootOfTheWindows) {
  const ClusteringParams automatic = ClusteringParams::from_json({}).value();
  EXPECT_EQ(automatic.resolve(4).min_cluster_size, 5);
  EXPECT_EQ(automatic.resolve(240).min_cluster_size, 5);
  EXPECT_EQ(automatic.resolve(10'000).min_cluster_size, 25);
  EXPECT_EQ(automatic.resolve(1'000'000).min_cluster_size, 250);
  const ClusteringParams chosen = ClusteringParams::from_json({{"min_cluster_size", 7}}).value();
  EXPECT_EQ(chosen.resolve(1'000'000).min_cluster_size, 7);
}

}  // namespace
}  // namespace baleen::bioacoustics
