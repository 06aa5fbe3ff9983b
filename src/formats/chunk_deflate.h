#pragma once

/// The chunks of HDF5 datasets as zlib streams (RFC 1950), made by libdeflate: several times faster
/// than HDF5's own filter, readable by every HDF5. Internal to the room.
///
/// Of a shuffled chunk of float32 values (all first bytes, then all second bytes, …) the low bytes of
/// the mantissa are noise, and the next one has no repeats: planes in front that look so become stored
/// or Huffman-only blocks, at many times the speed; only the rest goes through the compressor.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "formats/deflate_block.h"

struct libdeflate_compressor;

namespace baleen::formats {

class ChunkDeflater {
 public:
  ChunkDeflater();

  /// The zlib stream of the bytes as they are. Valid until the next call.
  [[nodiscard]] std::span<const std::byte> deflate(std::span<const std::byte> bytes);

  /// The zlib stream of the values after HDF5's shuffle filter of 4 bytes. Valid until the next call.
  [[nodiscard]] std::span<const std::byte> shuffle_and_deflate(std::span<const float> values);

 private:
  struct Deleter {
    void operator()(libdeflate_compressor* compressor) const noexcept;
  };
  std::unique_ptr<libdeflate_compressor, Deleter> compressor_;  // Never null.
  std::vector<std::uint8_t> shuffled_;
  std::vector<std::byte> stream_;
};

/// HDF5's shuffle filter for 4-byte elements: plane k of `planes` holds byte k (little-endian) of
/// every element. planes.size() = 4 · values.size().
void shuffle_floats(std::span<const float> values, std::span<std::uint8_t> planes);

/// What deflate can gain: nothing, something by a Huffman code, or something by matches.
enum class Texture { noise, skewed, repeating };

/// A guess from the histogram and from repeated 8-byte words; `repeating` for less than 4 KiB.
[[nodiscard]] Texture texture_of(std::span<const std::uint8_t> bytes, const ByteCounts& counts);

}  // namespace baleen::formats
