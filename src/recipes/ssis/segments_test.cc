#include "recipes/ssis/segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace baleen::ssis {

void PrintTo(const Segment& s, std::ostream* out) {
  *out << label_name(s.label) << " " << s.start << ".." << s.end;
}

namespace {

using enum SegmentLabel;

MATCHER_P3(Is, label, start, end, "") {
  return arg.label == label && arg.start == start && arg.end == end;
}
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const formats::DocumentHeader kHeader = {"asset-1", "2026-11-20T09:27:09.123Z", "0.1.0", "1"};

std::vector<RawSegment> as_raw(std::span<const Segment> segments) {
  std::vector<RawSegment> raw;
  for (const Segment& s : segments)
    raw.push_back({to_seconds(s.start), to_seconds(s.end), s.label});
  return raw;
}

TEST(PostProcess, TimeThatNobodyLabelledIsSilence) {
  const RawSegment raw[] = {{1.0, 3.0, speech}, {5.0, 10.0, music}};
  EXPECT_THAT(post_process_segments(raw, 12'000),
              ElementsAre(Is(silence, 0, 1000), Is(speech, 1000, 3000), Is(silence, 3000, 5000),
                          Is(music, 5000, 10'000), Is(silence, 10'000, 12'000)));
}

TEST(PostProcess, WithoutAnyLabelAllIsSilence) {
  EXPECT_THAT(post_process_segments({}, 1700), ElementsAre(Is(silence, 0, 1700)));
  EXPECT_TRUE(post_process_segments({}, 0).empty());
}

TEST(PostProcess, ShortGapsBetweenPiecesOfOneLabelClose) {
  // Each word alone is too short for speech; together they are not.
  const RawSegment raw[] = {{2.0, 2.5, speech}, {2.7, 3.2, speech}, {3.4, 3.9, speech}};
  EXPECT_THAT(post_process_segments(raw, 6000),
              ElementsAre(Is(silence, 0, 2000), Is(speech, 2000, 3900), Is(silence, 3900, 6000)));
}

TEST(PostProcess, AGapOfMergeGapStaysAGapUntilItIsTooShortForItsLabel) {
  const RawSegment noise_between[] = {{0.0, 2.0, speech}, {2.0, 2.3, noise}, {2.3, 4.0, speech}};
  EXPECT_EQ(post_process_segments(noise_between, 4000).size(), 3U);
  const RawSegment silence_between[] = {{0.0, 2.0, speech}, {2.3, 4.0, speech}};
  EXPECT_THAT(post_process_segments(silence_between, 4000), ElementsAre(Is(speech, 0, 4000)));
  const RawSegment long_silence[] = {{0.0, 2.0, speech}, {2.5, 4.0, speech}};
  EXPECT_EQ(post_process_segments(long_silence, 4000).size(), 3U);
}

TEST(PostProcess, TheMinimumDurationsAreThoseOfTheRunbook) {
  const auto alone = [](SegmentLabel label, double duration_s) {
    const RawSegment raw[] = {{10.0, 10.0 + duration_s, label}};
    return post_process_segments(raw, 30'000);
  };
  EXPECT_EQ(alone(speech, 0.8)[1].label, speech);
  EXPECT_EQ(alone(speech, 0.79)[1].label, noise);
  EXPECT_EQ(alone(music, 3.4)[1].label, music);
  EXPECT_EQ(alone(music, 3.39)[1].label, noise);
  EXPECT_EQ(alone(noise, 0.3).size(), 3U);
  EXPECT_THAT(alone(noise, 0.29), ElementsAre(Is(silence, 0, 30'000)));
  EXPECT_THAT(alone(speech, 0.29), ElementsAre(Is(silence, 0, 30'000)));

  const RawSegment pause[] = {{0.0, 10.0, speech}, {10.5, 20.0, music}};
  EXPECT_EQ(post_process_segments(pause, 20'000).size(), 3U);
  const RawSegment shorter[] = {{0.0, 10.0, speech}, {10.49, 20.0, music}};
  EXPECT_THAT(post_process_segments(shorter, 20'000),
              ElementsAre(Is(speech, 0, 10'490), Is(music, 10'490, 20'000)));
}

TEST(PostProcess, AShortPieceGoesToTheLongerSoundBesideIt) {
  const RawSegment to_music[] = {{0.0, 5.0, speech}, {5.0, 5.2, noise}, {5.2, 15.0, music}};
  EXPECT_THAT(post_process_segments(to_music, 15'000),
              ElementsAre(Is(speech, 0, 5000), Is(music, 5000, 15'000)));
  const RawSegment tie[] = {{0.0, 5.0, speech}, {5.0, 5.2, noise}, {5.2, 10.2, music}};
  EXPECT_THAT(post_process_segments(tie, 10'200),
              ElementsAre(Is(speech, 0, 5200), Is(music, 5200, 10'200)));
}

TEST(PostProcess, AShortSoundPrefersSoundToLongerSilence) {
  const RawSegment raw[] = {{100.0, 101.0, speech}, {101.0, 102.0, music}};
  EXPECT_THAT(post_process_segments(raw, 200'000),
              ElementsAre(Is(silence, 0, 100'000), Is(speech, 100'000, 102'000),
                          Is(silence, 102'000, 200'000)));
}

TEST(PostProcess, ARecordingOfOneLabelKeepsItHoweverShort) {
  const RawSegment raw[] = {{0.0, 1.9, music}};
  EXPECT_THAT(post_process_segments(raw, 2000), ElementsAre(Is(music, 0, 2000)));
}

TEST(PostProcess, OverlapsBelongToTheEarlierAndTheRestIsCutOff) {
  const RawSegment raw[] = {{8.0, 99.0, noise}, {-5.0, 5.0, music}, {3.0, 8.0, speech}};
  EXPECT_THAT(post_process_segments(raw, 10'000),
              ElementsAre(Is(music, 0, 5000), Is(speech, 5000, 8000), Is(noise, 8000, 10'000)));
}

TEST(PostProcess, NonsenseIsIgnored) {
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  const RawSegment raw[] = {{nan, 5.0, music},     {1.0, nan, music},
                            {6.0, 5.0, music},     {-infinity, infinity, music},
                            {1e300, 2e300, music}, {0.0, 4.0, speech, nan}};
  const auto segments = post_process_segments(raw, 4000);
  EXPECT_THAT(segments, ElementsAre(Is(speech, 0, 4000)));
  EXPECT_TRUE(check_segments(segments, 4000).ok());
}

std::vector<RawSegment> random_raw(std::mt19937& random, double duration_s) {
  std::vector<RawSegment> raw;
  std::exponential_distribution<double> length(1.0 / 0.9);
  double at = 0.0;
  while (at < duration_s) {
    const double end = at + 0.02 * std::ceil(length(random) / 0.02);
    if (random() % 5 != 0)
      raw.push_back({at, end, static_cast<SegmentLabel>(random() % 4),
                     static_cast<double>(random() % 100) / 100.0});
    at = end;
  }
  if (random() % 3 == 0) std::shuffle(raw.begin(), raw.end(), random);
  return raw;
}

TEST(PostProcess, AnyInputGivesValidSegmentsOfAtLeastTheMinimumAndTwiceIsOnce) {
  const SegmentOptions options;
  const Millis minimum[] = {800, 3400, 300, 500};
  for (unsigned seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Millis duration = 1 + static_cast<Millis>(random() % 90'000);
    const auto raw = random_raw(random, to_seconds(duration) * 1.1);
    const auto segments = post_process_segments(raw, duration, options);
    const auto valid = check_segments(segments, duration);
    ASSERT_TRUE(valid.ok()) << valid.error().message;
    for (const Segment& s : segments) {
      const bool is_long_enough = s.duration() >= minimum[static_cast<std::size_t>(s.label)];
      EXPECT_TRUE(is_long_enough || segments.size() == 1) << ::testing::PrintToString(s);
    }
    const auto twice = post_process_segments(as_raw(segments), duration, options);
    ASSERT_EQ(twice.size(), segments.size());
    for (std::size_t i = 0; i < twice.size(); ++i)
      EXPECT_THAT(twice[i], Is(segments[i].label, segments[i].start, segments[i].end));
  }
}

TEST(PostProcess, ManyShortPiecesTakeNoQuadraticTime) {
  std::mt19937 random(1);
  std::vector<RawSegment> raw;
  for (int i = 0; i < 400'000; ++i)
    raw.push_back({0.02 * i, 0.02 * (i + 1), static_cast<SegmentLabel>(random() % 4)});
  EXPECT_TRUE(check_segments(post_process_segments(raw, 8'000'000), 8'000'000).ok());
}

TEST(Confidence, GrowsWithProbabilityAgreementAndLength) {
  const auto of = [](double end_s, double probability) {
    const RawSegment raw[] = {{0.0, end_s, speech, probability}};
    return post_process_segments(raw, to_millis(end_s))[0].confidence;
  };
  EXPECT_DOUBLE_EQ(of(80.0, 1.0), 0.898);  // 0.9 · (1 − 0.25 · 0.8 / 80), rounded.
  EXPECT_DOUBLE_EQ(of(0.8, 1.0), 0.675);
  EXPECT_DOUBLE_EQ(of(0.8, 0.0), 0.338);
  EXPECT_LT(of(80.0, 0.6), of(80.0, 0.9));
  const RawSegment mixed[] = {{0.0, 40.0, speech}, {40.0, 42.0, music}, {42.0, 80.0, speech}};
  const auto joined = post_process_segments(mixed, 80'000);
  ASSERT_EQ(joined.size(), 1U);
  EXPECT_LT(joined[0].confidence, of(80.0, 1.0));
}

TEST(CheckSegments, EveryBrokenRuleIsFound) {
  const std::vector<Segment> good = {{0, 1000, speech, 0.5}, {1000, 2000, music, 0.5}};
  ASSERT_TRUE(check_segments(good, 2000).ok());
  const auto broken = [&](auto change) {
    std::vector<Segment> segments = good;
    change(segments);
    const auto result = check_segments(segments, 2000);
    return !result.ok() && result.error().code == ErrorCode::segments_invalid;
  };
  EXPECT_TRUE(broken([](auto& s) { s[0].start = 1; }));
  EXPECT_TRUE(broken([](auto& s) { s[1].start = 1001; }));
  EXPECT_TRUE(broken([](auto& s) { s[1].start = 999; }));
  EXPECT_TRUE(broken([](auto& s) { s[1].end = 1999; }));
  EXPECT_TRUE(broken([](auto& s) { s[1].end = 1000; }));
  EXPECT_TRUE(broken([](auto& s) { s[1].label = speech; }));
  EXPECT_TRUE(broken([](auto& s) { s[1].confidence = 1.1; }));
  EXPECT_TRUE(broken([](auto& s) { s[1].confidence = std::nan(""); }));
  EXPECT_TRUE(broken([](auto& s) { std::swap(s[0], s[1]); }));
  EXPECT_TRUE(broken([](auto& s) { s.clear(); }));
}

TEST(SegmentMetrics, CountDistributionAndFlipRate) {
  const Segment segments[] = {
      {0, 10'000, speech, 1.0}, {10'000, 15'000, silence, 1.0}, {15'000, 20'000, speech, 1.0}};
  const SegmentMetrics metrics = segment_metrics(segments);
  EXPECT_EQ(metrics.segment_count, 3);
  EXPECT_EQ(metrics.time[0], 15'000);
  EXPECT_DOUBLE_EQ(metrics.fraction[0], 0.75);
  EXPECT_DOUBLE_EQ(metrics.fraction[3], 0.25);
  EXPECT_DOUBLE_EQ(metrics.flip_rate, 6.0);  // Two flips in 20 s.
}

TEST(SegmentsDocument, SatisfiesItsSchemaAndReadsBackEqual) {
  std::mt19937 random(7);
  const Millis duration = to_millis(std::int64_t{22050 * 61 + 11}, Hertz{22050});
  const auto segments = post_process_segments(random_raw(random, 70.0), duration);
  const auto document = segments_document(kHeader, segments, duration, {"ina-smn", ""});
  ASSERT_TRUE(document.ok()) << document.error().message;
  // Through text, as on the disk.
  const auto text = core::to_pretty_json(*document);
  const auto back = parse_segments_document(core::parse_json(text, "test").value());
  ASSERT_TRUE(back.ok()) << back.error().message;
  ASSERT_EQ(back->size(), segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    EXPECT_THAT((*back)[i], Is(segments[i].label, segments[i].start, segments[i].end));
    EXPECT_EQ((*back)[i].confidence, segments[i].confidence);
  }
  EXPECT_EQ(document->at("segments").as_array().back().at("end_s").as_double(),
            document->at("duration_s").as_double());
}

TEST(SegmentsDocument, BrokenSegmentsAreNeverWritten) {
  const Segment gap[] = {{0, 1000, speech, 0.5}, {1001, 2000, music, 0.5}};
  EXPECT_EQ(segments_document(kHeader, gap, 2000, {"m", ""}).error().code,
            ErrorCode::segments_invalid);
  const Segment good[] = {{0, 2000, speech, 0.5}};
  const auto bad_hash = segments_document(kHeader, good, 2000, {"m", "md5:0"});
  ASSERT_FALSE(bad_hash.ok());
  EXPECT_EQ(bad_hash.error().code, ErrorCode::segments_invalid);
  EXPECT_THAT(bad_hash.error().message, HasSubstr("model_hash"));
}

TEST(SegmentsDocument, AnEditedDocumentThatOverlapsIsRefused) {
  const Segment good[] = {{0, 2000, speech, 0.5}, {2000, 4000, music, 0.5}};
  json::object document = segments_document(kHeader, good, 4000, {"m", ""}).value();
  document["segments"].at(1).as_object()["start_s"] = 1.9;
  EXPECT_EQ(parse_segments_document(document).error().code, ErrorCode::segments_invalid);
  EXPECT_EQ(parse_segments_document(json::object{}).error().code, ErrorCode::segments_invalid);
}

TEST(Millis, SamplesAreRoundedToTheNearestMillisecond) {
  EXPECT_EQ(to_millis(std::int64_t{0}, Hertz{22050}), 0);
  EXPECT_EQ(to_millis(std::int64_t{11}, Hertz{22050}), 0);
  EXPECT_EQ(to_millis(std::int64_t{12}, Hertz{22050}), 1);
  EXPECT_EQ(to_millis(std::int64_t{22050}, Hertz{22050}), 1000);
  EXPECT_EQ(to_millis(std::int64_t{22050} * 86'400, Hertz{22050}), 86'400'000);
  for (Millis time = 0; time < 100'000; time += 7) EXPECT_EQ(to_millis(to_seconds(time)), time);
}

}  // namespace
}  // namespace baleen::ssis
