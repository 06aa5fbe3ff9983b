#include "formats/chunk_deflate.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/check.h"

namespace baleen::formats {
namespace {

// Level 1 on 2048 x 8 chunks is already smaller than h5py's gzip-4 on its own choice of chunks;
// level 6 would gain another 2 % for four times the time (docs/formats/feature_pack.md).
constexpr int kLevel = 1;
constexpr std::size_t kZlibHeader = 2;
constexpr std::size_t kZlibTrailer = 4;

std::byte* put_adler32(std::byte* out, std::span<const std::uint8_t> bytes) {
  const std::uint32_t adler = libdeflate_adler32(1, bytes.data(), bytes.size());
  for (int shift = 24; shift >= 0; shift -= 8)
    *out++ = static_cast<std::byte>(adler >> shift & 0xFF);
  return out;
}

/// Writes planes from the front as long as they need no search for matches; returns how many bytes are
/// done. The plane of the exponents is always left, and the writer aligned.
std::size_t put_planes_without_repeats(BitWriter& writer,
                                       std::span<const std::uint8_t> planes,
                                       std::size_t plane_size) {
  std::size_t n_done = 0;
  bool is_aligned = true;
  for (int plane = 0; plane < 3; ++plane) {
    const std::span<const std::uint8_t> bytes = planes.subspan(n_done, plane_size);
    const ByteCounts counts = count_bytes(bytes);
    const Texture texture = texture_of(bytes, counts);
    if (texture == Texture::repeating) break;
    if (texture == Texture::noise)
      put_stored_blocks(writer, bytes);
    else
      put_huffman_block(writer, bytes, counts);
    is_aligned = texture == Texture::noise;
    n_done += plane_size;
  }
  if (!is_aligned) put_stored_blocks(writer, {});
  return n_done;
}

}  // namespace

void ChunkDeflater::Deleter::operator()(libdeflate_compressor* compressor) const noexcept {
  libdeflate_free_compressor(compressor);
}

ChunkDeflater::ChunkDeflater() : compressor_(libdeflate_alloc_compressor(kLevel)) {
  BALEEN_CHECK(compressor_ != nullptr);
}

std::span<const std::byte> ChunkDeflater::deflate(std::span<const std::byte> bytes) {
  stream_.resize(
      std::max(stream_.size(), libdeflate_zlib_compress_bound(compressor_.get(), bytes.size())));
  const std::size_t size = libdeflate_zlib_compress(compressor_.get(), bytes.data(), bytes.size(),
                                                    stream_.data(), stream_.size());
  BALEEN_CHECK(size > 0);
  return std::span(stream_).first(size);
}

std::span<const std::byte> ChunkDeflater::shuffle_and_deflate(std::span<const float> values) {
  const std::size_t n = values.size();
  shuffled_.resize(std::max(shuffled_.size(), 4 * n));
  const std::span<std::uint8_t> planes = std::span(shuffled_).first(4 * n);
  shuffle_floats(values, planes);

  const std::size_t bound = kZlibHeader + 3 * block_bound(n) +
                            libdeflate_deflate_compress_bound(compressor_.get(), 4 * n) +
                            kZlibTrailer;
  stream_.resize(std::max(stream_.size(), bound));
  BitWriter writer(stream_.data());
  writer.put(0x0178, 16);  // Deflate with a window of 32 KiB, fastest level.
  const std::size_t n_done = put_planes_without_repeats(writer, planes, n);
  const std::span<const std::uint8_t> rest = planes.subspan(n_done);

  std::byte* out = writer.position();
  const std::size_t room = stream_.size() - static_cast<std::size_t>(out - stream_.data());
  const std::size_t size =
      libdeflate_deflate_compress(compressor_.get(), rest.data(), rest.size(), out, room);
  BALEEN_CHECK(size > 0);
  out = put_adler32(out + size, planes);
  return {stream_.data(), static_cast<std::size_t>(out - stream_.data())};
}

void shuffle_floats(std::span<const float> values, std::span<std::uint8_t> planes) {
  static_assert(std::endian::native == std::endian::little);
  BALEEN_CHECK(planes.size() == 4 * values.size());
  constexpr std::size_t kBlock = 1024;  // Elements; the compiler packs bytes sixteen at a time.
  std::array<std::uint32_t, kBlock> bits;
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, values.size() - begin);
    std::memcpy(bits.data(), values.data() + begin, 4 * count);
    for (std::size_t k = 0; k < 4; ++k) {
      std::uint8_t* out = planes.data() + k * values.size() + begin;
      for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<std::uint8_t>(bits[i] >> (8 * k));
    }
  }
}

Texture texture_of(std::span<const std::uint8_t> bytes, const ByteCounts& counts) {
  constexpr std::size_t kSizeMin = 4096;  // Fewer bytes do not show their distribution.
  if (bytes.size() < kSizeMin) return Texture::repeating;

  // Digital silence, loops, and tones that fit the hop repeat whole words. A table of the last word
  // of each hash suffices: what matters is whether there are many.
  std::array<std::uint64_t, 1024> seen{};
  std::size_t n_repeated = 0;
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    std::uint64_t& slot = seen[(word * 0x9E37'79B9'7F4A'7C15U) >> 54];
    if (slot == word) ++n_repeated;
    slot = word;
  }
  if (n_repeated * 8 * 64 >= bytes.size()) return Texture::repeating;  // One word of 64 or more.

  // Uniform bytes give n²/256 + n on average; 6 % above that, a Huffman code would gain about 0.5 %.
  double sum_of_squares = 0.0;
  for (const std::uint32_t count : counts)
    sum_of_squares += static_cast<double>(count) * static_cast<double>(count);
  const auto size = static_cast<double>(bytes.size());
  return sum_of_squares > 1.06 * size * size / 256.0 + size ? Texture::skewed : Texture::noise;
}

}  // namespace baleen::formats
