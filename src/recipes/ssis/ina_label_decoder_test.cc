#include "recipes/ssis/ina_label_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace baleen::ssis {
namespace {

const double kChangeCost = 80.0 * std::log(10.0);

// The reference: Viterbi over every patch.
std::vector<std::size_t> decode_at_once(std::span<const InaLogProbs> log_probs) {
  const std::size_t n = log_probs.size();
  std::vector<std::array<double, 3>> score(n);
  std::vector<std::array<std::size_t, 3>> from(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t to = 0; to < 3; ++to) {
      double best = 0.0;
      if (i > 0) {
        best = score[i - 1][to];
        from[i][to] = to;
        for (std::size_t s = 0; s < 3; ++s) {
          if (score[i - 1][s] - kChangeCost <= best) continue;
          best = score[i - 1][s] - kChangeCost;
          from[i][to] = s;
        }
      }
      score[i][to] = best + log_probs[i][to];
    }
  }
  std::vector<std::size_t> labels(n);
  std::size_t label = 0;
  for (std::size_t s = 1; s < 3; ++s)
    if (score[n - 1][s] > score[n - 1][label]) label = s;
  for (std::size_t i = n; i-- > 0;) {
    labels[i] = label;
    label = from[i][label];
  }
  return labels;
}

// Softmax of logits that follow a label of random duration, moving as smoothly as overlapping patches make
// them (34 patches of memory), with noise of the network's size.
std::vector<InaLogProbs> piecewise(std::size_t n,
                                   double mean_patches,
                                   double doubt,
                                   unsigned seed) {
  std::mt19937 random(seed);
  std::exponential_distribution<double> duration(1.0 / mean_patches);
  std::normal_distribution<double> normal;
  std::vector<std::array<double, 3>> raw(n + 34);
  for (std::size_t i = 0; i < raw.size();) {
    std::array<double, 3> level{doubt * normal(random), doubt * normal(random),
                                doubt * normal(random)};
    level[random() % 3] += 8.0;
    for (std::size_t k = 0, m = 1 + static_cast<std::size_t>(duration(random));
         k < m && i < raw.size(); ++k, ++i) {
      for (std::size_t s = 0; s < 3; ++s) raw[i][s] = level[s] + 2.0 * normal(random);
    }
  }
  std::vector<InaLogProbs> log_probs(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::array<double, 3> mean{};
    for (std::size_t k = 0; k < 34; ++k)
      for (std::size_t s = 0; s < 3; ++s) mean[s] += raw[i + k][s] / 34.0;
    const double largest = std::max({mean[0], mean[1], mean[2]});
    double sum = 0.0;
    for (const double value : mean) sum += std::exp(value - largest);
    for (std::size_t s = 0; s < 3; ++s)
      log_probs[i][s] = static_cast<float>(mean[s] - largest - std::log(sum));
  }
  return log_probs;
}

struct Decoded {
  std::vector<std::size_t> labels;
  std::vector<InaLabelRun> runs;
  std::int64_t n_evaluated = 0;
};

// One stretch per entry of `stretches` (0: all patches are one stretch).
Decoded decode(std::span<const InaLogProbs> log_probs,
               const InaDecoderOptions& options,
               std::span<const std::uint8_t> usable = {}) {
  std::set<std::int64_t> asked;
  InaLabelDecoder* self = nullptr;
  InaLabelDecoder decoder(
      options,
      [&](std::span<const std::int64_t> patches, std::span<InaLogProbs> out) -> Result<void> {
        for (std::size_t k = 0; k < patches.size(); ++k) {
          EXPECT_TRUE(asked.insert(patches[k]).second) << "asked twice for " << patches[k];
          EXPECT_GE(patches[k], self->undecided_from());
          EXPECT_TRUE(k == 0 || patches[k - 1] < patches[k]);
          EXPECT_TRUE(usable.empty() || usable[static_cast<std::size_t>(patches[k])] != 0);
          out[k] = log_probs[static_cast<std::size_t>(patches[k])];
        }
        return {};
      });
  self = &decoder;
  Decoded decoded;
  for (std::size_t i = 0; i < log_probs.size(); ++i)
    EXPECT_TRUE(decoder.push(usable.empty() || usable[i] != 0, decoded.runs).ok());
  EXPECT_TRUE(decoder.finish_stretch(decoded.runs).ok());
  EXPECT_EQ(decoder.undecided_from(), static_cast<std::int64_t>(log_probs.size()));
  EXPECT_EQ(decoder.active_count(), static_cast<std::int64_t>(log_probs.size()));
  for (const InaLabelRun& run : decoded.runs)
    decoded.labels.insert(decoded.labels.end(), static_cast<std::size_t>(run.n_patches), run.label);
  decoded.n_evaluated = decoder.evaluated_count();
  EXPECT_EQ(decoded.n_evaluated, static_cast<std::int64_t>(asked.size()));
  return decoded;
}

double agreement(std::span<const std::size_t> a, std::span<const std::size_t> b) {
  EXPECT_EQ(a.size(), b.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) n += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(n) / static_cast<double>(a.size());
}

TEST(InaLabelDecoder, WithEveryPatchItEqualsTheReferenceWhateverTheWindow) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const auto log_probs = piecewise(3000, 60.0 + 20.0 * seed, 3.0, seed);
    const auto expected = decode_at_once(log_probs);
    for (const std::size_t window : {700U, 2000U, 8193U}) {
      const Decoded decoded = decode(log_probs, {.stride = 1, .window_patches = window});
      EXPECT_EQ(decoded.labels, expected) << window;
      EXPECT_EQ(decoded.n_evaluated, 3000);
    }
  }
}

TEST(InaLabelDecoder, SteadyAudioNeedsLittleMoreThanTheGrid) {
  const auto log_probs = piecewise(20'000, 2000.0, 1.0, 4);
  const Decoded decoded = decode(log_probs, {});
  EXPECT_EQ(decoded.labels, decode_at_once(log_probs));
  EXPECT_LT(decoded.n_evaluated, 20'000 * 0.045);
}

TEST(InaLabelDecoder, AgreesWithTheReferenceOnSequencesThatChangeEveryFewSeconds) {
  double sum = 0.0;
  std::int64_t n_evaluated = 0;
  constexpr int kSeeds = 10;
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    const auto log_probs = piecewise(20'000, 250.0, 2.0, 100 + seed);
    const Decoded decoded = decode(log_probs, {});
    const double share = agreement(decoded.labels, decode_at_once(log_probs));
    EXPECT_GE(share, 0.995) << seed;
    sum += share;
    n_evaluated += decoded.n_evaluated;
  }
  EXPECT_GE(sum / kSeeds, 0.999);
  EXPECT_LT(static_cast<double>(n_evaluated) / (20'000 * kSeeds), 0.12);
}

TEST(InaLabelDecoder, HostileAudioCannotExceedTheBudget) {
  // Odds that hover around even, forever: everything is uncertain everywhere.
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  std::vector<InaLogProbs> log_probs(50'000);
  for (auto& value : log_probs)
    for (float& p : value) p = static_cast<float>(-1.1 - 6.0 * std::abs(normal(random)));
  const InaDecoderOptions options;
  const Decoded decoded = decode(log_probs, options);
  const double grid = 50'000.0 / static_cast<double>(options.stride) + 20.0;
  EXPECT_LE(static_cast<double>(decoded.n_evaluated),
            grid + options.refine_patches_free + 50'000.0 * options.refine_fraction_max);
  EXPECT_EQ(decoded.labels.size(), 50'000U);
}

TEST(InaLabelDecoder, FindsAChangeToThePatch) {
  std::vector<InaLogProbs> log_probs(1000, {-0.01F, -5.0F, -6.0F});
  std::fill(log_probs.begin() + 437, log_probs.end(), InaLogProbs{-5.0F, -0.01F, -6.0F});
  const Decoded decoded = decode(log_probs, {});
  ASSERT_EQ(decoded.runs.size(), 2U);
  EXPECT_EQ(decoded.runs[0].n_patches, 437);
  EXPECT_EQ(decoded.runs[1].label, 1U);
  EXPECT_NEAR(decoded.runs[0].prob_sum / 437.0, std::exp(-0.01), 1e-3);
}

TEST(InaLabelDecoder, UnusablePatchesAreUndecidedAndNeverAskedFor) {
  std::vector<InaLogProbs> log_probs(600, {-0.01F, -9.0F, -9.0F});
  std::fill(log_probs.begin() + 300, log_probs.end(), InaLogProbs{-9.0F, -0.01F, -9.0F});
  std::vector<std::uint8_t> usable(600, 1);
  std::fill(usable.begin() + 100, usable.begin() + 140, std::uint8_t{0});
  std::fill(usable.begin() + 290, usable.begin() + 310, std::uint8_t{0});
  auto seen = log_probs;
  for (std::size_t i = 0; i < 600; ++i)
    if (usable[i] == 0) seen[i] = {std::log(0.5F), std::log(0.5F), std::log(0.5F)};
  EXPECT_EQ(decode(log_probs, {}, usable).labels, decode_at_once(seen));
  const std::vector<std::uint8_t> none(600, 0);
  const Decoded silent = decode(log_probs, {}, none);
  EXPECT_EQ(silent.labels, std::vector<std::size_t>(600, 0));
  EXPECT_EQ(silent.n_evaluated, 0);
}

TEST(InaLabelDecoder, ShortStretchesStandAlone) {
  // Two stretches of 30 patches with 10 left out between: no change is paid for from one to the next.
  std::vector<InaLogProbs> log_probs(70, {-0.01F, -5.0F, -6.0F});
  std::fill(log_probs.begin() + 40, log_probs.end(), InaLogProbs{-5.0F, -0.01F, -6.0F});
  InaLabelDecoder decoder(
      {}, [&](std::span<const std::int64_t> patches, std::span<InaLogProbs> out) -> Result<void> {
        for (std::size_t k = 0; k < patches.size(); ++k)
          out[k] = log_probs[static_cast<std::size_t>(patches[k])];
        return {};
      });
  std::vector<InaLabelRun> runs;
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(decoder.push(true, runs).ok());
  ASSERT_TRUE(decoder.finish_stretch(runs).ok());
  decoder.skip(10);
  EXPECT_EQ(decoder.undecided_from(), 40);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(decoder.push(true, runs).ok());
  ASSERT_TRUE(decoder.finish_stretch(runs).ok());
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].label, 0U);
  EXPECT_EQ(runs[1].label, 1U);
  EXPECT_EQ(runs[1].n_patches, 30);
}

TEST(InaLabelDecoder, AnErrorOfTheNetworkComesThrough) {
  InaLabelDecoder decoder({}, [](std::span<const std::int64_t>, std::span<InaLogProbs>) {
    return Result<void>(fail(ErrorCode::model_oom, "no memory"));
  });
  std::vector<InaLabelRun> runs;
  ASSERT_TRUE(decoder.push(true, runs).ok());
  const Result<void> result = decoder.finish_stretch(runs);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::model_oom);
}

}  // namespace
}  // namespace baleen::ssis
