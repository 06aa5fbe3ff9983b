#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "audio/normalize.h"
#include "audio/testing/test_audio.h"
#include "core/json.h"

// Real files in many formats, and broken ones, against what ffmpeg 5.1 made of them. The recordings
// are not part of the project: without the shared folder these tests are skipped.

namespace baleen::audio {
namespace {

using testing::rms_db;
using testing::shared_dir;
using testing::TempDir;

json::array read_array(const std::filesystem::path& path) {
  Result<json::value> parsed = core::read_json_file(path);
  EXPECT_TRUE(parsed.ok()) << path;
  return parsed.ok() ? parsed->as_array() : json::array();
}

class SharedAudio : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto shared = shared_dir();
    if (!shared) GTEST_SKIP() << "no shared recordings (set BALEEN_SHARED)";
    shared_ = *shared;
  }

  Result<NormalizeReport> run(const std::filesystem::path& source, double min_duration_s) {
    std::filesystem::remove(dir_ / "out.ckpt");
    std::filesystem::remove(dir_ / "out.wav");
    return normalize({source, dir_ / "out.wav", dir_ / "out.ckpt"},
                     {.min_duration_s = min_duration_s});
  }

  [[nodiscard]] std::vector<float> output() const {
    const Result<WavReader> reader = WavReader::open(dir_ / "out.wav");
    EXPECT_TRUE(reader.ok());
    std::vector<float> samples(static_cast<std::size_t>(reader->n_samples()));
    EXPECT_TRUE(reader->read(0, std::span(samples)).ok());
    return samples;
  }

  std::filesystem::path shared_;
  TempDir dir_{testing::memory_folder()};
};

TEST_F(SharedAudio, EveryCodecDecodesToItsNumberOfFrames) {
  int n_files = 0;
  for (const json::value& entry : read_array(shared_ / "audio/codec_expectations.json")) {
    const json::object& expected = entry.as_object();
    const std::string file = core::get_string(expected, "file");
    if (file.find("/codecs/") == std::string::npos) continue;
    SCOPED_TRACE(file);
    ++n_files;
    const Result<NormalizeReport> report = run(shared_ / file, 0);
    ASSERT_TRUE(report.ok()) << report.error().to_string();
    const std::int64_t frames = core::get_int(expected, "decoded_frames");
    const std::int64_t rate = std::stoll(core::get_string(expected, "sample_rate"));
    EXPECT_EQ(report->source.sample_rate.value, rate);
    EXPECT_EQ(report->source.channels, core::get_int(expected, "channels"));
    EXPECT_EQ(report->source.codec, core::get_string(expected, "codec"));
    EXPECT_EQ(report->output_samples, (frames * 22050 + rate - 1) / rate);
    EXPECT_EQ(report->decode_errors, 0);
  }
  EXPECT_EQ(n_files, 31);
}

// Golden: tests/golden/audio/ORIGIN.md.
TEST_F(SharedAudio, LevelsAreWithinATenthOfADecibelOfFfmpeg) {
  const std::filesystem::path golden = BALEEN_SOURCE_DIR "/tests/golden/audio/ffmpeg_levels.json";
  for (const json::value& entry : read_array(golden)) {
    const json::object& expected = entry.as_object();
    const std::string file = core::get_string(expected, "file");
    SCOPED_TRACE(file);
    ASSERT_TRUE(run(shared_ / file, 0).ok());
    EXPECT_NEAR(rms_db(output()), core::get_double(expected, "rms_db"), 0.1);
    EXPECT_NEAR(static_cast<double>(output().size()),
                static_cast<double>(core::get_int(expected, "samples")), 1);
  }
}

TEST_F(SharedAudio, BrokenFilesEndInACodeOrInWhatFfmpegDecodes) {
  int n_files = 0;
  for (const json::value& entry : read_array(shared_ / "audio/broken_ffmpeg_5.1_outcomes.json")) {
    const json::object& outcome = entry.as_object();
    const std::string file = core::get_string(outcome, "file");
    SCOPED_TRACE(file);
    ++n_files;
    const std::int64_t frames = core::get_int(outcome, "mono_samples");
    const Result<NormalizeReport> any_length = run(shared_ / "audio" / file, 0);
    ASSERT_EQ(any_length.ok(), frames > 0)
        << (any_length.ok() ? "decoded" : any_length.error().to_string());
    if (!any_length.ok()) {
      const ErrorCode code = any_length.error().code;
      EXPECT_TRUE(code == ErrorCode::codec_unsupported || code == ErrorCode::file_corrupt ||
                  code == ErrorCode::file_too_short)
          << any_length.error().to_string();
      EXPECT_FALSE(std::filesystem::exists(dir_ / "out.wav"));
      continue;
    }
    const int rate = any_length->source.sample_rate.value;
    EXPECT_EQ(std::llround(any_length->duration_s * rate), frames);
    const Result<NormalizeReport> report = run(shared_ / "audio" / file, 1.7);
    EXPECT_EQ(report.ok(), any_length->duration_s >= 1.7);
    if (!report.ok()) {
      EXPECT_EQ(report.error().code, ErrorCode::file_too_short);
    }
  }
  EXPECT_GT(n_files, 100);
}

TEST_F(SharedAudio, ResumingGivesTheSameBytesForEveryCodec) {
  for (const auto& file : std::filesystem::directory_iterator(shared_ / "audio/codecs")) {
    SCOPED_TRACE(file.path());
    ASSERT_TRUE(run(file, 0).ok());
    const std::string whole = testing::read_bytes(dir_ / "out.wav");
    std::filesystem::remove(dir_ / "out.ckpt");
    const NormalizePaths paths = {file, dir_ / "out.wav", dir_ / "out.ckpt"};
    const NormalizeOptions options = {.min_duration_s = 0, .chunk_s = 0.5};
    bool is_done = false;
    for (int i = 0; i < 12 && !is_done; ++i) {
      const Result<NormalizeReport> report =
          normalize(paths, options, [](double, double) { return false; });
      is_done = report.ok();
      if (!is_done) {
        ASSERT_EQ(report.error().code, ErrorCode::canceled);
      }
    }
    EXPECT_TRUE(is_done);
    EXPECT_TRUE(testing::read_bytes(dir_ / "out.wav") == whole);
  }
}

}  // namespace
}  // namespace baleen::audio
