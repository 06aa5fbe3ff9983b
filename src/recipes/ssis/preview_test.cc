#include "recipes/ssis/preview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace baleen::ssis {
namespace {

using enum SegmentLabel;

constexpr Hertz kRate{8000};
constexpr int kDims = 8;
const formats::DocumentHeader kHeader = {"asset-1", "2026-11-20T09:27:09.123Z", "0.1.0", "1"};
const std::string kAlias = "0123456789ab";

/// A made-up recording: levels in time, segments, and embeddings that either stand still or wander.
struct Scene {
  Millis duration = 0;
  std::vector<Segment> segments;
  PreviewEnergy energy{kRate};
  std::vector<float> embeddings;
  std::int64_t rows_read = 0;
  std::int64_t rows_at_once_max = 0;

  /// `level(t)` in 0..1 for each millisecond; `variety(t)` for each embedding.
  template <typename Level, typename Variety>
  Scene(double duration_s, std::vector<Segment> segments_in, Level level, Variety variety)
      : duration(to_millis(duration_s)), segments(std::move(segments_in)) {
    std::vector<std::int16_t> block(8);
    for (Millis t = 0; t < duration; ++t) {
      const auto value = static_cast<std::int16_t>(32767.0 * level(to_seconds(t)));
      std::fill(block.begin(), block.end(), value);
      energy.push(std::span<const std::int16_t>(block));
    }
    energy.finish();
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (Millis t = 0; t < duration; t += 500)
      for (int d = 0; d < kDims; ++d)
        embeddings.push_back(1.0F + static_cast<float>(variety(to_seconds(t))) * normal(random));
  }

  PreviewInput input() {
    PreviewInput input;
    input.duration = duration;
    input.segments = segments;
    input.energy = &energy;
    input.n_dims = kDims;
    input.n_embeddings = static_cast<std::int64_t>(embeddings.size()) / kDims;
    input.read_embeddings = [this](std::int64_t first, std::int64_t count,
                                   std::span<float> rows) -> Result<void> {
      EXPECT_GE(first, 0);
      EXPECT_LE((first + count) * kDims, static_cast<std::int64_t>(embeddings.size()));
      EXPECT_EQ(rows.size(), static_cast<std::size_t>(count * kDims));
      std::copy_n(embeddings.begin() + first * kDims, count * kDims, rows.begin());
      rows_read += count;
      rows_at_once_max = std::max(rows_at_once_max, count);
      return {};
    };
    return input;
  }
  PreviewChoice choose(const PreviewOptions& options = {}) {
    const auto choice = choose_preview(input(), options);
    EXPECT_TRUE(choice.ok());
    return *choice;
  }
};

std::vector<Segment> all(SegmentLabel label, double duration_s) {
  return {{0, to_millis(duration_s), label, 0.9}};
}

/// Words of 0.7 s with pauses of 0.3 s between them.
double words(double t) { return std::fmod(t, 1.0) < 0.7 ? 0.3 : 0.0005; }

TEST(ChoosePreview, TheLiveliestMinuteWins) {
  // A drone with a breath every ten seconds, and one lively minute from 200 s on.
  const auto drone = [](double t) { return std::fmod(t, 10.0) < 9.7 ? 0.3 : 0.0005; };
  const auto is_lively = [](double t) { return t >= 200.0 && t < 260.0; };
  Scene scene(
      400.0, all(speech, 400.0), [&](double t) { return is_lively(t) ? words(t) : drone(t); },
      [&](double t) { return is_lively(t) ? 2.0 : 0.01; });
  const PreviewChoice choice = scene.choose();
  EXPECT_EQ(choice.mode, PreviewMode::heuristic);
  EXPECT_NEAR(to_seconds(choice.start), 200.0, 3.0);
  EXPECT_EQ(choice.end - choice.start, 60'000);
  EXPECT_GE(choice.score, 0.5);
  EXPECT_EQ(choice.best_score, choice.score);
  EXPECT_EQ(choice.confidence, choice.score);
  EXPECT_TRUE(choice.warnings.empty());
}

TEST(ChoosePreview, WindowsStartWhereAPauseEnds) {
  Scene scene(300.0, all(music, 300.0), words, [](double) { return 1.0; });
  const PreviewChoice choice = scene.choose();
  EXPECT_EQ(choice.mode, PreviewMode::heuristic);
  EXPECT_EQ(choice.start % 1000, 0);
  EXPECT_GT(choice.candidates_count, 50);
}

TEST(ChoosePreview, SegmentBoundariesCountOnlyAmongSpeech) {
  // No pauses at all: a slow swell. Only the boundaries can be candidates.
  const auto swell = [](double t) { return 0.2 + 0.05 * std::sin(t); };
  const auto segments = [](SegmentLabel label) {
    return std::vector<Segment>{{0, 30'000, noise, 0.5}, {30'000, 200'000, label, 0.9}};
  };
  Scene talk(200.0, segments(speech), swell, [](double) { return 3.0; });
  EXPECT_EQ(talk.choose().candidates_count, 2);
  Scene concert(200.0, segments(music), swell, [](double) { return 3.0; });
  EXPECT_EQ(concert.choose().candidates_count, 0);
}

TEST(ChoosePreview, ADullRecordingGivesTheIntroWithAWarning) {
  Scene scene(
      300.0, {{0, 12'000, silence, 0.9}, {12'000, 300'000, speech, 0.9}},
      [](double t) { return t < 12.0 ? 0.0 : 0.2; }, [](double) { return 0.0; });
  const PreviewChoice choice = scene.choose();
  EXPECT_EQ(choice.mode, PreviewMode::intro);
  EXPECT_TRUE(choice.is_fallback());
  EXPECT_EQ(choice.start, 12'000);
  EXPECT_EQ(choice.end, 72'000);
  EXPECT_GE(choice.candidates_count, 1);
  ASSERT_TRUE(choice.best_score.has_value());
  EXPECT_LT(*choice.best_score, 0.5);
  EXPECT_NEAR(choice.confidence, *choice.best_score / 2.0, 1e-6);
  ASSERT_EQ(choice.warnings.size(), 1U);
  EXPECT_EQ(choice.warnings[0].code, "PREVIEW_LOW_CONF");
}

TEST(ChoosePreview, TheThresholdDecides) {
  Scene scene(300.0, all(speech, 300.0), words, [](double) { return 1.0; });
  const double best = *scene.choose().best_score;
  PreviewOptions options;
  options.score_threshold = best;
  EXPECT_EQ(scene.choose(options).mode, PreviewMode::heuristic);
  options.score_threshold = best + 1e-6;
  EXPECT_EQ(scene.choose(options).mode, PreviewMode::intro);
}

TEST(ChoosePreview, AFileOf45SecondsHasACandidateAndAShorterOneHasNot) {
  Scene enough(45.0, all(speech, 45.0), words, [](double) { return 1.0; });
  const PreviewChoice whole = enough.choose();
  EXPECT_EQ(whole.mode, PreviewMode::heuristic);
  EXPECT_EQ(whole.start, 0);
  EXPECT_EQ(whole.end, 45'000);
  Scene shorter(44.9, all(speech, 44.9), words, [](double) { return 1.0; });
  const PreviewChoice intro = shorter.choose();
  EXPECT_EQ(intro.mode, PreviewMode::intro);
  EXPECT_EQ(intro.candidates_count, 0);
  EXPECT_FALSE(intro.best_score.has_value());
  EXPECT_EQ(intro.end, 44'900);
  EXPECT_EQ(intro.confidence, 0.0);
  EXPECT_EQ(intro.warnings.size(), 1U);
}

TEST(ChoosePreview, SilenceGivesTheIntroAtZero) {
  Scene scene(
      100.0, all(silence, 100.0), [](double) { return 0.0; }, [](double) { return 0.0; });
  const PreviewChoice choice = scene.choose();
  EXPECT_EQ(choice.mode, PreviewMode::intro);
  EXPECT_EQ(choice.start, 0);
  EXPECT_EQ(choice.end, 60'000);
  EXPECT_EQ(choice.score, 0.0);
}

TEST(ChoosePreview, WindowsThatAreMostlySilentAreNoCandidates) {
  // A burst every 100 s: windows around it vary most of all, and are silent for the rest.
  std::vector<Segment> segments;
  for (Millis t = 0; t < 600'000; t += 100'000) {
    segments.push_back({t, t + 90'000, silence, 0.9});
    segments.push_back({t + 90'000, t + 100'000, noise, 0.9});
  }
  Scene scene(
      600.0, segments, [](double t) { return std::fmod(t, 100.0) < 90.0 ? 0.0 : 0.3; },
      [](double) { return 1.0; });
  EXPECT_FALSE(scene.energy.pauses(200).empty());
  EXPECT_EQ(scene.choose().candidates_count, 0);
  PreviewOptions options;
  options.silence_max = 1.0;
  EXPECT_GT(scene.choose(options).candidates_count, 0);
}

TEST(ChoosePreview, CandidatesAreBoundedAndSpread) {
  Scene scene(3600.0, all(speech, 3600.0), words, [](double) { return 1.0; });
  EXPECT_EQ(scene.choose().candidates_count, 198);  // 18 s apart, none in the last 45 s.
  PreviewOptions options;
  options.candidates_max = 10;
  scene.rows_read = 0;
  EXPECT_EQ(scene.choose(options).candidates_count, 10);
  EXPECT_LT(scene.rows_read, 10 * 130 + 200);
}

TEST(ChoosePreview, EachEmbeddingIsReadOnceInSmallBlocks) {
  Scene scene(900.0, all(speech, 900.0), words, [](double) { return 1.0; });
  (void)scene.choose();
  EXPECT_LE(scene.rows_read, 1800);
  EXPECT_LE(scene.rows_at_once_max, 64);
}

TEST(ChoosePreview, TheEmbeddingScoreIsTheRelativeVarianceOfTheWindow) {
  Scene scene(60.0, all(speech, 60.0), words, [](double) { return 1.5; });
  const PreviewChoice choice = scene.choose();
  ASSERT_EQ(choice.end, 60'000);
  const auto first = static_cast<std::size_t>(std::ceil(to_seconds(choice.start) / 0.5));
  std::vector<double> mean(kDims, 0.0);
  double square_norm = 0.0;
  const double n = 120.0 - static_cast<double>(first);
  for (std::size_t i = first * kDims; i < scene.embeddings.size(); ++i) {
    mean[i % kDims] += scene.embeddings[i] / n;
    square_norm += scene.embeddings[i] * scene.embeddings[i] / n;
  }
  double norm_of_mean = 0.0;
  for (const double m : mean) norm_of_mean += m * m;
  const double variance = 1.0 - norm_of_mean / square_norm;
  EXPECT_NEAR(choice.embedding_score, variance / (variance + 0.15), 2e-6);
  EXPECT_NEAR(choice.score, 0.6 * choice.energy_score + 0.4 * choice.embedding_score, 1e-6);
}

TEST(ChoosePreview, WithoutEmbeddingsTheEnergyDecidesAlone) {
  Scene scene(100.0, all(speech, 100.0), words, [](double) { return 1.0; });
  PreviewInput input = scene.input();
  input.n_embeddings = 0;
  const auto choice = choose_preview(input);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->embedding_score, 0.0);
  EXPECT_GT(choice->energy_score, 0.0);
}

TEST(ChoosePreview, AFailingReaderIsReported) {
  Scene scene(100.0, all(speech, 100.0), words, [](double) { return 1.0; });
  PreviewInput input = scene.input();
  input.read_embeddings = [](std::int64_t, std::int64_t, std::span<float>) -> Result<void> {
    return fail(ErrorCode::artifact_corrupt, "torn");
  };
  EXPECT_EQ(choose_preview(input).error().code, ErrorCode::artifact_corrupt);
}

TEST(ChoosePreview, TheChoiceLiesInsideAnyRecording) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const double duration_s = 1.7 + static_cast<double>(random() % 200'000) / 1000.0;
    std::vector<RawSegment> raw;
    for (double t = 0.0; t < duration_s; t += 1.0 + static_cast<double>(random() % 20))
      raw.push_back({t, t + 10.0, static_cast<SegmentLabel>(random() % 4)});
    const Millis duration = to_millis(duration_s);
    Scene scene(
        duration_s, post_process_segments(raw, duration),
        [&](double) { return static_cast<double>(random() % 1000) / 1000.0; },
        [](double) { return 1.0; });
    const PreviewChoice choice = scene.choose();
    EXPECT_GE(choice.start, 0);
    EXPECT_GT(choice.end, choice.start);
    EXPECT_LE(choice.end, duration);
    const auto document = preview_document(kHeader, choice, kAlias);
    EXPECT_TRUE(document.ok()) << document.error().message;
  }
}

TEST(PreviewDocument, HasTheNamesOfTheContract) {
  Scene scene(300.0, all(speech, 300.0), words, [](double) { return 1.0; });
  const PreviewChoice choice = scene.choose();
  const auto document = preview_document(kHeader, choice, kAlias);
  ASSERT_TRUE(document.ok()) << document.error().message;
  EXPECT_EQ(document->at("schema_id").as_string(), "preview_candidate.v1");
  EXPECT_EQ(document->at("mode").as_string(), "heuristic");
  EXPECT_EQ(document->at("preview").at("start_s").as_double(), to_seconds(choice.start));
  EXPECT_EQ(document->at("preview").at("duration_s").as_double(), 60.0);
  EXPECT_EQ(document->at("fallback_used").as_bool(), false);
  EXPECT_EQ(document->at("feature_spec_alias").as_string(), kAlias);
  EXPECT_TRUE(document->at("warnings").as_array().empty());
}

TEST(PreviewDocument, AWrongAliasIsRefused) {
  EXPECT_EQ(preview_document(kHeader, PreviewChoice{}, "short").error().code,
            ErrorCode::schema_invalid);
}

}  // namespace
}  // namespace baleen::ssis
