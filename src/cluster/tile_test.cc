#include "cluster/tile.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

/// All instruction sets that this machine has and the library was built for, and what it takes by itself (0).
std::vector<std::uint32_t> targets() {
  std::vector<std::uint32_t> all{0};
  for (std::uint32_t bits = static_cast<std::uint32_t>(hwy::SupportedTargets() & HWY_TARGETS);
       bits != 0; bits &= bits - 1) {
    all.push_back(bits & -bits);
  }
  return all;
}

class TileOnTarget : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};
INSTANTIATE_TEST_SUITE_P(AllTargets, TileOnTarget, testing::ValuesIn(targets()));

/// Checks a tile of random integers of a type against sums of products.
template <typename T>
void expect_exact_products(Element element, T low, T high) {
  for (const std::size_t n_words : {1U, 3U, 16U, 33U}) {
    SCOPED_TRACE(n_words);
    const std::size_t n_columns = n_words * 4 / sizeof(T);
    Random random(n_words);
    std::vector<T> values((kTileRows + kTileColumns) * n_columns);
    for (T& value : values) {
      value = static_cast<T>(
          low + static_cast<int>(random.below(static_cast<std::uint32_t>(high - low + 1))));
    }
    values.front() = low;
    values[kTileRows * n_columns] = low;
    std::vector<std::uint32_t> words(values.size() * sizeof(T) / 4);
    std::memcpy(words.data(), values.data(), values.size() * sizeof(T));
    std::vector<std::uint32_t> panel(panel_words(kTileColumns, n_words));
    pack_panels(element, words.data() + kTileRows * n_words, kTileColumns, n_words, n_words,
                panel.data());
    std::vector<std::int32_t> out(kTileRows * kTileColumns);
    std::vector<std::int32_t> biases(kTileRows);
    add_up_biases(element, words.data(), kTileRows, n_words, n_words, biases.data());
    tile_function(element)(words.data(), n_words, panel.data(), n_words, biases.data(), out.data());
    for (std::size_t r = 0; r < kTileRows; ++r) {
      for (std::size_t c = 0; c < kTileColumns; ++c) {
        std::int32_t sum = 0;
        for (std::size_t k = 0; k < n_columns; ++k) {
          sum += values[r * n_columns + k] * values[(kTileRows + c) * n_columns + k];
        }
        ASSERT_EQ(out[r * kTileColumns + c], sum) << r << " " << c;
      }
    }
  }
}

TEST_P(TileOnTarget, MultipliesBytesExactlyOverTheirWholeRange) {
  expect_exact_products<std::int8_t>(Element::int8, -128, 127);
}

TEST_P(TileOnTarget, MultipliesInt16Exactly) {
  expect_exact_products<std::int16_t>(Element::int16, -4000, 4000);
}

TEST_P(TileOnTarget, MultipliesMatricesThatFillNoTile) {
  for (const int n_threads : {1, 3}) {
    constexpr std::size_t kA = 101;
    constexpr std::size_t kB = 50;
    constexpr std::size_t kColumns = 19;
    std::vector<float> a(kA * kColumns);
    std::vector<float> b(kB * kColumns);
    Random random(5);
    for (float& value : a) value = random.uniform() - 0.5F;
    for (float& value : b) value = random.uniform() - 0.5F;
    std::vector<float> out(kA * kB, NAN);
    multiply_transposed(a, b, kColumns, n_threads, out);
    for (std::size_t i = 0; i < kA; ++i) {
      for (std::size_t j = 0; j < kB; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < kColumns; ++k) {
          sum +=
              static_cast<double>(a[i * kColumns + k]) * static_cast<double>(b[j * kColumns + k]);
        }
        ASSERT_NEAR(out[i * kB + j], sum, 1e-5) << i << " " << j;
      }
    }
  }
}

}  // namespace
}  // namespace baleen::cluster
