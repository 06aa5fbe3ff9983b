#include "formats/deflate_block.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace baleen::formats {
namespace {

/// Ends a stream of non-final blocks with an empty final one and decompresses it.
std::vector<std::uint8_t> inflate(std::vector<std::byte>& stream,
                                  BitWriter& writer,
                                  std::size_t size) {
  writer.put(0b011, 3);  // Final, fixed code,
  writer.put(0, 7);      // end of block.
  writer.align();
  const auto n_bytes = static_cast<std::size_t>(writer.position() - stream.data());
  std::vector<std::uint8_t> bytes(size);
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  const auto result = libdeflate_deflate_decompress(decompressor, stream.data(), n_bytes,
                                                    bytes.data(), bytes.size(), nullptr);
  libdeflate_free_decompressor(decompressor);
  EXPECT_EQ(result, LIBDEFLATE_SUCCESS);
  return bytes;
}

std::vector<std::uint8_t> geometric_bytes(std::size_t n, double p, unsigned seed) {
  std::mt19937 random(seed);
  std::geometric_distribution<int> value(p);
  std::vector<std::uint8_t> bytes(n);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(std::min(value(random), 255));
  return bytes;
}

double kraft_sum(std::span<const std::uint8_t> lengths) {
  double sum = 0.0;
  for (const std::uint8_t length : lengths)
    if (length > 0) sum += std::ldexp(1.0, -length);
  return sum;
}

TEST(HuffmanBlock, BytesOfAnyDistributionComeBack) {
  for (const double p : {0.9, 0.5, 0.1, 0.02, 0.005})
    for (const std::size_t n : {0U, 1U, 2U, 3U, 100U, 16384U, 100'001U}) {
      SCOPED_TRACE(p);
      SCOPED_TRACE(n);
      const auto bytes = geometric_bytes(n, p, static_cast<unsigned>(n));
      std::vector<std::byte> stream(block_bound(n) + 64);
      BitWriter writer(stream.data());
      if (n > 0)
        put_huffman_block(writer, bytes, count_bytes(bytes));
      else
        put_stored_blocks(writer, bytes);
      EXPECT_EQ(inflate(stream, writer, n), bytes);
    }
}

TEST(HuffmanBlock, StoredAndHuffmanBlocksMayFollowEachOther) {
  const auto a = geometric_bytes(1000, 0.1, 1);
  const auto b = geometric_bytes(70'000, 0.01, 2);  // More than one stored block.
  std::vector<std::byte> stream(block_bound(a.size()) + 2 * block_bound(b.size()));
  BitWriter writer(stream.data());
  put_huffman_block(writer, a, count_bytes(a));
  put_stored_blocks(writer, b);
  put_huffman_block(writer, b, count_bytes(b));
  std::vector<std::uint8_t> expected = a;
  expected.insert(expected.end(), b.begin(), b.end());
  expected.insert(expected.end(), b.begin(), b.end());
  EXPECT_EQ(inflate(stream, writer, expected.size()), expected);
}

TEST(HuffmanBlock, TheSizeIsNearTheEntropy) {
  const auto bytes = geometric_bytes(100'000, 0.02, 3);
  const ByteCounts counts = count_bytes(bytes);
  double entropy_bits = 0.0;
  for (const std::uint32_t count : counts)
    if (count > 0) entropy_bits -= count * std::log2(count / 100'000.0);
  std::vector<std::byte> stream(block_bound(bytes.size()));
  BitWriter writer(stream.data());
  put_huffman_block(writer, bytes, counts);
  writer.align();
  const auto size = static_cast<double>(writer.position() - stream.data());
  EXPECT_LT(size, 1.01 * entropy_bits / 8.0 + 150.0);
}

TEST(HuffmanLengths, FibonacciCountsAreCutToACompleteCode) {
  // The counts with the deepest tree: 40 levels without a limit.
  std::vector<std::uint32_t> counts = {1, 1};
  while (counts.size() < 41) counts.push_back(counts.end()[-1] + counts.end()[-2]);
  for (const unsigned length_max : {7U, 9U, 15U}) {
    SCOPED_TRACE(length_max);
    std::vector<std::uint8_t> lengths(counts.size());
    huffman_lengths(counts, length_max, lengths);
    EXPECT_EQ(*std::max_element(lengths.begin(), lengths.end()), length_max);
    EXPECT_EQ(kraft_sum(lengths), 1.0);
    EXPECT_TRUE(std::is_sorted(lengths.rbegin(), lengths.rend()));  // Rarer is never shorter.
  }
}

TEST(HuffmanLengths, RandomCountsGiveCompleteCodesOverTheSymbolsInUse) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    std::vector<std::uint32_t> counts(257, 0);
    const std::size_t n_used = 2 + random() % 256;
    for (std::size_t i = 0; i < n_used; ++i)
      counts[i] = static_cast<std::uint32_t>(1 + random() % (1U << (random() % 30)));
    std::shuffle(counts.begin(), counts.end(), random);
    std::vector<std::uint8_t> lengths(counts.size());
    huffman_lengths(counts, 15, lengths);
    EXPECT_EQ(kraft_sum(lengths), 1.0);
    for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_EQ(lengths[i] > 0, counts[i] > 0);
  }
}

}  // namespace
}  // namespace baleen::formats
