#include "formats/chunk_deflate.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cmath>
#include <cstring>
#include <random>

namespace baleen::formats {
namespace {

std::vector<std::uint8_t> inflate(std::span<const std::byte> stream, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  const auto result = libdeflate_zlib_decompress(  // Checks the length and the Adler-32.
      decompressor, stream.data(), stream.size(), bytes.data(), bytes.size(), nullptr);
  libdeflate_free_decompressor(decompressor);
  EXPECT_EQ(result, LIBDEFLATE_SUCCESS);
  return bytes;
}

/// HDF5's definition, one byte at a time.
std::vector<std::uint8_t> shuffled(std::span<const float> values) {
  std::vector<std::uint8_t> planes(4 * values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint8_t bytes[4];
    std::memcpy(bytes, &values[i], 4);
    for (std::size_t k = 0; k < 4; ++k) planes[k * values.size() + i] = bytes[k];
  }
  return planes;
}

std::vector<float> decibels(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> level(-30.0F, 12.0F);
  std::vector<float> values(n);
  for (float& value : values) value = level(random);
  return values;
}

TEST(ChunkDeflater, ShuffledChunksOfAnySizeComeBackWhole) {
  ChunkDeflater deflater;
  for (const std::size_t n : {1U, 2U, 63U, 1023U, 1024U, 1025U, 4096U, 16384U, 65535U, 100000U}) {
    SCOPED_TRACE(n);
    const std::vector<float> values = decibels(n, static_cast<unsigned>(n));
    EXPECT_EQ(inflate(deflater.shuffle_and_deflate(values), 4 * n), shuffled(values));
  }
}

TEST(ChunkDeflater, PlainBytesComeBackWhole) {
  ChunkDeflater deflater;
  const std::vector<float> values = decibels(5000, 1);
  const auto bytes = std::as_bytes(std::span(values));
  const std::vector<std::uint8_t> back = inflate(deflater.deflate(bytes), bytes.size());
  EXPECT_EQ(std::memcmp(back.data(), bytes.data(), bytes.size()), 0);
}

TEST(ChunkDeflater, ConstantsAndLoopsAreNotStored) {
  ChunkDeflater deflater;
  const std::vector<float> silence(16384, -100.0F);
  EXPECT_LT(deflater.shuffle_and_deflate(silence).size(), 500U);

  std::vector<float> loop = decibels(1600, 3);  // 200 rows of 8, again and again.
  for (std::size_t i = 1600; i < 16384; ++i) loop.push_back(loop[i - 1600]);
  EXPECT_LT(deflater.shuffle_and_deflate(loop).size(), 4U * 16384U / 4U);
}

TEST(ChunkDeflater, NoiseCostsAlmostNothingMore) {
  ChunkDeflater deflater;
  const std::vector<float> values = decibels(16384, 4);
  const std::size_t fast = deflater.shuffle_and_deflate(values).size();
  const std::vector<std::uint8_t> planes = shuffled(values);
  const std::size_t all = deflater.deflate(std::as_bytes(std::span(planes))).size();
  EXPECT_LT(static_cast<double>(fast), 1.003 * static_cast<double>(all));
}

Texture texture(std::span<const std::uint8_t> bytes) {
  return texture_of(bytes, count_bytes(bytes));
}

TEST(TextureOf, TellsNoiseFromSkewAndRepeats) {
  std::mt19937 random(5);
  std::vector<std::uint8_t> noise(16384);
  for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
  EXPECT_EQ(texture(noise), Texture::noise);
  EXPECT_EQ(texture(std::span(noise).first(1000)), Texture::repeating);
  std::vector<std::uint8_t> skewed = noise;
  for (std::size_t i = 0; i < skewed.size(); i += 8) skewed[i] = 0;
  EXPECT_EQ(texture(skewed), Texture::skewed);
  std::vector<std::uint8_t> looped = noise;
  for (std::size_t i = 4096; i < looped.size(); ++i) looped[i] = looped[i - 4096];
  EXPECT_EQ(texture(looped), Texture::repeating);
}

}  // namespace
}  // namespace baleen::formats
