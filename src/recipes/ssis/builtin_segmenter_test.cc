#include "recipes/ssis/builtin_segmenter.h"

#include <gtest/gtest.h>

#include <map>

#include "dsp/log_mel.h"
#include "recipes/ssis/testing/synthetic_sounds.h"

namespace baleen::ssis {
namespace {

std::vector<SmnSegment> segments_of(const std::vector<float>& samples,
                                    std::size_t rows_per_push = 1'000'000) {
  auto mel = dsp::LogMel::create({});
  std::vector<float> rows;
  mel.value().push(samples, rows);
  mel.value().finish(rows);
  BuiltinSegmenter segmenter;
  const std::size_t step = rows_per_push * 64;
  for (std::size_t i = 0; i < rows.size(); i += step) {
    segmenter.push(std::span<const float>(rows).subspan(i, std::min(step, rows.size() - i)));
  }
  return segmenter.finish(static_cast<std::int64_t>(samples.size()));
}

void append(std::vector<float>& to, const std::vector<float>& more, float gain = 1.0F) {
  for (const float v : more) to.push_back(v * gain);
}

void expect_gapless(const std::vector<SmnSegment>& segments, double duration_s) {
  double at_s = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    EXPECT_DOUBLE_EQ(segments[i].begin_s, at_s);
    EXPECT_LT(segments[i].begin_s, segments[i].end_s);
    EXPECT_TRUE(segments[i].mean_prob >= 0.0F && segments[i].mean_prob <= 1.0F);
    if (i > 0) {
      EXPECT_NE(segments[i].label, segments[i - 1].label);
    }
    at_s = segments[i].end_s;
  }
  EXPECT_DOUBLE_EQ(at_s, duration_s);
}

/// Seconds of each label, silence left out.
std::map<SmnLabel, double> seconds_by_label(const std::vector<SmnSegment>& segments) {
  std::map<SmnLabel, double> seconds;
  for (const SmnSegment& s : segments) {
    if (s.label != SmnLabel::no_energy) seconds[s.label] += s.end_s - s.begin_s;
  }
  return seconds;
}

double share(const std::vector<SmnSegment>& segments, SmnLabel label) {
  double total = 0;
  for (const auto& [_, s] : seconds_by_label(segments)) total += s;
  return total > 0 ? seconds_by_label(segments)[label] / total : 0;
}

TEST(BuiltinSegmenter, KnowsBabbleMelodyAndWind) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    EXPECT_GT(share(segments_of(testing::babble(8, seed)), SmnLabel::speech), 0.8);
    EXPECT_GT(share(segments_of(testing::melody(8, seed)), SmnLabel::music), 0.8);
    EXPECT_GT(share(segments_of(testing::wind(8, seed)), SmnLabel::noise), 0.8);
  }
}

TEST(BuiltinSegmenter, FindsTheChangesWithinASecond) {
  std::vector<float> samples = testing::babble(10, 11);
  append(samples, testing::melody(10, 12));
  append(samples, testing::wind(10, 13));
  const auto segments = segments_of(samples);
  expect_gapless(segments, 30.0);
  const auto label_at = [&](double at_s) {
    for (const SmnSegment& s : segments) {
      if (s.begin_s <= at_s && at_s < s.end_s && s.label != SmnLabel::no_energy) return s.label;
    }
    return SmnLabel::no_energy;
  };
  double right = 0;
  double heard = 0;
  for (double at_s = 0; at_s < 30; at_s += 0.05) {
    if (std::abs(at_s - 10) < 1 || std::abs(at_s - 20) < 1) continue;
    const auto truth = at_s < 10 ? SmnLabel::speech : at_s < 20 ? SmnLabel::music : SmnLabel::noise;
    const SmnLabel got = label_at(at_s);
    heard += got != SmnLabel::no_energy ? 1 : 0;
    right += got == truth ? 1 : 0;
  }
  EXPECT_GT(right / heard, 0.95);
}

TEST(BuiltinSegmenter, SilenceIsNoEnergyAndSplitsSegments) {
  std::vector<float> samples = testing::babble(4, 21);
  append(samples, std::vector<float>(22050 * 3, 0.0F));
  append(samples, testing::melody(6, 22));
  const auto segments = segments_of(samples);
  expect_gapless(segments, 13.0);
  double silent_s = 0;
  for (const SmnSegment& s : segments) {
    if (s.label == SmnLabel::no_energy && s.begin_s < 4.5 && s.end_s > 6.5)
      silent_s = s.end_s - s.begin_s;
  }
  EXPECT_NEAR(silent_s, 3.0, 0.6);
}

TEST(BuiltinSegmenter, DigitalSilenceIsOneSegmentWithoutEnergy) {
  const auto segments = segments_of(std::vector<float>(22050 * 5, 0.0F));
  ASSERT_EQ(segments.size(), 1U);
  EXPECT_EQ(segments[0].label, SmnLabel::no_energy);
  EXPECT_DOUBLE_EQ(segments[0].end_s, 5.0);
}

TEST(BuiltinSegmenter, NothingGivesNothingAndOneSampleGivesOneSegment) {
  EXPECT_TRUE(BuiltinSegmenter().finish(0).empty());
  expect_gapless(segments_of({0.5F}), 1.0 / 22050.0);
  for (const std::size_t n : {1U, 219U, 220U, 5000U, 22049U, 22051U, 30000U}) {
    SCOPED_TRACE(n);
    std::vector<float> samples = testing::melody(2, 3);
    samples.resize(n);
    expect_gapless(segments_of(samples), static_cast<double>(n) / 22050.0);
  }
}

TEST(BuiltinSegmenter, DoesNotDependOnChunkingNorOnEarlierRecordings) {
  std::vector<float> samples = testing::babble(5, 31);
  append(samples, testing::wind(5, 32));
  const auto whole = segments_of(samples);
  for (const std::size_t chunk : {1U, 7U, 50U, 333U}) {
    SCOPED_TRACE(chunk);
    const auto chunked = segments_of(samples, chunk);
    ASSERT_EQ(chunked.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(chunked[i].begin_s, whole[i].begin_s);
      EXPECT_EQ(chunked[i].label, whole[i].label);
      EXPECT_EQ(chunked[i].mean_prob, whole[i].mean_prob);
    }
  }
}

TEST(BuiltinSegmenter, LabelsAreTheSame30DecibelsLower) {
  std::vector<float> samples = testing::babble(8, 41);
  append(samples, testing::melody(8, 42));
  append(samples, testing::wind(8, 43));
  std::vector<float> quiet;
  append(quiet, samples, 0.0316228F);
  const auto loud_segments = segments_of(samples);
  const auto quiet_segments = segments_of(quiet);
  ASSERT_EQ(quiet_segments.size(), loud_segments.size());
  for (std::size_t i = 0; i < loud_segments.size(); ++i) {
    EXPECT_EQ(quiet_segments[i].label, loud_segments[i].label);
    EXPECT_NEAR(quiet_segments[i].begin_s, loud_segments[i].begin_s, 0.1);
  }
}

}  // namespace
}  // namespace baleen::ssis
