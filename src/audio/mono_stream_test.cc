#include "audio/mono_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "audio/testing/awkward_sources.h"
#include "audio/testing/test_audio.h"
#include "core/sparse_file.h"

namespace baleen::audio {
namespace {

using testing::noise;
using testing::sine;
using testing::source_bytes;
using testing::SourceKind;
using testing::TempDir;
using testing::to_16_bits;
using testing::wav_bytes;
using testing::write_bytes;

std::vector<float> read_all(MonoStream& stream) {
  std::vector<float> samples;
  for (Result<bool> more = true; more.ok() && *more;) more = stream.read(samples);
  return samples;
}

/// How often per second the signal rises through zero.
double frequency_hz(std::span<const float> samples, double sample_rate_hz) {
  int n_rises = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) n_rises += samples[i - 1] < 0 && samples[i] >= 0;
  return n_rises * sample_rate_hz / static_cast<double>(samples.size());
}

class MonoStreamOf : public ::testing::TestWithParam<SourceKind> {};

TEST_P(MonoStreamOf, FromAnyPlaceOnTheSamplesAreTheSame) {
  const TempDir dir;
  write_bytes(dir / "source.wav", source_bytes(GetParam()));
  MonoStreamOptions options;
  options.sample_rate = Hertz{16'000};
  MonoStream whole = MonoStream::open(dir / "source.wav", options).value();
  const std::vector<float> expected = read_all(whole);
  ASSERT_GT(expected.size(), 50'000U);
  EXPECT_EQ(whole.n_samples(), std::ssize(expected));
  for (const std::int64_t begin : {1L, 12'345L, 40'000L, std::ssize(expected) - 1}) {
    SCOPED_TRACE(begin);
    options.begin_sample = begin;
    MonoStream stream = MonoStream::open(dir / "source.wav", options).value();
    const std::vector<float> tail = read_all(stream);
    EXPECT_EQ(tail, std::vector<float>(expected.begin() + begin, expected.end()));
    EXPECT_EQ(stream.n_samples(), whole.n_samples());
    EXPECT_DOUBLE_EQ(stream.duration_s(), whole.duration_s());
  }
}

INSTANTIATE_TEST_SUITE_P(Sources,
                         MonoStreamOf,
                         ::testing::Values(SourceKind::pcm,
                                           SourceKind::adpcm,
                                           SourceKind::changing));

TEST(MonoStream, AHoleOfAFileIsSilence) {
  const TempDir dir;
  // Sound, half a minute of nothing, sound, nothing.
  std::vector<std::int16_t> samples = to_16_bits(noise(48'000, 1));
  samples.resize(32 * 48'000);
  for (const std::int16_t value : to_16_bits(noise(30'000, 2))) samples.push_back(value);
  samples.resize(40 * 48'000);
  const auto bytes = wav_bytes({.sample_rate = 48'000}, samples);
  write_bytes(dir / "dense.wav", bytes);
  constexpr std::size_t kBlock = 4096;
  const core::Fd sparse = core::create_file(dir / "sparse.wav").value();
  const auto all = std::as_bytes(std::span(bytes));
  for (std::size_t at = 0; at < all.size(); at += kBlock) {
    const auto block = all.subspan(at, std::min(kBlock, all.size() - at));
    if (std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; }))
      continue;
    ASSERT_TRUE(core::write_all_at(sparse, block, static_cast<std::int64_t>(at)).ok());
  }
  ASSERT_TRUE(core::set_file_size(sparse, std::ssize(all)).ok());

  MonoStreamOptions options;
  options.sample_rate = Hertz{16'000};
  for (const std::int64_t begin : {0L, 20'000L, 300'000L, 530'000L}) {
    SCOPED_TRACE(begin);
    options.begin_sample = begin;
    MonoStream dense = MonoStream::open(dir / "dense.wav", options).value();
    MonoStream holey = MonoStream::open(dir / "sparse.wav", options).value();
    const std::vector<float> expected = read_all(dense);
    EXPECT_EQ(std::ssize(expected), 640'000 - begin);
    EXPECT_EQ(read_all(holey), expected);
  }
}

/// Frames of FLAC that hold their samples as they are (RFC 9639): 4096 of 16 bits each, mono.
std::string flac_bytes(std::span<const std::int16_t> samples) {
  constexpr std::size_t kBlock = 4096;
  const auto big = [](std::uint64_t value, int n_bytes) {
    std::string bytes;
    for (int i = n_bytes - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  const auto crc = [](const std::string& bytes, unsigned polynomial, unsigned n_bits) {
    unsigned sum = 0;
    for (const char byte : bytes) {
      sum ^= static_cast<unsigned>(static_cast<std::uint8_t>(byte)) << (n_bits - 8);
      for (int i = 0; i < 8; ++i)
        sum = (sum << 1U) ^ ((sum >> (n_bits - 1)) % 2 != 0 ? polynomial : 0U);
      sum &= (1U << n_bits) - 1;
    }
    return sum;
  };
  // 48 kHz in 20 bits, 1 channel, 16 bits a sample, the number of samples in 36 bits, no MD5.
  std::string file =
      "fLaC" + big(0x80000022, 4) + big(kBlock, 2) + big(kBlock, 2) + big(0, 6) +
      big((std::uint64_t{48'000} << 44U) | (std::uint64_t{15} << 36U) | samples.size(), 8) +
      std::string(16, '\0');
  for (std::size_t begin = 0; begin < samples.size(); begin += kBlock) {
    const std::size_t n = std::min(kBlock, samples.size() - begin);
    const std::size_t number = begin / kBlock;
    std::string frame = big(0xFFF8, 2) + big(0x7A, 1) + big(0x08, 1);  // Size in 16 bits; 48 kHz.
    frame +=
        number < 0x80 ? big(number, 1) : big(0xC0 | number >> 6U, 1) + big(0x80 | number % 64, 1);
    frame += big(n - 1, 2);
    frame += big(crc(frame, 0x07, 8), 1) + big(0x02, 1);  // Verbatim.
    for (const std::int16_t sample : samples.subspan(begin, n))
      frame += big(static_cast<std::uint16_t>(sample), 2);
    file += frame + big(crc(frame, 0x8005, 16), 2);
  }
  return file;
}

TEST(MonoStream, ByTimeALosslessFileIsEnteredAtTheSample) {
  const TempDir dir;
  const std::vector<std::int16_t> samples = to_16_bits(noise(48'000 * 8 + 77, 5));
  write_bytes(dir / "a.flac", flac_bytes(samples));
  write_bytes(dir / "a.wav", wav_bytes({.sample_rate = 48'000}, samples));
  for (const std::string name : {"a.flac", "a.wav"}) {
    for (const std::int64_t begin : {0L, 1L, 23'999L, 24'001L, 200'000L, 48'000L * 8}) {
      SCOPED_TRACE(name + " from " + std::to_string(begin));
      MonoStreamOptions options;
      options.sample_rate = Hertz{48'000};
      options.begin_sample = begin;
      options.entry = Entry::by_time;
      MonoStream stream = MonoStream::open(dir / name, options).value();
      const std::vector<float> tail = read_all(stream);
      ASSERT_EQ(tail.size(), samples.size() - static_cast<std::size_t>(begin));
      for (std::size_t i = 0; i < tail.size(); ++i)
        ASSERT_EQ(tail[i] * 32768, samples[static_cast<std::size_t>(begin) + i]);
    }
  }
}

TEST(MonoStream, ByTimeBehindTheEndThereIsNothing) {
  const TempDir dir;
  const std::vector<std::int16_t> samples = to_16_bits(noise(48'000, 6));
  write_bytes(dir / "a.flac", flac_bytes(samples));
  MonoStreamOptions options;
  options.sample_rate = Hertz{48'000};
  options.entry = Entry::by_time;
  for (const std::int64_t begin : {48'000L, 500'000L, 4'800'000'000L}) {
    options.begin_sample = begin;
    MonoStream stream = MonoStream::open(dir / "a.flac", options).value();
    EXPECT_TRUE(read_all(stream).empty());
  }
}

TEST(MonoStream, KeepsTheFrequencyOfATone) {
  const TempDir dir;
  write_bytes(dir / "tone.wav",
              wav_bytes({.sample_rate = 48'000}, to_16_bits(sine(1000, 48'000, 96'000))));
  MonoStreamOptions options;
  options.sample_rate = Hertz{32'000};
  MonoStream stream = MonoStream::open(dir / "tone.wav", options).value();
  const std::vector<float> samples = read_all(stream);
  EXPECT_EQ(samples.size(), 64'000U);
  EXPECT_NEAR(frequency_hz(samples, 32'000), 1000, 1);
}

TEST(MonoStream, ATimeExpandedRecordingIsHeardAtItsOwnSpeed) {
  const TempDir dir;
  // 4 kHz in a file of 44.1 kHz that was slowed down ten times: a bat at 40 kHz.
  write_bytes(dir / "bat.wav",
              wav_bytes({.sample_rate = 44'100}, to_16_bits(sine(4000, 44'100, 88'200))));
  MonoStreamOptions options;
  options.sample_rate = Hertz{256'000};
  options.time_expansion = 10;
  MonoStream stream = MonoStream::open(dir / "bat.wav", options).value();
  const std::vector<float> samples = read_all(stream);
  EXPECT_EQ(samples.size(), 51'200U);
  EXPECT_DOUBLE_EQ(stream.duration_s(), 0.2);
  EXPECT_NEAR(frequency_hz(samples, 256'000), 40'000, 50);
}

TEST(MonoStream, WhatIsNotFiniteIsSilenceAndCounted) {
  const TempDir dir;
  std::vector<float> samples = noise(44'100, 3);
  samples[100] = std::numeric_limits<float>::quiet_NaN();
  samples[30'000] = std::numeric_limits<float>::infinity();
  std::string bytes(samples.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), samples.data(), bytes.size());
  write_bytes(dir / "nan.wav",
              wav_bytes({.sample_rate = 44'100, .bits = 32, .is_float = true}, bytes));
  MonoStream stream = MonoStream::open(dir / "nan.wav", {}).value();
  for (const float sample : read_all(stream)) ASSERT_TRUE(std::isfinite(sample));
  EXPECT_EQ(stream.nan_samples(), 2);
}

TEST(MonoStream, MoreThanAFileCanHoldIsRefusedWhileItIsRead) {
  const TempDir dir;
  // Two hours of nothing at 8 bits and 1 kHz: 7 MB, as 22.05 kHz of 16 bits 44 times as many.
  write_bytes(dir / "long.wav",
              wav_bytes({.sample_rate = 1000, .bits = 8}, std::string(7'200'000, '\x80')));
  MonoStreamOptions options;
  options.expansion_max = 20;
  MonoStream stream = MonoStream::open(dir / "long.wav", options).value();
  std::vector<float> samples;
  Result<bool> more = true;
  while (more.ok() && *more) {
    samples.clear();
    more = stream.read(samples);
  }
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, ErrorCode::decode_budget_exceeded);
}

TEST(MonoStream, SaysWhyThereIsNothingToRead) {
  const TempDir dir;
  EXPECT_EQ(MonoStream::open(dir / "nothing.wav", {}).error().code, ErrorCode::file_not_found);
  MonoStreamOptions backwards;
  backwards.time_expansion = 0;
  write_bytes(dir / "tone.wav",
              wav_bytes({.sample_rate = 48'000}, to_16_bits(sine(1000, 48'000, 4800))));
  EXPECT_EQ(MonoStream::open(dir / "tone.wav", backwards).error().code,
            ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace baleen::audio
