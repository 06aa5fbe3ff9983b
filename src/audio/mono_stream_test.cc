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
