#include "audio/resample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "audio/resample_kernels.h"
#include "audio/testing/test_audio.h"
#include "core/json.h"

namespace baleen::audio {
namespace {

using testing::noise;
using testing::rms_db;
using testing::sine;

Resampler make(int from, int to) {
  Result<Resampler> resampler = Resampler::create(Hertz{from}, Hertz{to});
  BALEEN_CHECK(resampler.ok());
  return std::move(*resampler);
}

std::vector<float> resample(std::span<const float> in, int from, int to, std::size_t chunk = 0) {
  Resampler resampler = make(from, to);
  std::vector<float> out;
  if (chunk == 0) chunk = std::max<std::size_t>(1, in.size());
  for (std::size_t i = 0; i < in.size(); i += chunk) {
    resampler.process(in.subspan(i, std::min(chunk, in.size() - i)), out);
  }
  resampler.flush(out);
  return out;
}

/// The middle, where the ends of the input have no influence.
std::span<const float> middle(const std::vector<float>& samples) {
  return std::span(samples).subspan(samples.size() / 4, samples.size() / 2);
}

struct Rates {
  int from;
  int to;
};
void PrintTo(const Rates& rates, std::ostream* out) { *out << rates.from << "->" << rates.to; }

// Every method: tables with small and large steps up and down, interpolated, copy.
const std::vector<Rates> kRates = {
    {44100, 22050}, {48000, 22050},  {22050, 16000},  {8000, 22050},  {11025, 22050},
    {96000, 22050}, {441000, 22050}, {47999, 22050},  {11127, 22050}, {22050, 22050},
    {4000, 22050},  {384000, 22050}, {250000, 22050}, {767999, 22050}};

class ResamplerRates : public ::testing::TestWithParam<Rates> {};
INSTANTIATE_TEST_SUITE_P(All, ResamplerRates, ::testing::ValuesIn(kRates));

TEST_P(ResamplerRates, OutputDoesNotDependOnChunking) {
  const auto [from, to] = GetParam();
  const std::vector<float> in = noise(9'000 + static_cast<std::size_t>(from) / 4, 7);
  const std::vector<float> whole = resample(in, from, to);
  for (const std::size_t chunk : {1U, 7U, 511U, 1152U, 4096U}) {
    SCOPED_TRACE(chunk);
    EXPECT_EQ(resample(in, from, to, chunk), whole);
  }
}

TEST_P(ResamplerRates, StartingInTheMiddleGivesTheSameSamples) {
  const auto [from, to] = GetParam();
  const std::vector<float> in = noise(9'000 + static_cast<std::size_t>(from) / 4, 3);
  const std::vector<float> whole = resample(in, from, to);
  Resampler resampler = make(from, to);
  for (const std::size_t start : {std::size_t{1}, whole.size() / 3, whole.size() - 1}) {
    SCOPED_TRACE(start);
    const std::int64_t from_input = resampler.start_at(static_cast<std::int64_t>(start));
    ASSERT_LT(from_input, std::ssize(in));
    std::vector<float> out;
    resampler.process(std::span(in).subspan(static_cast<std::size_t>(from_input)), out);
    resampler.flush(out);
    EXPECT_EQ(out,
              std::vector<float>(whole.begin() + static_cast<std::ptrdiff_t>(start), whole.end()));
  }
}

TEST_P(ResamplerRates, LengthIsTheDurationRoundedUp) {
  const auto [from, to] = GetParam();
  for (const std::int64_t n : {0, 1, 2, 3, 100, 4001}) {
    SCOPED_TRACE(n);
    const std::vector<float> in(static_cast<std::size_t>(n), 0.25F);
    const std::int64_t expected = (n * to + from - 1) / from;
    EXPECT_EQ(std::ssize(resample(in, from, to)), expected);
    EXPECT_EQ(make(from, to).output_samples(n), expected);
  }
}

TEST_P(ResamplerRates, ConstantStaysConstant) {
  const auto [from, to] = GetParam();
  const std::vector<float> in(static_cast<std::size_t>(from), 0.5F);
  const std::vector<float> out = resample(in, from, to);
  for (const float sample : middle(out)) EXPECT_NEAR(sample, 0.5F, 3e-6);
}

TEST_P(ResamplerRates, PassbandIsFlat) {
  const auto [from, to] = GetParam();
  const double nyquist_hz = std::min(from, to) / 2.0;
  for (const double fraction : {0.01, 0.3, 0.7, 0.8, 0.85}) {
    SCOPED_TRACE(fraction);
    const std::vector<float> in = sine(fraction * nyquist_hz, from, static_cast<std::size_t>(from));
    const std::vector<float> out = resample(in, from, to);
    EXPECT_NEAR(rms_db(middle(out)), rms_db(middle(in)), 0.01);
  }
}

TEST_P(ResamplerRates, WhatWouldAliasIsGone) {
  const auto [from, to] = GetParam();
  if (from <= to) GTEST_SKIP() << "nothing can alias";
  for (const double fraction : {1.05, 1.3, 1.7}) {
    const double frequency_hz = fraction * to / 2;
    if (frequency_hz >= from / 2.0) continue;
    SCOPED_TRACE(fraction);
    const std::vector<float> in = sine(frequency_hz, from, static_cast<std::size_t>(from), 1.0);
    const std::vector<float> out = resample(in, from, to);
    EXPECT_LT(rms_db(middle(out)), -3 - 95);
  }
}

TEST_P(ResamplerRates, ImagesOfASineAreGone) {
  const auto [from, to] = GetParam();
  const double frequency_hz = 0.37 * std::min(from, to) / 2;
  const auto n = static_cast<std::size_t>(from);
  const std::vector<float> out = resample(sine(frequency_hz, from, n), from, to);
  const std::vector<float> expected = sine(frequency_hz, to, out.size());
  std::vector<float> difference;
  for (std::size_t i = out.size() / 4; i < out.size() * 3 / 4; ++i) {
    difference.push_back(out[i] - expected[i]);
  }
  // Also says that there is no delay: 1 % of a sample's shift would be far above this.
  EXPECT_LT(rms_db(difference), -9 - 95);
}

TEST(Resampler, AnImpulseStaysWhereItIs) {
  for (const auto& [from, to] : kRates) {
    SCOPED_TRACE(::testing::PrintToString(Rates{from, to}));
    std::vector<float> in(static_cast<std::size_t>(from) / 10 * 2, 0.0F);
    in[in.size() / 2] = 1.0F;  // At 0.1 s, where the output has a sample, too.
    const std::vector<float> out = resample(in, from, to);
    const auto peak = std::max_element(out.begin(), out.end()) - out.begin();
    EXPECT_NEAR(static_cast<double>(peak), static_cast<double>(in.size()) / 2 * to / from, 0.51);
  }
}

TEST(Resampler, IsLinear) {
  const std::vector<float> x = noise(2'000, 1);
  const std::vector<float> y = noise(2'000, 2);
  std::vector<float> sum(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) sum[i] = x[i] + y[i];
  const std::vector<float> a = resample(x, 44100, 22050);
  const std::vector<float> b = resample(y, 44100, 22050);
  const std::vector<float> both = resample(sum, 44100, 22050);
  for (std::size_t i = 0; i < both.size(); ++i) EXPECT_NEAR(both[i], a[i] + b[i], 1e-6);
}

/// Lets Highway use only this set of instructions.
void use_target(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

TEST(Resampler, EveryKindOfProcessorGivesTheSameBits) {
  std::vector<std::int64_t> targets;
  for (std::int64_t bit = 1; bit > 0 && bit <= HWY_SCALAR; bit <<= 1) {
    if ((hwy::SupportedTargets() & bit & HWY_TARGETS) != 0) targets.push_back(bit);
  }
  ASSERT_FALSE(targets.empty());
  if (targets.size() < 2) GTEST_SKIP() << "this processor runs only one of them";
  const std::vector<float> in = noise(50'000, 9);
  for (const auto& [from, to] : {Rates{44100, 22050}, Rates{8000, 22050}, Rates{47999, 22050}}) {
    std::vector<std::vector<float>> outputs;
    std::vector<std::vector<std::int16_t>> rounded;
    for (const std::int64_t target : targets) {
      use_target(target);
      outputs.push_back(resample(in, from, to));
      rounded.emplace_back(outputs.back().size());
      quantise_kernel(outputs.back().data(), outputs.back().size(), rounded.back().data());
    }
    use_target(0);
    for (std::size_t i = 1; i < outputs.size(); ++i) {
      SCOPED_TRACE(hwy::TargetName(targets[i]));
      EXPECT_TRUE(outputs[i] == outputs[0]);
      EXPECT_TRUE(rounded[i] == rounded[0]);
    }
  }
}

// Golden: tests/golden/audio/ORIGIN.md.
TEST(Resampler, TheShapeOfFfmpegAnswersAnImpulseAsFfmpegDoes) {
  const json::object golden =
      core::read_json_file(BALEEN_SOURCE_DIR "/tests/golden/audio/ffmpeg_impulse_22050_16000.json")
          .value()
          .as_object();
  std::vector<float> impulse(2205);
  impulse[1102] = 1.0F;
  Resampler resampler = Resampler::create(Hertz{22050}, Hertz{16000}, FilterShape::ffmpeg).value();
  std::vector<float> out;
  resampler.process(impulse, out);
  resampler.flush(out);
  ASSERT_EQ(out.size(), 1600U);
  std::vector<double> expected(1600);
  std::size_t n = static_cast<std::size_t>(golden.at("first").to_number<int>());
  for (const json::value& sample : golden.at("samples").as_array())
    expected[n++] = sample.to_number<double>();
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 2e-5) << i;
}

TEST(Resampler, RefusesRatesOutsideItsRange) {
  for (const auto& [from, to] :
       {Rates{0, 22050}, Rates{-1, 22050}, Rates{22050, 999}, Rates{2'000'000, 22050}}) {
    const Result<Resampler> resampler = Resampler::create(Hertz{from}, Hertz{to});
    ASSERT_FALSE(resampler.ok());
    EXPECT_EQ(resampler.error().code, ErrorCode::invalid_argument);
  }
}

TEST(Quantise, RoundsHalfToEvenAndSaturates) {
  const std::vector<float> in = {
      0.0F, 0.5F / 32768, 1.5F / 32768, -0.5F / 32768, -1.5F / 32768, 32767.0F / 32768,
      1.0F, -1.0F,        -1.5F,        1e9F};
  // Every position in a vector, and the scalar rest.
  for (std::size_t shift = 0; shift < 20; ++shift) {
    std::vector<float> shifted(shift, 0.25F);
    shifted.insert(shifted.end(), in.begin(), in.end());
    std::vector<std::int16_t> out(shifted.size());
    EXPECT_EQ(quantise_kernel(shifted.data(), shifted.size(), out.data()), 3);
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(shift));
    EXPECT_THAT(out, ::testing::ElementsAre(0, 0, 2, 0, -2, 32767, 32767, -32768, -32768, 32767));
  }
}

TEST(MakeFinite, ReplacesAndCountsWhatIsNoNumber) {
  const float nan = std::nanf("");
  const float infinity = INFINITY;
  for (std::size_t shift = 0; shift < 40; ++shift) {
    std::vector<float> samples(100, 0.5F);
    samples[shift] = nan;
    samples[shift + 1] = -infinity;
    samples[shift + 30] = 3e38F;
    EXPECT_EQ(make_finite(samples.data(), samples.size()), 2);
    EXPECT_EQ(samples[shift], 0.0F);
    EXPECT_EQ(samples[shift + 1], 0.0F);
    EXPECT_EQ(samples[shift + 30], 1e9F);
    EXPECT_EQ(samples[99], 0.5F);
  }
}

}  // namespace
}  // namespace baleen::audio
