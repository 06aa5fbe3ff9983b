#include "ml/builtin_smn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace baleen::ml {
namespace {

std::vector<float> random_features(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> features(BuiltinSmn::kFeatureCount);
  for (float& f : features) f = static_cast<float>(random() % 2001) / 100.0F - 10.0F;
  return features;
}

TEST(BuiltinSmn, GivesProbabilities) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    const auto p = BuiltinSmn::instance().classify(random_features(seed));
    for (const float v : p) EXPECT_TRUE(v >= 0.0F && v <= 1.0F);
    EXPECT_NEAR(p[0] + p[1] + p[2], 1.0F, 1e-5F);
  }
}

TEST(BuiltinSmn, ListensToItsInput) {
  const auto a = BuiltinSmn::instance().classify(random_features(1));
  const auto b = BuiltinSmn::instance().classify(random_features(2));
  EXPECT_NE(a, b);
  EXPECT_EQ(a, BuiltinSmn::instance().classify(random_features(1)));
}

TEST(BuiltinSmn, StaysFiniteForAnyInput) {
  for (const float value : {0.0F, 1e30F, -1e30F, std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(), std::nanf("")}) {
    const std::vector<float> features(BuiltinSmn::kFeatureCount, value);
    for (const float v : BuiltinSmn::instance().classify(features))
      EXPECT_TRUE(std::isfinite(v)) << value;
  }
}

TEST(BuiltinSmn, IsNamedByTheDigestOfItsWeights) {
  const std::string hash = BuiltinSmn::instance().model_hash();
  EXPECT_EQ(hash.substr(0, 7), "sha256:");
  EXPECT_EQ(hash.size(), 7U + 64U);
  EXPECT_EQ(hash.find_first_not_of("0123456789abcdef", 7), std::string::npos);
  EXPECT_EQ(hash, BuiltinSmn::instance().model_hash());
  EXPECT_FALSE(BuiltinSmn::model_id().empty());
}

}  // namespace
}  // namespace baleen::ml
