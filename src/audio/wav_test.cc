#include "audio/wav.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "audio/testing/test_audio.h"

namespace baleen::audio {
namespace {

using testing::read_bytes;
using testing::TempDir;
using testing::wav_bytes;
using testing::WavSpec;
using testing::write_bytes;

std::vector<std::int16_t> ramp(std::size_t n) {
  std::vector<std::int16_t> samples(n);
  for (std::size_t i = 0; i < n; ++i) samples[i] = static_cast<std::int16_t>(i * 37);
  return samples;
}

WavWriter writer_for(const std::filesystem::path& path,
                     const WavWriterOptions& options,
                     std::int64_t n_samples = 0) {
  Result<WavWriter> writer =
      WavWriter::start(core::Fd(::open(path.c_str(), O_RDWR | O_CREAT, 0644)), options, n_samples);
  BALEEN_CHECK(writer.ok());
  return std::move(*writer);
}

std::vector<std::int16_t> read_all(const WavReader& reader) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(reader.n_samples()) + 10, 99);
  Result<std::size_t> n = reader.read(0, std::span(samples));
  EXPECT_TRUE(n.ok());
  samples.resize(*n);
  return samples;
}

TEST(Wav, APlainFileIsByteForByteWhatItShouldBe) {
  const TempDir dir;
  const std::vector<std::int16_t> samples = ramp(1000);
  WavWriter writer = writer_for(dir / "a.wav", {Hertz{22050}});
  ASSERT_TRUE(writer.append(samples).ok());
  ASSERT_TRUE(writer.finish().ok());
  EXPECT_EQ(read_bytes(dir / "a.wav"), wav_bytes(WavSpec{}, samples));
}

TEST(Wav, ContinuingCutsATornTailOff) {
  const TempDir dir;
  const std::vector<std::int16_t> samples = ramp(1000);
  WavWriter torn = writer_for(dir / "a.wav", {Hertz{22050}});
  ASSERT_TRUE(torn.append(samples).ok());
  WavWriter writer = writer_for(dir / "a.wav", {Hertz{22050}}, 400);
  ASSERT_TRUE(writer.append(std::span(samples).subspan(400, 100)).ok());
  ASSERT_TRUE(writer.finish().ok());
  EXPECT_EQ(read_bytes(dir / "a.wav"),
            wav_bytes(WavSpec{}, std::vector(samples.begin(), samples.begin() + 500)));
}

TEST(Wav, RoomyFilesAreRiffUpToTheLimitAndRf64Beyond) {
  const TempDir dir;
  for (const std::size_t n : {499U, 500U, 501U}) {
    SCOPED_TRACE(n);
    const std::vector<std::int16_t> samples = ramp(n);
    WavWriter writer = writer_for(dir / "a.wav", {Hertz{8000}, kRoomyHeaderBytes, 1000});
    ASSERT_TRUE(writer.append(samples).ok());
    ASSERT_TRUE(writer.finish().ok());
    const std::string bytes = read_bytes(dir / "a.wav");
    EXPECT_EQ(bytes.size(), 80 + 2 * n);
    EXPECT_EQ(bytes.substr(0, 4), n <= 500 ? "RIFF" : "RF64");
    EXPECT_EQ(bytes.substr(12, 4), n <= 500 ? "JUNK" : "ds64");
    const Result<WavReader> reader = WavReader::open(dir / "a.wav");
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ(reader->sample_rate(), Hertz{8000});
    EXPECT_EQ(read_all(*reader), samples);
  }
}

TEST(Wav, Rf64HeaderHoldsSizesBeyond32Bits) {
  constexpr std::int64_t data_bytes = 10'000'000'000;
  const std::vector<std::byte> header =
      wav_header(kRoomyHeaderBytes, Hertz{22050}, data_bytes, kRiffDataBytesMax);
  ASSERT_EQ(header.size(), 80U);
  const std::string text(reinterpret_cast<const char*>(header.data()), header.size());
  EXPECT_EQ(text.substr(0, 12), "RF64\xFF\xFF\xFF\xFFWAVE");
  EXPECT_EQ(text.substr(12, 8), std::string("ds64\x1C\0\0\0", 8));
  EXPECT_EQ(text.substr(20, 8), testing::little_endian(data_bytes + 72));
  EXPECT_EQ(text.substr(28, 8), testing::little_endian(data_bytes));
  EXPECT_EQ(text.substr(36, 8), testing::little_endian(data_bytes / 2));
  EXPECT_EQ(text.substr(72, 8), "data\xFF\xFF\xFF\xFF");
}

TEST(Wav, ReadsAnywhereAsFloats) {
  const TempDir dir;
  const std::vector<std::int16_t> samples = ramp(20'000);
  write_bytes(dir / "a.wav", wav_bytes(WavSpec{}, samples));
  const Result<WavReader> reader = WavReader::open(dir / "a.wav");
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->n_samples(), 20'000);
  for (const std::int64_t begin :
       std::initializer_list<std::int64_t>{0, 1, 9'999, 19'990, 20'000, 30'000, INT64_MAX}) {
    SCOPED_TRACE(begin);
    std::vector<float> out(10'000, 7.0F);
    const Result<std::size_t> n = reader->read(begin, std::span(out));
    ASSERT_TRUE(n.ok());
    EXPECT_EQ(std::int64_t(*n), std::clamp<std::int64_t>(20'000 - begin, 0, 10'000));
    for (std::size_t i = 0; i < *n; ++i) {
      ASSERT_EQ(out[i], float(samples[static_cast<std::size_t>(begin) + i]) / 32768.0F);
    }
    if (*n < out.size()) {
      EXPECT_EQ(out[*n], 7.0F);
    }
  }
}

TEST(Wav, AFileShorterThanItsHeaderSaysIsCorrupt) {
  const TempDir dir;
  const std::string bytes = wav_bytes(WavSpec{}, ramp(100));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    write_bytes(dir / "a.wav", bytes.substr(0, size));
    const Result<WavReader> reader = WavReader::open(dir / "a.wav");
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(reader.error().code, ErrorCode::artifact_corrupt);
  }
}

TEST(Wav, OtherKindsOfWavAreRefused) {
  const TempDir dir;
  for (const WavSpec& spec : {WavSpec{.channels = 2}, WavSpec{.bits = 8},
                              WavSpec{.bits = 32, .is_float = true}, WavSpec{.sample_rate = 0}}) {
    write_bytes(dir / "a.wav", wav_bytes(spec, std::string(800, 'x')));
    const Result<WavReader> reader = WavReader::open(dir / "a.wav");
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(reader.error().code, ErrorCode::not_supported);
  }
}

}  // namespace
}  // namespace baleen::audio
