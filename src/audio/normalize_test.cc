#include "audio/normalize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "audio/testing/test_audio.h"
#include "core/json.h"
#include "core/process.h"

namespace baleen::audio {
namespace {

using testing::bytes_of;
using testing::noise;
using testing::read_bytes;
using testing::rms_db;
using testing::sine;
using testing::TempDir;
using testing::to_16_bits;
using testing::wav_bytes;
using testing::WavSpec;
using testing::write_bytes;

NormalizePaths paths_in(const TempDir& dir) {
  return {dir / "source.wav", dir / "out.wav.part", dir / "out.ckpt"};
}

Result<NormalizeReport> normalize_bytes(const TempDir& dir,
                                        const std::string& bytes,
                                        const NormalizeOptions& options = {}) {
  write_bytes(dir / "source.wav", bytes);
  return normalize(paths_in(dir), options);
}

std::vector<float> output_of(const TempDir& dir) {
  const Result<WavReader> reader = WavReader::open(paths_in(dir).partial);
  EXPECT_TRUE(reader.ok());
  if (!reader.ok()) return {};
  std::vector<float> samples(static_cast<std::size_t>(reader->n_samples()));
  EXPECT_TRUE(reader->read(0, std::span(samples)).ok());
  return samples;
}

/// What a refused source may leave behind: nothing.
void expect_no_output(const TempDir& dir) {
  EXPECT_FALSE(std::filesystem::exists(paths_in(dir).partial));
  EXPECT_FALSE(std::filesystem::exists(paths_in(dir).checkpoint));
}

TEST(Normalize, A16BitMonoFileOfTheSameRateComesOutUnchanged) {
  const TempDir dir;
  const std::string bytes = wav_bytes(WavSpec{}, to_16_bits(noise(100'001, 1, 1.0F)));
  const Result<NormalizeReport> report = normalize_bytes(dir, bytes);
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(read_bytes(paths_in(dir).partial), bytes);
  EXPECT_EQ(report->output_samples, 100'001);
  EXPECT_EQ(report->chunks, 1);
  EXPECT_EQ(report->clipped_samples, 0);
  EXPECT_NEAR(report->duration_s, 100'001 / 22050.0, 1e-9);
  EXPECT_EQ(report->source.codec, "pcm_s16le");
}

TEST(Normalize, EveryRateFrom4To768KilohertzKeepsLevelAndLength) {
  const TempDir dir;
  for (const int rate : {4000, 8000, 11025, 16000, 44100, 48000, 96000, 192000, 250000, 384000,
                         441000, 500000, 768000}) {
    SCOPED_TRACE(rate);
    const auto n = static_cast<std::size_t>(rate) * 2 + 1;
    const std::vector<float> in = sine(1000, rate, n);
    const Result<NormalizeReport> report =
        normalize_bytes(dir, wav_bytes({.sample_rate = rate}, to_16_bits(in)));
    ASSERT_TRUE(report.ok()) << report.error().to_string();
    EXPECT_EQ(report->output_samples,
              static_cast<std::int64_t>(std::ceil(static_cast<double>(n) * 22050.0 / rate)));
    const std::vector<float> out = output_of(dir);
    EXPECT_NEAR(rms_db(std::span(out).subspan(5000, 30000)), rms_db(in), 0.05);
    std::filesystem::remove(paths_in(dir).checkpoint);
  }
}

TEST(Normalize, SampleFormatsOfWavAgree) {
  const TempDir dir;
  const std::vector<float> wanted = sine(440, 22050, 44100);
  const auto check = [&](const WavSpec& spec, const std::string& data, float tolerance) {
    SCOPED_TRACE(spec.bits);
    ASSERT_TRUE(normalize_bytes(dir, wav_bytes(spec, data)).ok());
    const std::vector<float> out = output_of(dir);
    ASSERT_EQ(out.size(), wanted.size());
    for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], wanted[i], tolerance) << i;
  };
  std::string u8;
  std::string s24;
  std::string s32;
  for (const float x : wanted) {
    u8 += static_cast<char>(std::lround(x * 128.0F) + 128);
    const auto integer = static_cast<std::int32_t>(std::lround(double{x} * 2147483648.0));
    s24 += testing::little_endian(integer).substr(1);
    s32 += testing::little_endian(integer);
  }
  check({.bits = 8}, u8, 1.01F / 256);
  check({.bits = 24}, s24, 1.01F / 65536);
  check({.bits = 32}, s32, 1.01F / 65536);
  check({.bits = 32, .is_float = true}, bytes_of(wanted), 1.01F / 65536);
  check({.bits = 64, .is_float = true}, bytes_of(std::vector<double>(wanted.begin(), wanted.end())),
        1.01F / 65536);
}

// Golden: what ffmpeg -ac 1 makes of a constant in one channel of each layout.
TEST(Normalize, ChannelsAreMixedWithTheGainsOfFfmpeg) {
  const TempDir dir;
  const Result<json::value> golden = core::read_json_file(std::filesystem::path(BALEEN_SOURCE_DIR) /
                                                          "tests/golden/audio/downmix_gains.json");
  ASSERT_TRUE(golden.ok());
  for (const json::value& entry : golden->as_array()) {
    const json::object& layout = entry.as_object();
    const auto channels = static_cast<std::size_t>(layout.at("channels").as_int64());
    SCOPED_TRACE(core::to_json(entry));
    WavSpec spec = {.channels = static_cast<int>(channels), .bits = 32, .is_float = true};
    if (!layout.at("mask").is_null()) {
      spec.channel_mask = static_cast<std::uint32_t>(layout.at("mask").as_int64());
    }
    for (std::size_t channel = 0; channel < channels; ++channel) {
      std::vector<float> data(channels * 40'000, 0.0F);
      for (std::size_t i = channel; i < data.size(); i += channels) data[i] = 0.5F;
      ASSERT_TRUE(normalize_bytes(dir, wav_bytes(spec, bytes_of(data))).ok());
      EXPECT_NEAR(output_of(dir)[20'000],
                  0.5 * layout.at("gains").as_array()[channel].to_number<double>(), 1e-4);
    }
  }
}

TEST(Normalize, ManyChannelsWithoutALayoutAreAveraged) {
  const TempDir dir;
  std::vector<std::int16_t> data(12 * 40'000, 0);
  for (std::size_t i = 7; i < data.size(); i += 12) data[i] = 12'000;
  ASSERT_TRUE(normalize_bytes(dir, wav_bytes({.channels = 12}, data)).ok());
  EXPECT_NEAR(output_of(dir)[20'000], 1000.0 / 32768, 1e-4);
}

TEST(Normalize, NotANumberBecomesZeroAndIsCounted) {
  const TempDir dir;
  std::vector<float> data(50'000, 0.25F);
  data[100] = std::nanf("");
  data[40'000] = INFINITY;
  data[40'001] = -INFINITY;
  const Result<NormalizeReport> report =
      normalize_bytes(dir, wav_bytes({.bits = 32, .is_float = true}, bytes_of(data)));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->nan_samples, 3);
  const std::vector<float> out = output_of(dir);
  EXPECT_EQ(out[100], 0.0F);
  EXPECT_EQ(out[99], 0.25F);
  EXPECT_EQ(out[40'001], 0.0F);
}

TEST(Normalize, AFileOfNothingButNotANumberIsSilence) {
  const TempDir dir;
  const std::vector<float> data(2 * 96'000, std::nanf(""));
  const Result<NormalizeReport> report = normalize_bytes(
      dir, wav_bytes({.sample_rate = 48000, .channels = 2, .bits = 32, .is_float = true},
                     bytes_of(data)));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->nan_samples, 96'000);
  for (const float sample : output_of(dir)) ASSERT_EQ(sample, 0.0F);
}

TEST(Normalize, TooLoudSamplesSaturateAndAreCounted) {
  const TempDir dir;
  std::vector<float> data(50'000, 0.0F);
  data[10] = 1.5F;
  data[11] = -1e30F;
  const Result<NormalizeReport> report =
      normalize_bytes(dir, wav_bytes({.bits = 32, .is_float = true}, bytes_of(data)));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->clipped_samples, 2);
  EXPECT_EQ(output_of(dir)[10], 32767.0F / 32768);
  EXPECT_EQ(output_of(dir)[11], -1.0F);
}

TEST(Normalize, TheMinimumDurationIsExact) {
  const TempDir dir;
  const auto with_samples = [&](std::size_t n) {
    return normalize_bytes(dir, wav_bytes({.sample_rate = 8000}, std::vector<std::int16_t>(n, 7)));
  };
  EXPECT_TRUE(with_samples(13'600).ok());  // 1.7 s.
  std::filesystem::remove(paths_in(dir).checkpoint);
  std::filesystem::remove(paths_in(dir).partial);
  for (const std::size_t n : {0U, 1U, 13'520U /* 1.69 s */, 13'599U}) {
    SCOPED_TRACE(n);
    const Result<NormalizeReport> report = with_samples(n);
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().code, ErrorCode::file_too_short);
    expect_no_output(dir);
  }
}

TEST(Normalize, TheMaximumDurationStopsEarly) {
  const TempDir dir;
  const Result<NormalizeReport> report =
      normalize_bytes(dir, wav_bytes(WavSpec{}, to_16_bits(noise(22050 * 5, 1))),
                      {.max_duration_s = 3, .chunk_s = 1});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::file_too_long);
  expect_no_output(dir);
}

TEST(Normalize, UnusableSourcesEndInTheirCodeWithoutOutput) {
  const TempDir dir;
  const auto code_of = [&](const std::string& bytes) {
    const Result<NormalizeReport> report = normalize_bytes(dir, bytes);
    EXPECT_FALSE(report.ok());
    expect_no_output(dir);
    return report.ok() ? ErrorCode::internal : report.error().code;
  };
  const std::string data(100'000, '\x05');
  EXPECT_EQ(code_of(""), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of("#EXTM3U\n" + (dir / "secret.wav").string() + "\n"),
            ErrorCode::codec_unsupported);
  EXPECT_EQ(code_of(wav_bytes({.channels = 0}, data)), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of(wav_bytes({.sample_rate = 0}, data)), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of(wav_bytes(WavSpec{}, data).substr(0, 40)), ErrorCode::file_corrupt);
  std::string strange = wav_bytes(WavSpec{}, data);
  strange[20] = '\x77';  // A format tag that nobody uses.
  strange[21] = '\x77';
  EXPECT_EQ(code_of(strange), ErrorCode::codec_unsupported);
  std::filesystem::remove(dir / "source.wav");
  const Result<NormalizeReport> report = normalize(paths_in(dir), {});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::file_not_found);
}

TEST(Normalize, AWavCutShortGivesWhatIsThere) {
  const TempDir dir;
  const std::string bytes = wav_bytes(WavSpec{}, to_16_bits(noise(60'000, 1)));
  const Result<NormalizeReport> report = normalize_bytes(dir, bytes.substr(0, 44 + 2 * 50'000 + 1));
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(report->output_samples, 50'000);
}

TEST(Normalize, NoPrefixOfAFileCrashesIt) {
  const TempDir dir;
  const std::string bytes = wav_bytes({.channels = 2, .channel_mask = 3}, std::string(400, '\x11'));
  for (std::size_t size = 0; size <= bytes.size(); size += 3) {
    SCOPED_TRACE(size);
    const Result<NormalizeReport> report =
        normalize_bytes(dir, bytes.substr(0, size), {.min_duration_s = 0});
    if (!report.ok()) {
      EXPECT_NE(report.error().code, ErrorCode::internal);
      expect_no_output(dir);
    }
    std::filesystem::remove(paths_in(dir).checkpoint);
  }
}

TEST(Normalize, OutputBeyondTheRiffLimitBecomesRf64) {
  const TempDir dir;
  const std::string bytes = wav_bytes(WavSpec{}, to_16_bits(noise(60'000, 1)));
  const Result<NormalizeReport> report =
      normalize_bytes(dir, bytes, {.riff_data_bytes_max = 100'000});
  ASSERT_TRUE(report.ok());
  const std::string out = read_bytes(paths_in(dir).partial);
  EXPECT_EQ(out.substr(0, 4), "RF64");
  EXPECT_EQ(out.substr(80), bytes.substr(44));
}

TEST(Normalize, AFileThatIsLongerThanItSaysIsDoneAgainWithRoomForRf64) {
  const TempDir dir;
  // The header claims 1,000 samples; the demuxer goes on to the end of the file where it is 0.
  std::string bytes = wav_bytes(WavSpec{}, to_16_bits(noise(60'000, 1)));
  bytes.replace(40, 4, std::string(4, '\0'));
  const NormalizeOptions options = {.chunk_s = 0.5, .riff_data_bytes_max = 100'000};
  write_bytes(dir / "source.wav", bytes);
  const Result<NormalizeReport> report = normalize(paths_in(dir), options);
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  const std::string out = read_bytes(paths_in(dir).partial);
  EXPECT_EQ(out.substr(0, 4), "RF64");
  EXPECT_EQ(out.substr(80), bytes.substr(44));
}

TEST(Normalize, AFileThatWasPublishedAlreadyIsNotWrittenTo) {
  const TempDir dir;
  ASSERT_TRUE(normalize_bytes(dir, wav_bytes(WavSpec{}, to_16_bits(noise(60'000, 1)))).ok());
  std::filesystem::create_hard_link(paths_in(dir).partial, dir / "published.wav");
  const std::string published = read_bytes(dir / "published.wav");
  ASSERT_TRUE(normalize_bytes(dir, wav_bytes(WavSpec{}, to_16_bits(noise(60'000, 2)))).ok());
  EXPECT_EQ(read_bytes(dir / "published.wav"), published);
  EXPECT_NE(read_bytes(paths_in(dir).partial), published);
}

TEST(Normalize, RateAndChannelsMayChangeInMidStream) {
  const TempDir dir;
  // Silent MPEG frames: valid headers, then nothing but zeros. 44.1 kHz, 48 kHz, 48 kHz mono.
  const auto frames = [](int n, const std::string& header, std::size_t size_bytes) {
    std::string bytes;
    for (int i = 0; i < n; ++i) bytes += header + std::string(size_bytes - header.size(), '\0');
    return bytes;
  };
  const std::string bytes = frames(100, "\xFF\xFB\x90\x64", 417) +
                            frames(100, "\xFF\xFB\x94\x64", 384) +
                            frames(100, "\xFF\xFB\x94\xC4", 384);
  const Result<NormalizeReport> report = normalize_bytes(dir, bytes);
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  const double duration_s = 100 * 1152 / 44100.0 + 200 * 1152 / 48000.0;
  EXPECT_NEAR(report->duration_s, duration_s, 0.0025);  // libav notices a frame later.
  EXPECT_NEAR(static_cast<double>(report->output_samples), report->duration_s * 22050, 2);
}

TEST(Normalize, ProgressRisesAndEndsAtOne) {
  const TempDir dir;
  write_bytes(dir / "source.wav", wav_bytes(WavSpec{}, to_16_bits(noise(22050 * 3, 1))));
  std::vector<double> fractions;
  const auto record = [&](double fraction, double) {
    fractions.push_back(fraction);
    return true;
  };
  ASSERT_TRUE(normalize(paths_in(dir), {.chunk_s = 0.5}, record).ok());
  EXPECT_GE(fractions.size(), 6U);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_EQ(fractions.back(), 1.0);
}

TEST(Normalize, MemoryDoesNotGrowOver24Hours) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer keeps freed memory";
#endif
  const TempDir dir;
  constexpr std::int64_t n_samples = std::int64_t{24} * 3600 * 2000;
  std::string header = wav_bytes({.sample_rate = 2000, .bits = 8}, "");
  header.replace(40, 4, testing::little_endian(static_cast<std::uint32_t>(n_samples)));
  write_bytes(dir / "source.wav", header);
  std::filesystem::resize_file(dir / "source.wav", 44 + n_samples);  // Sparse: takes no space.
  std::int64_t after_an_hour_bytes = 0;
  const auto watch = [&](double, double done_s) {
    if (after_an_hour_bytes == 0 && done_s > 3600) after_an_hour_bytes = core::peak_rss_bytes();
    return true;
  };
  const Result<NormalizeReport> report =
      normalize(paths_in(dir), {.sample_rate = Hertz{1000}, .chunk_s = 600}, watch);
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(report->duration_s, 24 * 3600);
  EXPECT_GT(after_an_hour_bytes, 0);
  EXPECT_LT(core::peak_rss_bytes() - after_an_hour_bytes, 2 << 20);
}

}  // namespace
}  // namespace baleen::audio
