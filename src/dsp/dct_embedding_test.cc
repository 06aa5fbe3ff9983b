#include "dsp/dct_embedding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/signals.h"

namespace baleen::dsp {
namespace {

constexpr std::size_t kSize = DctEmbedding::kSize;

/// Rows in dB between -70 and -10.
std::vector<float> random_rows(std::size_t n_rows, std::uint32_t seed) {
  std::vector<float> rows = test_support::white_noise(n_rows * 64, seed);
  for (float& value : rows) value = -40.0F + 30.0F * value;
  return rows;
}

std::vector<float> embeddings_in_chunks(const std::vector<float>& rows,
                                        std::size_t rows_per_chunk) {
  DctEmbedding embedding;
  std::vector<float> out;
  const std::span<const float> all(rows);
  for (std::size_t at = 0; at < all.size(); at += rows_per_chunk * 64) {
    embedding.push(all.subspan(at, std::min(rows_per_chunk * 64, all.size() - at)), out);
  }
  embedding.finish(out);
  return out;
}

/// docs/formats/builtin1024.md, word by word, in double.
std::vector<double> naive_embedding(const float* patch) {
  const auto basis = [](std::size_t length, std::size_t k, std::size_t n) {
    return std::sqrt((k == 0 ? 1.0 : 2.0) / static_cast<double>(length)) *
           std::cos(M_PI * (static_cast<double>(n) + 0.5) * static_cast<double>(k) /
                    static_cast<double>(length));
  };
  std::vector<double> out(kSize);
  double square = 0.0;
  for (std::size_t t = 0; t < 32; ++t) {
    for (std::size_t m = 0; m < 32; ++m) {
      double sum = 0.0;
      for (std::size_t n = 0; n < 96; ++n) {
        for (std::size_t b = 0; b < 64; ++b) {
          const double scaled = (std::max(patch[n * 64 + b], -80.0F) + 80.0) / 80.0;
          sum += basis(96, t, n) * basis(64, m, b) * scaled;
        }
      }
      out[t * 32 + m] = t + m == 0 ? 1.0 : sum;
      square += out[t * 32 + m] * out[t * 32 + m];
    }
  }
  for (double& value : out) value /= std::sqrt(square);
  return out;
}

TEST(DctEmbedding, EqualsTheDefinition) {
  std::vector<float> rows = random_rows(146, 1);
  for (std::size_t i = 0; i < rows.size(); i += 7) rows[i] = -100.0F;
  const std::vector<float> out = embeddings_in_chunks(rows, 146);
  ASSERT_EQ(out.size(), 2 * kSize);
  for (std::size_t patch = 0; patch < 2; ++patch) {
    const std::vector<double> expected = naive_embedding(&rows[patch * 50 * 64]);
    for (std::size_t i = 0; i < kSize; ++i) {
      EXPECT_NEAR(out[patch * kSize + i], expected[i], 1e-6) << patch << ' ' << i;
    }
  }
}

TEST(DctEmbedding, HasLengthOne) {
  const std::vector<float> out = embeddings_in_chunks(random_rows(400, 2), 400);
  for (std::size_t at = 0; at < out.size(); at += kSize) {
    double square = 0.0;
    for (std::size_t i = 0; i < kSize; ++i) square += double{out[at + i]} * out[at + i];
    EXPECT_NEAR(square, 1.0, 1e-6);
  }
}

TEST(DctEmbedding, GainDoesNotChangeIt) {
  const std::vector<float> rows = random_rows(96, 3);
  std::vector<float> louder = rows;
  for (float& value : louder) value += 20.0F;
  const std::vector<float> out = embeddings_in_chunks(rows, 96);
  const std::vector<float> out_louder = embeddings_in_chunks(louder, 96);
  for (std::size_t i = 0; i < kSize; ++i) EXPECT_NEAR(out[i], out_louder[i], 1e-6);
}

TEST(DctEmbedding, SilenceIsTheFirstUnitVector) {
  const std::vector<float> out = embeddings_in_chunks(std::vector<float>(96 * 64, -100.0F), 96);
  ASSERT_EQ(out.size(), kSize);
  EXPECT_EQ(out[0], 1.0F);
  for (std::size_t i = 1; i < kSize; ++i) EXPECT_EQ(out[i], 0.0F);
}

TEST(DctEmbedding, PadsTheLastPatchWithSilence) {
  std::vector<float> rows = random_rows(120, 4);
  const std::vector<float> out = embeddings_in_chunks(rows, 120);
  rows.resize(146 * 64, -80.0F);
  EXPECT_EQ(out, embeddings_in_chunks(rows, 146));
}

TEST(DctEmbedding, StartsAPatchEveryHalfSecondAndCoversEveryRow) {
  EXPECT_EQ(DctEmbedding::first_row(1), 50);
  EXPECT_EQ(DctEmbedding::first_row(2), 100);
  EXPECT_EQ(DctEmbedding::first_row(4), 200);  // 200.45
  EXPECT_EQ(DctEmbedding::first_row(5), 251);  // 250.57
  for (std::int64_t n = 0; n < 3000; ++n) {
    const std::int64_t n_patches = DctEmbedding::patch_count(n);
    ASSERT_GE(DctEmbedding::first_row(n_patches - 1) + 96, n);
    if (n_patches > 1) {
      ASSERT_LT(DctEmbedding::first_row(n_patches - 2) + 96, n);
    }
  }
  for (const std::size_t n : {0U, 1U, 96U, 97U, 146U, 147U, 1000U}) {
    EXPECT_EQ(
        embeddings_in_chunks(random_rows(n, 5), 10).size(),
        kSize * static_cast<std::size_t>(DctEmbedding::patch_count(static_cast<std::int64_t>(n))));
  }
}

TEST(DctEmbedding, OutputDoesNotDependOnChunking) {
  const std::vector<float> rows = random_rows(1000, 6);
  const std::vector<float> whole = embeddings_in_chunks(rows, 1000);
  for (const std::size_t chunk : {1U, 49U, 96U, 333U}) {
    SCOPED_TRACE(chunk);
    EXPECT_EQ(embeddings_in_chunks(rows, chunk), whole);
  }
}

TEST(DctEmbedding, NanMakesNanOfItsPatchesAndOfNoOther) {
  std::vector<float> rows = random_rows(246, 7);
  rows[10 * 64 + 3] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> out = embeddings_in_chunks(rows, 246);
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(std::isnan(out[i]), i < kSize) << i;
}

TEST(DctEmbedding, StartsAfreshAfterReset) {
  const std::vector<float> rows = random_rows(300, 8);
  DctEmbedding embedding;
  std::vector<float> out;
  embedding.push(random_rows(70, 9), out);
  embedding.reset();
  embedding.push(rows, out);
  embedding.finish(out);
  EXPECT_EQ(out, embeddings_in_chunks(rows, 300));
}

}  // namespace
}  // namespace baleen::dsp
