#include "recipes/ssis/ina_activity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "support/npz.h"
#include "support/shared_dir.h"
#include "support/signals.h"

namespace baleen::ssis {
namespace {

// The same decision, with the whole recording at hand and nothing clever.
std::vector<std::uint8_t> activity_at_once(std::span<const float> log_energy, double threshold) {
  const std::size_t n = log_energy.size();
  const double change = -150.0 * std::log(10.0);
  std::vector<std::array<double, 2>> score(n);
  std::vector<std::array<std::uint8_t, 2>> from(n);
  for (std::size_t i = 0; i < n; ++i) {
    const bool is_loud = log_energy[i] > threshold;
    for (std::size_t to = 0; to < 2; ++to) {
      const double emission = std::log((to == 1) == is_loud ? 1.0 - 1e-10 : 1e-10);
      if (i == 0) {
        score[i][to] = emission;
        continue;
      }
      const std::array<double, 2> cost{to == 0 ? -5.0 : change, to == 0 ? change : 0.0};
      const double quiet = score[i - 1][0] + cost[0];
      const double active = score[i - 1][1] + cost[1];
      from[i][to] = active > quiet ? 1 : 0;
      score[i][to] = std::max(quiet, active) + emission;
    }
  }
  std::vector<std::uint8_t> states(n);
  std::uint8_t state = n > 0 && score[n - 1][1] > score[n - 1][0] ? 1 : 0;
  for (std::size_t i = n; i-- > 0;) {
    states[i] = state;
    state = from[i][state];
  }
  return states;
}

std::vector<std::uint8_t> activity_in_chunks(std::span<const float> log_energy,
                                             double threshold,
                                             std::size_t chunk) {
  InaActivity activity(threshold);
  std::vector<std::uint8_t> states;
  for (std::size_t i = 0; i < log_energy.size(); i += chunk)
    activity.push(log_energy.subspan(i, std::min(chunk, log_energy.size() - i)), states);
  activity.finish(states);
  return states;
}

double mean_threshold(std::span<const float> log_energy) {
  double sum = 0.0;
  double n = 0.0;
  for (const float value : log_energy) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++n;
  }
  return sum / n + std::log(0.03);
}

TEST(InaActivity, EqualsTheDecisionOverTheWholeRecordingForAnyChunks) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    const std::size_t n = 1 + random() % 2000;
    const std::uint64_t percent_loud = 30 + random() % 40;  // Around the break-even.
    const std::size_t hold = 1 + random() % 40;
    std::vector<float> log_energy(n);
    for (std::size_t i = 0; i < n; ++i) {
      if (i % hold != 0)
        log_energy[i] = log_energy[i - 1];
      else
        log_energy[i] = random() % 100 < percent_loud ? 1.0F : -1.0F;
    }
    const auto expected = activity_at_once(log_energy, 0.0);
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, n})
      ASSERT_EQ(activity_in_chunks(log_energy, 0.0, chunk), expected);
  }
}

TEST(InaActivity, NothingIsActiveInSilenceOrWithoutAThreshold) {
  const std::vector<float> silence(500, -INFINITY);
  EXPECT_EQ(activity_in_chunks(silence, -3.0, 100), std::vector<std::uint8_t>(500, 0));
  const std::vector<float> loud(500, 3.0F);
  EXPECT_EQ(activity_in_chunks(loud, NAN, 100), std::vector<std::uint8_t>(500, 0));
  const std::vector<float> damaged(500, NAN);
  EXPECT_EQ(activity_in_chunks(damaged, 0.0, 100), std::vector<std::uint8_t>(500, 0));
  EXPECT_EQ(activity_in_chunks(loud, 0.0, 100), std::vector<std::uint8_t>(500, 1));
  EXPECT_TRUE(activity_in_chunks({}, 0.0, 100).empty());
}

TEST(InaActivity, DecidesWithoutWaitingForTheEnd) {
  InaActivity activity(0.0);
  std::vector<std::uint8_t> states;
  activity.push(std::vector<float>(100, 1.0F), states);
  EXPECT_GE(states.size(), 70U);
}

TEST(InaActivity, BreaksATieOfMinutesByTheBetterPathSoFar) {
  // 9 loud frames, then 14 quiet ones, again and again: 9·(23+5) = 14·18 = 252 nats, less than a change
  // costs, and nothing is ever decided.
  std::vector<float> log_energy(2 * InaActivity::kPendingFramesMax);
  for (std::size_t i = 0; i < log_energy.size(); ++i) log_energy[i] = i % 23 < 9 ? 1.0F : -1.0F;
  InaActivity activity(0.0);
  std::vector<std::uint8_t> states;
  activity.push(log_energy, states);
  EXPECT_GE(states.size(), InaActivity::kPendingFramesMax - 1);
  activity.finish(states);
  ASSERT_EQ(states.size(), log_energy.size());
  EXPECT_EQ(states, std::vector<std::uint8_t>(states.size(), states[0]));
}

TEST(InaActivity, EqualsTheReferenceOnRealAudio) {
  BALEEN_SHARED_FILE_OR_SKIP(npz_path, "fixtures/golden/ina_musanmix.npz");
  const auto golden = test_support::read_npz(npz_path);
  const auto log_energy = golden.at("loge").as<float>();
  const auto active = golden.at("active").as<std::int8_t>();
  const auto states = activity_in_chunks(log_energy, mean_threshold(log_energy), 100);
  ASSERT_EQ((states.size() + 1) / 2, active.size());
  for (std::size_t i = 0; i < active.size(); ++i) ASSERT_EQ(states[2 * i], active[i]) << i;
}

// Log energy of each full frame, by the definition.
std::vector<double> log_energies(std::span<const float> samples) {
  std::vector<double> values;
  for (std::size_t begin = 0; begin + 400 <= samples.size(); begin += 160) {
    double energy = 0.0;
    for (std::size_t i = begin; i < begin + 400; ++i) {
      const double value = samples[i] - 0.97 * samples[i == begin ? i : i - 1];
      energy += value * value;
    }
    values.push_back(std::log(energy));
  }
  return values;
}

TEST(InaLoudness, IsTheMeanOverFiniteFramesForAnyChunks) {
  std::vector<float> samples = test_support::white_noise(16000, 3, 0.3);
  std::fill(samples.begin() + 5000, samples.begin() + 9000, 0.0F);
  for (const std::size_t n : {0U, 79U, 399U, 400U, 559U, 560U, 12345U, 16000U}) {
    SCOPED_TRACE(n);
    const auto part = std::span<const float>(samples).first(n);
    const std::vector<double> values = log_energies(part);
    double sum = 0.0;
    int n_finite = 0;
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      sum += value;
      ++n_finite;
    }
    for (const std::size_t chunk : {1U, 77U, 4096U}) {
      InaLoudness loudness;
      for (std::size_t i = 0; i < n; i += chunk)
        loudness.push(part.subspan(i, std::min(chunk, n - i)));
      EXPECT_EQ(loudness.frame_count(), static_cast<std::int64_t>(values.size()));
      if (n_finite == 0)
        EXPECT_TRUE(std::isnan(loudness.threshold()));
      else
        EXPECT_NEAR(loudness.threshold(), sum / n_finite + std::log(0.03), 1e-9);
    }
  }
  const std::vector<double> all = log_energies(samples);
  const auto n_silent = std::count(all.begin(), all.end(), -INFINITY);
  EXPECT_GT(n_silent, 20);
}

TEST(InaLoudness, SilenceAndDamagedSamplesDoNotCount) {
  InaLoudness silence;
  silence.push(std::vector<float>(16000));
  EXPECT_TRUE(std::isnan(silence.threshold()));
  std::vector<float> samples = test_support::white_noise(16000, 3, 0.3);
  samples[8000] = NAN;
  InaLoudness damaged;
  damaged.push(samples);
  EXPECT_TRUE(std::isfinite(damaged.threshold()));
}

}  // namespace
}  // namespace baleen::ssis
