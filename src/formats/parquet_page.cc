#include "formats/parquet_page.h"

#include <libdeflate.h>

#include <algorithm>

#include "core/check.h"
#include "formats/snappy.h"

namespace baleen::formats::parquet {

std::uint32_t crc32(std::uint32_t crc, std::string_view bytes) {
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

void GzipCompressor::Deleter::operator()(libdeflate_compressor* compressor) const {
  libdeflate_free_compressor(compressor);
}

GzipCompressor::GzipCompressor(int level) : compressor_(libdeflate_alloc_compressor(level)) {
  BALEEN_CHECK(compressor_ != nullptr);
}

void GzipCompressor::compress(std::string_view bytes, std::string& out) {
  out.resize(libdeflate_gzip_compress_bound(compressor_.get(), bytes.size()));
  const std::size_t size = libdeflate_gzip_compress(compressor_.get(), bytes.data(), bytes.size(),
                                                    out.data(), out.size());
  BALEEN_CHECK(size > 0);  // The bound is one.
  out.resize(size);
}

void Decompressor::Deleter::operator()(libdeflate_decompressor* decompressor) const {
  libdeflate_free_decompressor(decompressor);
}

Decompressor::Decompressor() = default;

Result<std::string_view> Decompressor::decompress(Codec codec,
                                                  std::string_view bytes,
                                                  std::size_t size) {
  // Deflate's own limit; snappy reaches 22. So a few bytes cannot ask for much memory.
  constexpr std::size_t kRatioMax = 1032;
  if (size / kRatioMax > bytes.size() + 64)
    return fail(ErrorCode::artifact_corrupt, "a page of {} bytes cannot become {}", bytes.size(),
                size);
  switch (codec) {
    case Codec::uncompressed:
      if (bytes.size() == size) return bytes;
      return fail(ErrorCode::artifact_corrupt, "an uncompressed page of two sizes, {} and {}",
                  bytes.size(), size);
    case Codec::snappy:
      plain_.resize(size);
      BALEEN_RETURN_IF_ERROR(snappy_decompress(bytes, plain_));
      break;
    case Codec::gzip:
      plain_.resize(size);
      if (!gzip_) gzip_.reset(libdeflate_alloc_decompressor());
      BALEEN_CHECK(gzip_ != nullptr);
      if (libdeflate_gzip_decompress(gzip_.get(), bytes.data(), bytes.size(), plain_.data(), size,
                                     nullptr) != LIBDEFLATE_SUCCESS)
        return fail(ErrorCode::artifact_corrupt, "a damaged gzip stream");
      break;
    case Codec::zstd:
      return fail(ErrorCode::not_supported,
                  "the file is compressed with zstd, which is not read here: write it with snappy, "
                  "gzip or no compression");
    default:
      return fail(ErrorCode::not_supported,
                  "the file is compressed with codec {}, which is not read here: write it with "
                  "snappy, gzip or no compression",
                  static_cast<int>(codec));
  }
  return std::string_view(reinterpret_cast<const char*>(plain_.data()), size);
}

ChunkMeta chunk_of(const Leaf& leaf,
                   Codec codec,
                   std::int64_t offset,
                   std::span<const PlacedPage> pages) {
  ChunkMeta chunk;
  chunk.type = leaf.physical;
  chunk.codec = codec;
  chunk.n_values = chunk.uncompressed_bytes = chunk.compressed_bytes = 0;
  const auto add_encoding = [&chunk](Encoding encoding) {
    if (std::find(chunk.encodings.begin(), chunk.encodings.end(), encoding) ==
        chunk.encodings.end())
      chunk.encodings.push_back(encoding);
  };
  for (const auto& [header, header_bytes] : pages) {
    if (header.type == PageType::dictionary) {
      chunk.dictionary_page_offset = offset + chunk.compressed_bytes;
    } else {
      if (chunk.data_page_offset < 0) chunk.data_page_offset = offset + chunk.compressed_bytes;
      chunk.n_values += header.n_values;
      chunk.statistics = header.statistics;
    }
    add_encoding(header.encoding);
    const auto head = static_cast<std::int64_t>(header_bytes);
    chunk.uncompressed_bytes += head + header.uncompressed_bytes;
    chunk.compressed_bytes += head + header.compressed_bytes;
  }
  if (leaf.definition_max > 0) add_encoding(Encoding::rle);
  return chunk;
}

}  // namespace baleen::formats::parquet
