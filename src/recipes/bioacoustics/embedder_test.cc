#include "recipes/bioacoustics/embedder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace baleen::bioacoustics {
namespace {

Encoding of_kind(EmbedderKind kind, std::int64_t rate_hz, double window_s = 1) {
  Encoding encoding;
  encoding.kind = kind;
  encoding.sample_rate_hz = rate_hz;
  encoding.window_s = encoding.hop_s = window_s;
  return encoding;
}

std::vector<float> tone(double frequency_hz, double gain, std::size_t n, double rate_hz) {
  std::vector<float> samples(n);
  for (std::size_t i = 0; i < n; ++i) {
    samples[i] = static_cast<float>(
        gain * std::sin(2 * std::numbers::pi * frequency_hz * static_cast<double>(i) / rate_hz));
  }
  return samples;
}

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
double cosine(std::span<const float> a, std::span<const float> b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

std::vector<float> embed(Embedder& embedder,
                         std::vector<float> windows,
                         std::size_t n,
                         std::int64_t first = 0) {
  std::vector<float> out(n * embedder.size());
  EXPECT_TRUE(embedder.embed(windows, first, out).ok());
  return out;
}

TEST(StubEmbedder, DependsOnTheWindowsPlaceAlone) {
  const auto embedder = make_embedder(of_kind(EmbedderKind::stub, 100), nullptr, nullptr).value();
  const auto silent = embed(*embedder, std::vector<float>(300), 3);
  const auto loud = embed(*embedder, std::vector<float>(300, 0.5F), 3);
  EXPECT_EQ(silent, loud);
  const auto second = embed(*embedder, std::vector<float>(100), 1, 1);
  EXPECT_TRUE(std::equal(second.begin(), second.end(), silent.begin() + 16));
  EXPECT_FALSE(std::equal(second.begin(), second.end(), silent.begin()));
}

TEST(BuiltinEmbedder, TellsSoundsApartWhateverTheirLevel) {
  const auto embedder =
      make_embedder(of_kind(EmbedderKind::builtin, 22'050, 5), nullptr, nullptr).value();
  ASSERT_EQ(embedder->size(), 1024U);
  const std::size_t n = 5 * 22'050;
  const auto low = embed(*embedder, tone(400, 0.5, n, 22'050), 1);
  const auto low_and_soft = embed(*embedder, tone(400, 0.2, n, 22'050), 1);
  const auto high = embed(*embedder, tone(5000, 0.5, n, 22'050), 1);
  EXPECT_GT(cosine(low, low_and_soft), 0.99);
  EXPECT_LT(cosine(low, high), 0.9);
  EXPECT_NEAR(dot(low, low), 1, 1e-5);
}

TEST(BuiltinEmbedder, AWindowDoesNotKnowItsNeighbours) {
  const auto embedder =
      make_embedder(of_kind(EmbedderKind::builtin, 22'050, 0.5), nullptr, nullptr).value();
  const std::size_t n = 11'025;
  std::vector<float> both = tone(300, 0.5, n, 22'050);
  const std::vector<float> second = tone(3000, 0.3, n, 22'050);
  both.insert(both.end(), second.begin(), second.end());
  const auto together = embed(*embedder, both, 2);
  const auto alone = embed(*embedder, second, 1);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + 1024));
}

TEST(BuiltinEmbedder, SilenceHasAVectorToo) {
  const auto embedder =
      make_embedder(of_kind(EmbedderKind::builtin, 22'050, 1), nullptr, nullptr).value();
  for (const float value : embed(*embedder, std::vector<float>(22'050), 1))
    ASSERT_TRUE(std::isfinite(value));
}

}  // namespace
}  // namespace baleen::bioacoustics
