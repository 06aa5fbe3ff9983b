#pragma once

/// Pages: how their bytes are compressed and checked, and what a column's pages add up to. Internal to the room.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "formats/parquet_metadata.h"

struct libdeflate_compressor;
struct libdeflate_decompressor;

namespace baleen::formats::parquet {

/// CRC-32 (that of gzip) of bytes that follow those of `crc`.
[[nodiscard]] std::uint32_t crc32(std::uint32_t crc, std::string_view bytes);

class GzipCompressor {
 public:
  /// `level` 1 to 12.
  explicit GzipCompressor(int level);
  /// Replaces `out`.
  void compress(std::string_view bytes, std::string& out);

 private:
  struct Deleter {
    void operator()(libdeflate_compressor* compressor) const;
  };
  std::unique_ptr<libdeflate_compressor, Deleter> compressor_;
};

class Decompressor {
 public:
  Decompressor();
  /// The plain bytes, exactly `size` of them, valid until the next call; of `uncompressed` the bytes themselves.
  /// NOT_SUPPORTED for a codec that is not read here, ARTIFACT_CORRUPT for a damaged stream.
  [[nodiscard]] Result<std::string_view> decompress(Codec codec,
                                                    std::string_view bytes,
                                                    std::size_t size);

 private:
  struct Deleter {
    void operator()(libdeflate_decompressor* decompressor) const;
  };
  std::unique_ptr<libdeflate_decompressor, Deleter> gzip_;
  std::vector<std::byte> plain_;
};

/// A page as it lies in the file.
struct PlacedPage {
  PageHeader header;
  std::size_t header_bytes = 0;
};

/// What the footer says of the pages of a column chunk that begins at `offset`. At least one is a data page.
[[nodiscard]] ChunkMeta chunk_of(const Leaf& leaf,
                                 Codec codec,
                                 std::int64_t offset,
                                 std::span<const PlacedPage> pages);

}  // namespace baleen::formats::parquet
