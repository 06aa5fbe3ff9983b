#include "cluster/linear_probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

namespace baleen::cluster {
namespace {

namespace json = boost::json;

/// Windows of recordings: each recording has its own place, in which its windows lie; positives lie further along one direction.
struct Sample {
  Matrix x;
  std::vector<std::uint8_t> is_positive;
  std::vector<std::uint32_t> recording;
};

Sample make_sample(std::size_t n_recordings,
                   std::size_t n_windows,
                   double distance,
                   unsigned seed,
                   double share = 0.3,
                   std::size_t d = 64) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Sample sample{Matrix(n_recordings * n_windows, d), {}, {}};
  for (std::size_t r = 0; r < n_recordings; ++r) {
    std::vector<float> place(d);
    for (float& value : place) value = normal(random);
    for (std::size_t w = 0; w < n_windows; ++w) {
      const bool is_positive = std::uniform_real_distribution<>()(random) < share;
      const std::span<float> row = sample.x.row(r * n_windows + w);
      for (std::size_t j = 0; j < d; ++j) row[j] = 3 + place[j] + normal(random);
      row[1] += is_positive ? static_cast<float>(distance) : 0.0F;
      sample.is_positive.push_back(is_positive ? 1 : 0);
      sample.recording.push_back(static_cast<std::uint32_t>(r));
    }
  }
  return sample;
}

Result<LearnedProbe> learn(const Sample& sample, const ProbeOptions& options = {}) {
  return learn_probe(sample.x.view(), sample.is_positive, sample.recording, options);
}

TEST(LinearProbe, WeightsAreThoseOfScikitLearn) {
  const std::filesystem::path golden = std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden";
  std::ifstream digits(golden / "hdbscan/digits.u8", std::ios::binary);
  std::ifstream cases(golden / "linear_probe/cases.json");
  const std::string bytes(std::istreambuf_iterator<char>(digits), {});
  constexpr std::size_t kRows = 600, kColumns = 64;
  Matrix x(kRows, kColumns);
  std::vector<std::uint8_t> is_positive(kRows);
  for (std::size_t j = 0; j < kColumns; ++j) {
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < kRows; ++i) mean += bytes[i * kColumns + j] / double{kRows};
    for (std::size_t i = 0; i < kRows; ++i)
      squares += std::pow(bytes[i * kColumns + j] - mean, 2) / double{kRows};
    for (std::size_t i = 0; i < kRows; ++i) {
      x.row(i)[j] = squares > 1e-12
                        ? static_cast<float>((bytes[i * kColumns + j] - mean) / std::sqrt(squares))
                        : 0.0F;
    }
  }
  double n_positive = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    const char* row = bytes.data() + i * kColumns;
    is_positive[i] = row[27] + row[28] + row[35] + row[36] > 44 ? 1 : 0;
    n_positive += is_positive[i];
  }
  const json::value all = json::parse(std::string(std::istreambuf_iterator<char>(cases), {}));
  ASSERT_EQ(n_positive, all.at("positives").to_number<double>());
  std::vector<double> weights(kRows);
  for (std::size_t i = 0; i < kRows; ++i)
    weights[i] = kRows / (2 * (is_positive[i] != 0 ? n_positive : kRows - n_positive));
  for (const json::value& fit : all.at("fits").as_array()) {
    const LinearModel model =
        fit_logistic(x.view(), is_positive, weights, {.c = fit.at("c").to_number<double>()});
    const auto expected = json::value_to<std::vector<double>>(fit.at("weights"));
    const double greatest =
        std::abs(*std::ranges::max_element(expected, {}, [](double w) { return std::abs(w); }));
    for (std::size_t j = 0; j < kColumns; ++j)
      EXPECT_NEAR(static_cast<double>(model.weights[j]), expected[j], 2e-4 * greatest)
          << fit.at("c");
    EXPECT_NEAR(model.offset, fit.at("offset").to_number<double>(), 2e-4 * greatest);
  }
}

TEST(LinearProbe, TwoKindsFarApartAreToldApart) {
  const Sample sample = make_sample(12, 30, 8, 1);
  const LearnedProbe probe = learn(sample).value();
  EXPECT_GT(probe.average_precision, 0.95);
  EXPECT_GT(probe.roc_auc, 0.97);
  EXPECT_TRUE(probe.threshold.is_reached);
  EXPECT_TRUE(probe.is_by_recording);
  EXPECT_EQ(probe.n_folds, 5U);
}

TEST(LinearProbe, EachFoldLeavesOutItsShareOfRecordingsWithoutTheLabel) {
  // 6 recordings with the label for 5 folds, 44 without: if those all went to one fold, its model would be learned from the
  // few negatives in recordings with the label, and its scores would be on a scale of their own.
  Sample sample = make_sample(50, 10, 0, 10);
  for (std::size_t i = 0; i < sample.is_positive.size(); ++i) {
    const std::uint32_t r = sample.recording[i];
    sample.is_positive[i] = r < 6 && (i % 10 != 0 || r % 2 == 1) ? 1 : 0;
    if (sample.is_positive[i] != 0) sample.x.row(i)[1] += 6;
  }
  EXPECT_GT(learn(sample).value().roc_auc, 0.8);
}

TEST(LinearProbe, WhatCannotBeLearnedIsNotClaimed) {
  const LearnedProbe probe = learn(make_sample(12, 30, 0, 2)).value();
  EXPECT_NEAR(probe.roc_auc, 0.5, 0.1);
  EXPECT_LT(probe.average_precision, 0.45);
}

TEST(LinearProbe, RecordingsThatTellTheLabelAwayAreNoHelp) {
  // Every recording is all positive or all negative, and only its own place tells which: an ordinary cross-validation
  // finds windows of the same recording in what it learned from, and everything looks perfect.
  Sample sample = make_sample(20, 20, 0, 3);
  for (std::size_t i = 0; i < sample.is_positive.size(); ++i)
    sample.is_positive[i] = sample.recording[i] % 2 == 0 ? 1 : 0;
  const LearnedProbe honest = learn(sample).value();
  EXPECT_LT(honest.roc_auc, 0.8);
  std::vector<std::uint32_t> by_row(sample.recording.size());
  for (std::size_t i = 0; i < by_row.size(); ++i)
    by_row[i] = static_cast<std::uint32_t>(i * 7919 % by_row.size());
  const LearnedProbe leaky = learn_probe(sample.x.view(), sample.is_positive, by_row, {}).value();
  EXPECT_GT(leaky.roc_auc, 0.97);
}

TEST(LinearProbe, ThePrecisionItClaimsHoldsOnOtherRecordings) {
  int n_trials = 0, n_held = 0;
  double claimed = 0, true_one = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    const Sample known = make_sample(10, 20, 3.5, 2 * seed + 1);
    const Sample others = make_sample(60, 20, 3.5, 2 * seed + 2);
    const LearnedProbe probe = learn(known).value();
    if (!probe.threshold.is_reached) continue;
    double n_found = 0, n_right = 0;
    for (std::size_t i = 0; i < others.is_positive.size(); ++i) {
      if (probe.probability(others.x.row(i)) < probe.threshold.score) continue;
      n_found += 1;
      n_right += others.is_positive[i];
    }
    if (n_found == 0) continue;
    ++n_trials;
    claimed += probe.threshold.precision;
    true_one += n_right / n_found;
    n_held += n_right / n_found >= probe.precision_95.low &&
              n_right / n_found <= probe.precision_95.high + 0.02;
  }
  ASSERT_GT(n_trials, 20);
  EXPECT_GE(n_held, n_trials * 8 / 10);
  EXPECT_NEAR(true_one / n_trials, claimed / n_trials, 0.05);
}

TEST(LinearProbe, ProbabilitiesAreRightAsOftenAsTheySay) {
  const LearnedProbe probe = learn(make_sample(40, 40, 2.5, 4)).value();
  const Sample others = make_sample(100, 40, 2.5, 5);
  double n[4] = {}, sum[4] = {}, positives[4] = {};
  for (std::size_t i = 0; i < others.is_positive.size(); ++i) {
    const double p = probe.probability(others.x.row(i));
    const auto bin = static_cast<std::size_t>(std::min(3.0, 4 * p));
    n[bin] += 1;
    sum[bin] += p;
    positives[bin] += others.is_positive[i];
  }
  for (int bin = 0; bin < 4; ++bin) {
    ASSERT_GT(n[bin], 50);
    EXPECT_NEAR(positives[bin] / n[bin], sum[bin] / n[bin], 0.12) << bin;
  }
}

TEST(LinearProbe, LabelsOfOneRecordingAreLeftOutInPartsAndThatIsSaid) {
  Sample sample = make_sample(1, 100, 8, 6);
  const LearnedProbe one = learn(sample).value();
  EXPECT_FALSE(one.is_by_recording);
  EXPECT_EQ(one.n_folds, 5U);
  EXPECT_GT(one.average_precision, 0.9);
  // Positives in one recording, negatives in many.
  sample = make_sample(6, 30, 8, 7);
  for (std::size_t i = 0; i < sample.is_positive.size(); ++i)
    if (sample.recording[i] != 2) sample.is_positive[i] = 0;
  EXPECT_FALSE(learn(sample).value().is_by_recording);
}

TEST(LinearProbe, IsTheSameEveryTimeAndSurvivesConstantColumns) {
  Sample sample = make_sample(8, 20, 4, 8);
  for (std::size_t i = 0; i < sample.x.n_rows(); ++i) sample.x.row(i)[5] = 1.7F;
  const LearnedProbe a = learn(sample).value(), b = learn(sample).value();
  EXPECT_EQ(a.model.weights, b.model.weights);
  EXPECT_EQ(a.out_of_fold, b.out_of_fold);
  EXPECT_EQ(a.model.weights[5], 0);
  for (const double p : a.out_of_fold) EXPECT_TRUE(p >= 0 && p <= 1);
}

TEST(LinearProbe, RefusesWhatTeachesNothing) {
  const auto code = [](const Sample& sample, const ProbeOptions& options = {}) {
    const auto probe = learn(sample, options);
    return probe.ok() ? ErrorCode::internal : probe.error().code;
  };
  Sample sample = make_sample(4, 20, 4, 9);
  for (const std::size_t n_positive : {0U, 4U, 77U, 80U}) {
    Sample few = sample;
    for (std::size_t i = 0; i < 80; ++i) few.is_positive[i] = i < n_positive ? 1 : 0;
    EXPECT_EQ(code(few), ErrorCode::labels_too_few) << n_positive;
  }
  Sample equal = sample;
  for (std::size_t i = 0; i < 80; ++i) std::ranges::fill(equal.x.row(i), 0.25F);
  EXPECT_EQ(code(equal), ErrorCode::cluster_points_identical);
  Sample broken = sample;
  broken.x.row(7)[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code(broken), ErrorCode::embedding_not_finite);
  EXPECT_EQ(code(sample, {.precision = 0}), ErrorCode::invalid_argument);
  EXPECT_EQ(code(sample, {.precision = 1.5}), ErrorCode::invalid_argument);
  EXPECT_EQ(code(sample, {.n_folds = 1}), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace baleen::cluster
