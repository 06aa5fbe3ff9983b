#include "cluster/classification.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

namespace baleen::cluster {
namespace {

namespace json = boost::json;

json::object golden() {
  const std::filesystem::path folder =
      std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/linear_probe";
  std::ifstream file(folder / "cases.json");
  return json::parse(std::string(std::istreambuf_iterator<char>(file), {})).as_object();
}

/// As scripts/golden/linear_probe.py says which digits are the class.
std::vector<std::uint8_t> golden_positives() {
  std::ifstream file(std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/hdbscan/digits.u8",
                     std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::vector<std::uint8_t> is_positive;
  for (std::size_t row = 0; row < 600; ++row) {
    int sum = 0;
    for (const std::size_t pixel : {27U, 28U, 35U, 36U}) sum += bytes[64 * row + pixel];
    is_positive.push_back(sum > 44 ? 1 : 0);
  }
  return is_positive;
}

TEST(Classification, MeasuresAreThoseOfScikitLearn) {
  const std::vector<std::uint8_t> is_positive = golden_positives();
  const json::object cases = golden();
  for (const json::value& fit : cases.at("fits").as_array()) {
    const auto scores = json::value_to<std::vector<double>>(fit.at("rough"));
    EXPECT_NEAR(average_precision(scores, is_positive),
                fit.at("average_precision").to_number<double>(), 1e-9);
    EXPECT_NEAR(roc_auc(scores, is_positive), fit.at("roc_auc").to_number<double>(), 1e-9);
    const Calibration platt = calibrate(scores, is_positive);
    const double slope = fit.at("platt_slope").to_number<double>();
    EXPECT_NEAR(platt.slope, slope, 1e-4 * slope);
    EXPECT_NEAR(platt.offset, fit.at("platt_offset").to_number<double>(), 1e-4);
  }
}

TEST(Classification, IntervalsAreThoseOfTheBetaDistribution) {
  const json::object cases = golden();
  for (const json::value& value : cases.at("intervals").as_array()) {
    const json::array& row = value.as_array();
    const Interval interval =
        clopper_pearson(row[0].to_number<std::size_t>(), row[1].to_number<std::size_t>());
    EXPECT_NEAR(interval.low, row[2].to_number<double>(), 1e-9);
    EXPECT_NEAR(interval.high, row[3].to_number<double>(), 1e-9);
  }
  EXPECT_EQ(clopper_pearson(0, 0).high, 1);
}

TEST(Classification, IntervalsHoldTheTruthAsOftenAsTheySay) {
  std::mt19937 random(5);
  for (const double truth : {0.5, 0.9, 0.99}) {
    int n_held = 0;
    for (int trial = 0; trial < 1000; ++trial) {
      const std::size_t n = 10 + random() % 100;
      const auto n_right = std::binomial_distribution<std::size_t>(n, truth)(random);
      const Interval interval = clopper_pearson(n_right, n);
      n_held += interval.low <= truth && truth <= interval.high ? 1 : 0;
    }
    EXPECT_GE(n_held, 940) << truth;
  }
}

TEST(Classification, TheLowestThresholdOfTheWantedPrecisionIsTaken) {
  const std::vector<double> scores = {0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2};
  const std::vector<std::uint8_t> is_positive = {1, 0, 1, 1, 1, 0, 1, 0};
  const Threshold four_of_five = choose_threshold(scores, is_positive, 0.8);
  EXPECT_EQ(four_of_five.score, 0.5);
  EXPECT_EQ(four_of_five.n_found, 5U);
  EXPECT_EQ(four_of_five.n_right, 4U);
  EXPECT_DOUBLE_EQ(four_of_five.precision, 0.8);
  EXPECT_DOUBLE_EQ(four_of_five.recall, 0.8);
  EXPECT_TRUE(four_of_five.is_reached);
  EXPECT_EQ(choose_threshold(scores, is_positive, 0.7).score, 0.3);
}

TEST(Classification, WhereThePrecisionIsNotReachedTheGreatestIsTaken) {
  const std::vector<double> scores = {0.9, 0.9, 0.7, 0.6};
  const std::vector<std::uint8_t> is_positive = {1, 0, 1, 0};
  const Threshold threshold = choose_threshold(scores, is_positive, 0.9);
  EXPECT_FALSE(threshold.is_reached);
  EXPECT_EQ(threshold.score, 0.7);
  EXPECT_NEAR(threshold.precision, 2.0 / 3, 1e-12);
}

TEST(Classification, EqualScoresStandTogether) {
  const std::vector<double> scores(10, 0.5);
  std::vector<std::uint8_t> is_positive(10, 0);
  is_positive[3] = is_positive[4] = 1;
  EXPECT_DOUBLE_EQ(average_precision(scores, is_positive), 0.2);
  EXPECT_DOUBLE_EQ(roc_auc(scores, is_positive), 0.5);
  const Calibration flat = calibrate(scores, is_positive);
  EXPECT_NEAR(flat.probability(0.5), 0.25, 0.05);  // (2 + 1) / (10 + 2)
}

TEST(Classification, BackwardScoresAreNotTurnedRound) {
  std::vector<double> scores;
  std::vector<std::uint8_t> is_positive;
  for (int i = 0; i < 40; ++i) {
    scores.push_back(i);
    is_positive.push_back(i < 20 ? 1 : 0);
  }
  const Calibration calibration = calibrate(scores, is_positive);
  EXPECT_EQ(calibration.slope, 0);
  EXPECT_NEAR(calibration.probability(3), 0.5, 0.01);
}

}  // namespace
}  // namespace baleen::cluster
