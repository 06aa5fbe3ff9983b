#include "cluster/quality.h"

#include <gmock/gmock.h>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

using Vector = std::vector<std::int32_t>;
using ::testing::DoubleNear;
using ::testing::ElementsAre;

/// Two partitions by formula that agree in part, of 200 points.
Vector first() {
  Vector labels;
  for (int i = 0; i < 200; ++i) labels.push_back((7 * i * i + 3 * i) % 11 % 4 - 1);
  return labels;
}
Vector second() {
  Vector labels;
  for (int i = 0; i < 200; ++i) {
    labels.push_back(i % 3 != 0 ? (5 * i * i + i) % 13 % 5 : (7 * i * i + 3 * i) % 11 % 4);
  }
  return labels;
}

TEST(Quality,
     IndicesAreThoseOfScikitLearn) {  // 1.9.1: adjusted_rand_score, normalized_mutual_info_score.
  EXPECT_NEAR(adjusted_rand_index(first(), second()), 0.11102498246341883, 1e-14);
  EXPECT_NEAR(normalized_mutual_information(first(), second()), 0.17203352392117163, 1e-14);
  EXPECT_NEAR(adjusted_rand_index(Vector{0, 0, 1, 2}, Vector{0, 0, 1, 1}), 0.5714285714285714,
              1e-14);
  EXPECT_NEAR(normalized_mutual_information(Vector{0, 0, 1, 2}, Vector{0, 0, 1, 1}), 0.8, 1e-14);
  EXPECT_NEAR(adjusted_rand_index(Vector{0, 0, 1, 1}, Vector{0, 1, 0, 1}), -0.5, 1e-14);
  EXPECT_EQ(adjusted_rand_index(Vector{0, 1, 2}, Vector{0, 0, 0}), 0);
  EXPECT_EQ(normalized_mutual_information(Vector{0, 0, 0}, Vector{0, 1, 2}), 0);
  EXPECT_EQ(normalized_mutual_information(Vector{0, 0, 0}, Vector{1, 1, 1}), 1);
}

TEST(Quality, OfTheSamePartitionIsPerfectWhateverItsLabelsAre) {
  Vector renamed = first();
  for (std::int32_t& label : renamed) label = 1000 - 7 * label;
  EXPECT_EQ(adjusted_rand_index(first(), renamed), 1);
  EXPECT_NEAR(normalized_mutual_information(first(), renamed), 1, 1e-14);
  EXPECT_EQ(adjusted_rand_index(Vector{}, Vector{}), 1);
  EXPECT_EQ(adjusted_rand_index(Vector{4}, Vector{7}), 1);
  EXPECT_EQ(normalized_mutual_information(Vector{}, Vector{}), 1);
}

TEST(Quality, IsSymmetricAndAboutZeroByChance) {
  Random random(5);
  Vector a(20'000);
  Vector b(20'000);
  for (auto& label : a) label = static_cast<int>(random.below(10));
  for (auto& label : b) label = static_cast<int>(random.below(7));
  EXPECT_NEAR(adjusted_rand_index(a, b), 0, 1e-3);
  EXPECT_DOUBLE_EQ(adjusted_rand_index(first(), second()), adjusted_rand_index(second(), first()));
}

TEST(Quality, PurityCountsTheMostFrequentClassOfEachClusterAndNoNoise) {
  EXPECT_DOUBLE_EQ(purity(Vector{0, 0, 1, 1, 1, 2}, Vector{5, 5, 5, 8, 8, 8}), 4.0 / 6);
  EXPECT_DOUBLE_EQ(purity(Vector{0, 0, 1, 1, 1, 2}, Vector{5, 5, -1, 8, 8, -1}), 1);
  EXPECT_EQ(purity(Vector{0, 1}, Vector{-1, -1}), 0);
  EXPECT_EQ(purity(Vector{}, Vector{}), 0);
  EXPECT_DOUBLE_EQ(coverage(Vector{3, -1, 0, -1}), 0.5);
  EXPECT_EQ(coverage(Vector{}), 0);
}

TEST(Quality, JaccardFindsTheClusterAgainAndOnlyLooksAtTheSample) {
  const Vector labels = {0, 0, 0, 0, 1, 1, 2, -1};
  EXPECT_THAT(best_jaccard(labels, Vector{9, 9, 9, 4, 4, 4, -1, 9}),
              ElementsAre(DoubleNear(3.0 / 5, 1e-15), DoubleNear(2.0 / 3, 1e-15), 0));
  constexpr std::int32_t kOut = kNotSampled;
  EXPECT_THAT(best_jaccard(labels, Vector{9, 9, 9, kOut, 4, 4, kOut, kOut}), ElementsAre(1, 1, 0));
}

TEST(Quality, ASweepIsAsStableAsItsClusteringsAgree) {
  const Vector a = {0, 0, 0, 1, 1, 1, 2, 2, 2};
  const Vector b = {1, 1, 1, 0, 0, 0, 2, 2, 2};  // The same.
  const Vector c = {0, 0, 0, 1, 1, 1, 1, 1, 1};
  const std::vector<Vector> same = {a, b};
  EXPECT_EQ(sweep_stability(same).mean_ari, 1);
  const std::vector<Vector> sweep = {c, a, b};
  const SweepStability found = sweep_stability(sweep);
  const double ari = adjusted_rand_index(a, c);
  EXPECT_NEAR(found.mean_ari, (1 + 2 * ari) / 3, 1e-15);
  EXPECT_EQ(found.most_typical, 1U);
  EXPECT_THAT(found.agreement, ElementsAre(DoubleNear(ari, 1e-15), DoubleNear((1 + ari) / 2, 1e-15),
                                           DoubleNear((1 + ari) / 2, 1e-15)));
  EXPECT_THAT(found.cluster_jaccard,
              ElementsAre(1, DoubleNear(0.75, 1e-15), DoubleNear(0.75, 1e-15)));
  const std::vector<Vector> alone = {a};
  EXPECT_EQ(sweep_stability(alone).mean_ari, 1);
  EXPECT_THAT(sweep_stability(alone).cluster_jaccard, ElementsAre(1, 1, 1));
}

}  // namespace
}  // namespace baleen::cluster
