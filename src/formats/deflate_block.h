#pragma once

/// Single blocks of a deflate stream (RFC 1951) for data whose nature is known: noise is stored, bytes
/// without repeats get a Huffman code of their own and no search for matches. Internal to the room.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace baleen::formats {

/// Bits into memory, lowest first, as deflate packs them. The caller provides the room.
class BitWriter {
 public:
  explicit BitWriter(std::byte* out) : out_(out) {}

  /// At most 48 bits; may write up to 8 bytes beyond the end of what counts.
  void put(std::uint64_t bits, unsigned count) {
    bits_ |= bits << n_bits_;
    n_bits_ += count;
    flush_bytes();
  }
  /// Fills the current byte with zeros.
  void align() { put(0, (8 - n_bits_ % 8) % 8); }
  /// The next byte; the writer must be aligned.
  [[nodiscard]] std::byte* position() const { return out_; }
  void skip(std::size_t n_bytes) { out_ += n_bytes; }

 private:
  void flush_bytes();
  std::byte* out_;
  std::uint64_t bits_ = 0;
  unsigned n_bits_ = 0;  // Pending, below 8 between calls.
};

using ByteCounts = std::array<std::uint32_t, 256>;

[[nodiscard]] ByteCounts count_bytes(std::span<const std::uint8_t> bytes);

/// Bytes that a block of n bytes takes at most, with the writer's overrun.
[[nodiscard]] constexpr std::size_t block_bound(std::size_t n) { return 2 * n + 1024; }

/// A run of non-final stored blocks; the writer is aligned afterwards.
void put_stored_blocks(BitWriter& writer, std::span<const std::uint8_t> bytes);

/// One non-final block with a dynamic Huffman code for `counts`, the histogram of `bytes`.
void put_huffman_block(BitWriter& writer,
                       std::span<const std::uint8_t> bytes,
                       const ByteCounts& counts);

/// Lengths of a Huffman code of at most `length_max` bits; 0 where the count is 0. At least two counts
/// must be positive.
void huffman_lengths(std::span<const std::uint32_t> counts,
                     unsigned length_max,
                     std::span<std::uint8_t> lengths);

}  // namespace baleen::formats
