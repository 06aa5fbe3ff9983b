#include "recipes/bioacoustics/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/random.h"

namespace baleen::bioacoustics {
namespace {

using testing::HasSubstr;

SweepEntry entry(double clusters, double noise, double stability) {
  return {{}, clusters, noise, stability};
}

TEST(SweepPlan, HasAllCombinationsAndRefusesWhatItCannotTry) {
  const SweepPlan plan =
      SweepPlan::create({{"epsilon", 0.5}},
                        {{"min_cluster_size", {5, 10}}, {"n_neighbors", {10, 20, 30}}}, 3)
          .value();
  ASSERT_EQ(plan.combinations.size(), 6U);
  EXPECT_EQ(plan.combinations[1].min_cluster_size, 5);
  EXPECT_EQ(plan.combinations[1].n_neighbors, 20);
  EXPECT_EQ(plan.combinations[5].min_cluster_size, 10);
  EXPECT_EQ(plan.combinations[5].epsilon, 0.5);
  json::array many;
  for (int i = 2; i < 12; ++i) many.push_back(i);
  for (const json::object& grid :
       {json::object{}, json::object{{"seed", {1, 2}}}, json::object{{"metric", {"cosine"}}},
        json::object{{"n_neighbors", json::array()}}, json::object{{"n_neighbors", 5}},
        json::object{{"n_neighbors", {"many"}}},
        json::object{{"n_neighbors", many}, {"min_cluster_size", many}}})
    EXPECT_EQ(SweepPlan::create({}, grid, 3).error().code, ErrorCode::invalid_argument);
  for (const int n_seeds : {0, 1, 11})
    EXPECT_EQ(SweepPlan::create({}, {{"n_neighbors", {5}}}, n_seeds).error().code,
              ErrorCode::invalid_argument);
}

TEST(Recommend, IsTheMostStableOfThoseThatSaySomething) {
  Sweep sweep{{entry(1, 0, 1), entry(9, 0.6, 1), entry(5, 0.2, 0.90), entry(4, 0.1, 0.895),
               entry(7, 0, 0.7)},
              0,
              ""};
  recommend(sweep);
  EXPECT_EQ(sweep.recommended, 3U) << "as stable as the third, with less noise";
  EXPECT_THAT(sweep.why, HasSubstr("of 2 that are as stable"));
  Sweep useless{{entry(1, 0, 0.8), entry(1, 0, 0.9)}, 0, ""};
  recommend(useless);
  EXPECT_EQ(useless.recommended, 1U);
  EXPECT_THAT(useless.why, HasSubstr("but none"));
  Sweep alone{{entry(5, 0.2, 0.9)}, 0, ""};
  recommend(alone);
  EXPECT_THAT(alone.why, Not(HasSubstr("others"))) << "there are none";
}

TEST(SweepVectors, PrefersTheClustersThatAreThere) {
  // Four kinds of 60 windows: groups of 100 there are none, groups of 3 are accidents.
  cluster::Matrix vectors(240, 16);
  cluster::Random random(2);
  cluster::Matrix centres(4, 16);
  for (std::size_t k = 0; k < 4; ++k)
    for (float& value : centres.row(k)) value = 2 * random.uniform() - 1;
  for (std::size_t i = 0; i < 240; ++i)
    for (std::size_t d = 0; d < 16; ++d)
      vectors.row(i)[d] = centres.row(i % 4)[d] + 0.7F * (random.uniform() - 0.5F);
  const std::vector<std::uint32_t> recordings(240);
  const SweepPlan plan =
      SweepPlan::create({}, {{"min_cluster_size", {3, 20, 100}}, {"n_neighbors", {10, 15}}}, 3)
          .value();
  double last = 0;
  const Sweep sweep = sweep_vectors(vectors, recordings, plan, 1, [&](double done) {
                        EXPECT_GT(done, last);
                        last = done;
                      }).value();
  ASSERT_EQ(sweep.entries.size(), 6U);
  EXPECT_EQ(last, 1);
  const SweepEntry& best = sweep.entries[sweep.recommended];
  EXPECT_NE(best.params.min_cluster_size, 100);
  EXPECT_EQ(best.clusters, 4);
  EXPECT_GT(best.stability, 0.95);
  EXPECT_FALSE(sweep.why.empty());
  const Sweep threaded = sweep_vectors(vectors, recordings, plan, 2, [](double) {}).value();
  for (std::size_t c = 0; c < 6; ++c)
    EXPECT_EQ(threaded.entries[c].stability, sweep.entries[c].stability);
}

}  // namespace
}  // namespace baleen::bioacoustics
