// The embed stage on recordings that the test makes: the file it gives, and going on after a death at any moment.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "audio/testing/test_audio.h"
#include "core/sha256.h"
#include "formats/parquet_tables.h"
#include "ml/model_store.h"
#include "ml/session.h"
#include "recipes/bioacoustics/recipe.h"

namespace baleen::bioacoustics {
namespace {

using audio::testing::noise;
using audio::testing::to_16_bits;
using audio::testing::wav_bytes;
using audio::testing::write_bytes;

/// What a planner would show: a recording, and no models.
class View final : public engine::PlanView {
 public:
  explicit View(json::object params) : params_(std::move(params)) {}
  [[nodiscard]] bool has_artifact(std::string_view, std::string_view) const override {
    return true;
  }
  [[nodiscard]] std::string digest_of(std::string_view) const override {
    return std::string(64, 'c');
  }
  [[nodiscard]] std::string document_of(std::string_view, std::string_view) const override {
    return "";
  }
  [[nodiscard]] std::string subject_id() const override { return "a"; }
  [[nodiscard]] std::string filename() const override { return "original.wav"; }
  [[nodiscard]] const json::object& params() const override { return params_; }
  [[nodiscard]] std::vector<engine::Member> members() const override { return {}; }

 private:
  json::object params_;
};

class EmbedStageTest : public ::testing::Test {
 protected:
  EmbedStageTest() {
    settings_.embed.rows_per_group = 4;
    write_bytes(dir_ / "original.wav",
                wav_bytes({.sample_rate = 16'000}, to_16_bits(noise(16'000 * 21 + 5000, 7))));
  }

  engine::StageRequest request(const json::object& given, const std::string& name) {
    const engine::Recipe recipe = make_recipe(settings_, dir_ / "models");
    const engine::StageSetup setup =
        recipe.stages[1].setup(View(recipe.canonical_params(given).value())).value();
    engine::StageRequest request;
    request.asset_id = "a1";
    request.computed_at = "2026-01-02T03:04:05.678Z";
    request.signature = core::sha256_hex(core::to_canonical_json(setup.params));
    request.params = setup.params;
    request.models = setup.models;
    request.inputs.push_back({"original", dir_ / "original.wav", "", "a1"});
    request.work_directory = dir_ / name;
    std::filesystem::create_directories(request.work_directory);
    request.outputs.push_back({"embedding_set", request.work_directory / "out.parquet.tmp",
                               request.work_directory / "other.parquet.tmp", "final.parquet"});
    request.scratch.push_back(request.work_directory / recipe.stages[1].scratch[0]);
    return request;
  }
  Result<engine::StageOutcome> run(
      const engine::StageRequest& request, const engine::ProgressFn& progress = [](double) {}) {
    const engine::Recipe recipe = make_recipe(settings_, dir_ / "models");
    const std::unique_ptr<engine::Stage> stage = recipe.stages[1].make();
    BALEEN_RETURN_IF_ERROR(stage->warm_up(request));
    Result<engine::StageOutcome> outcome = stage->run(request, progress);
    if (!outcome.ok()) last_error_ = outcome.error().to_string();
    return outcome;
  }

  audio::testing::TempDir dir_;
  BioacousticsSettings settings_;
  std::string last_error_;
};

TEST_F(EmbedStageTest, WritesARowForEachWindowAndSaysHowItWasMade) {
  const auto asked = request({{"model", "stub"}, {"window_s", 2}, {"hop_s", 1}}, "work");
  const Result<engine::StageOutcome> made = run(asked);
  ASSERT_TRUE(made.ok()) << last_error_;
  const engine::StageOutcome& outcome = *made;
  // 21.3125 s: windows of 2 s begin at 0, 1, …, 20; the last one ends behind the recording.
  EXPECT_EQ(core::get_int(outcome.metrics, "windows_expected"), 21);
  EXPECT_EQ(core::get_int(outcome.metrics, "windows_written"), 21);
  EXPECT_EQ(core::get_int(outcome.metrics, "windows_padded"), 1);
  ASSERT_EQ(outcome.artifacts.size(), 1U);

  auto reader = formats::ParquetReader::open(outcome.artifacts[0].temporary).value();
  ASSERT_EQ(reader.n_rows(), 21);
  EXPECT_EQ(reader.n_row_groups(), 6);
  std::vector<std::int32_t> index(21);
  std::vector<double> start(21), end(21);
  std::vector<std::uint8_t> padded(21);
  std::vector<float> vectors(21 * 16);
  ASSERT_TRUE(reader.read(0, 0, std::span(index)).ok());
  ASSERT_TRUE(reader.read(1, 0, std::span(start)).ok());
  ASSERT_TRUE(reader.read(2, 0, std::span(end)).ok());
  ASSERT_TRUE(reader.read(3, 0, std::span(padded)).ok());
  ASSERT_TRUE(reader.read(4, 0, std::span(vectors)).ok());
  for (std::size_t i = 0; i < 21; ++i) {
    EXPECT_EQ(index[i], static_cast<int>(i));
    EXPECT_EQ(start[i], static_cast<double>(i));
    EXPECT_DOUBLE_EQ(end[i], std::min(static_cast<double>(i) + 2.0, 21.3125));
    EXPECT_EQ(padded[i], i == 20 ? 1 : 0);
  }
  const json::object document =
      core::parse_json_object(outcome.artifacts[0].document_json, "document").value();
  const formats::EmbeddingsInfo info =
      formats::open_embeddings(outcome.artifacts[0].temporary)->info;
  EXPECT_EQ(info.asset_id, "a1");
  EXPECT_EQ(info.encoding_signature, core::get_string(document, "encoding_signature"));
  EXPECT_EQ(info.model_hash, core::get_string(document, "model_sha256"));
  EXPECT_EQ(info.audio_checksum, std::string(64, 'c'));
  EXPECT_EQ(core::get_int(document, "windows_written"), 21);
}

TEST_F(EmbedStageTest, TheBuiltInEmbeddingNeedsNoModel) {
  const engine::StageOutcome outcome =
      run(request({{"model", "builtin"}, {"window_s", 5}}, "work")).value();
  auto reader = formats::ParquetReader::open(outcome.artifacts[0].temporary).value();
  EXPECT_EQ(reader.n_rows(), 5);
  EXPECT_EQ(reader.schema().back().list_size, 1024);
}

/// A recording of 441 kHz, at the 256 kHz of the one bat network and the 192 kHz of the other.
TEST_F(EmbedStageTest, TheBatNetworksEmbedARecordingOfCalls) {
  const auto shared = audio::testing::shared_dir();
  if (!shared || !std::filesystem::exists(*shared / "models/batdetect"))
    GTEST_SKIP() << "no shared models (set BALEEN_SHARED)";
  if (ml::onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  std::filesystem::copy_file(*shared / "audio/bioacoustic/bat_test_file_441kHz.wav",
                             dir_ / "original.wav",
                             std::filesystem::copy_options::overwrite_existing);
  for (const std::string name : {"batdetect", "batdetect-192k"}) {
    SCOPED_TRACE(name);
    const std::string file = name == "batdetect" ? "batdetect.onnx" : "batdetect_192k.onnx";
    ml::ModelStore store(dir_ / "models");
    ASSERT_TRUE(store.add(*shared / "models/batdetect" / file, {}).ok());
    const auto made = run(request({{"model", name}, {"window_s", 0.1}, {"hop_s", 0.05}}, name));
    ASSERT_TRUE(made.ok()) << last_error_;
    // 0.384 s: windows begin at 0, 0.05, … 0.3, the last one filled up.
    EXPECT_EQ(core::get_int(made->metrics, "windows_written"), 7);
    auto reader = formats::ParquetReader::open(made->artifacts[0].temporary).value();
    ASSERT_EQ(reader.schema().back().list_size, 64);
    std::vector<float> vectors;
    for (std::int64_t group = 0; group < reader.n_row_groups(); ++group) {
      std::vector<float> part(static_cast<std::size_t>(group == 0 ? 4 : 3) * 64);
      ASSERT_TRUE(reader.read(4, static_cast<int>(group), std::span(part)).ok());
      vectors.insert(vectors.end(), part.begin(), part.end());
    }
    ASSERT_EQ(vectors.size(), 7U * 64);
    for (const float value : vectors) ASSERT_TRUE(std::isfinite(value));
    // The first window has a call, the third (0.1 to 0.2 s) has another, and they are no zeros.
    const auto is_something = [&](std::size_t row) {
      return std::any_of(vectors.begin() + static_cast<std::ptrdiff_t>(row * 64),
                         vectors.begin() + static_cast<std::ptrdiff_t>((row + 1) * 64),
                         [](float value) { return value != 0; });
    };
    EXPECT_TRUE(is_something(0));
    EXPECT_TRUE(is_something(2));
  }
  const auto too_short = run(request({{"model", "batdetect"}, {"window_s", 0.005}}, "short"));
  ASSERT_FALSE(too_short.ok());
  EXPECT_EQ(too_short.error().code, ErrorCode::invalid_argument);
}

TEST_F(EmbedStageTest, KilledAtAnyMomentItEndsWithTheSameBytes) {
  const json::object params{{"model", "builtin"}, {"window_s", 0.5}};
  const engine::StageOutcome whole = run(request(params, "whole")).value();
  const std::string expected = core::sha256_file(whole.artifacts[0].temporary).value();

  const auto asked = request(params, "killed");
  std::mt19937 generator(5);
  // Each attempt dies after some packets of 2048 samples. The first ones live to see a batch or two of 16 windows, 63
  // packets each.
  for (int n_deaths = 0; n_deaths < 8; ++n_deaths) {
    const int n_reports = 1 + static_cast<int>(generator() % 40) + (n_deaths < 2 ? 60 : 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int n = 0;
      const auto outcome = run(asked, [&](double) {
        if (++n == n_reports) ::_exit(9);
      });
      ::_exit(outcome.ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(WEXITSTATUS(status), 9) << n_deaths;
  }
  const engine::StageOutcome outcome = run(asked).value();
  EXPECT_EQ(core::sha256_file(outcome.artifacts[0].temporary).value(), expected);
  EXPECT_EQ(outcome.artifacts[0].document_json, whole.artifacts[0].document_json);
  EXPECT_GT(core::get_int(outcome.metrics, "windows_resumed"), 0)
      << "it began anew, which is not what is to be shown";
}

TEST_F(EmbedStageTest, ARecordingThatCannotBeReadIsAnErrorOfItsOwn) {
  write_bytes(dir_ / "original.wav", "this is no sound at all");
  const auto outcome = run(request({{"model", "stub"}}, "work"));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::codec_unsupported);
}

}  // namespace
}  // namespace baleen::bioacoustics
