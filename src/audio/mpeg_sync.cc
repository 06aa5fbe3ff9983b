#include "audio/mpeg_sync.h"

#include <array>
#include <optional>

namespace baleen::audio {
namespace {

struct FrameHeader {
  std::size_t size_bytes = 0;
  std::uint32_t signature = 0;  ///< The bits that stay the same from frame to frame.
};

// ISO/IEC 11172-3 table of bit rates in kbit/s: [MPEG-1, MPEG-2 and 2.5][layer I, II, III][index].
constexpr std::array<std::array<std::array<std::uint16_t, 15>, 3>, 2> kBitRates = {{
    {{{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
      {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
      {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}}},
    {{{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}}},
}};
constexpr std::array<std::uint32_t, 3> kSampleRates = {44100, 48000, 32000};

std::optional<FrameHeader> mpeg_header(std::span<const std::uint8_t> b) {
  if (b.size() < 4 || b[0] != 0xFF || (b[1] & 0xE0) != 0xE0) return std::nullopt;
  const unsigned version = (b[1] >> 3) & 3;  // 0: MPEG-2.5, 2: MPEG-2, 3: MPEG-1.
  const unsigned layer_bits = (b[1] >> 1) & 3;
  const unsigned rate_index = b[2] >> 4;
  const unsigned frequency_index = (b[2] >> 2) & 3;
  if (version == 1 || layer_bits == 0 || rate_index == 0 || rate_index == 15 ||
      frequency_index == 3) {
    return std::nullopt;
  }
  const unsigned layer = 3 - layer_bits;  // 0, 1, 2 for layers I, II, III.
  const bool is_mpeg1 = version == 3;
  const std::uint32_t rate = kBitRates[is_mpeg1 ? 0 : 1][layer][rate_index] * 1000U;
  const std::uint32_t frequency =
      kSampleRates[frequency_index] >> (is_mpeg1 ? 0U : (version == 2 ? 1U : 2U));
  const std::uint32_t padding = (b[2] >> 1) & 1;
  FrameHeader header;
  if (layer == 0) {
    header.size_bytes = std::size_t{12 * rate / frequency + padding} * 4;
  } else {
    const std::uint32_t slots = layer == 2 && !is_mpeg1 ? 72 : 144;
    header.size_bytes = slots * rate / frequency + padding;
  }
  header.signature = (b[1] & 0xFEU) << 8 | (b[2] & 0x0CU);
  return header;
}

std::optional<FrameHeader> adts_header(std::span<const std::uint8_t> b) {
  if (b.size() < 7 || b[0] != 0xFF || (b[1] & 0xF6) != 0xF0) return std::nullopt;
  const std::uint32_t size = (b[3] & 3U) << 11 | std::uint32_t{b[4]} << 3 | b[5] >> 5;
  if (size < 7 || ((b[2] >> 2) & 15) > 12) return std::nullopt;
  return FrameHeader{size, (b[1] & 0xFEU) << 8 | (b[2] & 0xFCU)};
}

template <typename ParseHeader>
bool is_chain(std::span<const std::uint8_t> bytes,
              std::size_t offset,
              bool is_whole,
              ParseHeader parse) {
  const std::optional<FrameHeader> first = parse(bytes.subspan(offset));
  if (!first) return false;
  if (offset == 0) return true;
  std::size_t position = offset + first->size_bytes;
  int n_headers = 1;
  while (n_headers < 3 && position < bytes.size()) {
    const std::optional<FrameHeader> next = parse(bytes.subspan(position));
    if (!next || next->signature != first->signature) return false;
    ++n_headers;
    position += next->size_bytes;
  }
  return n_headers >= 3 || (n_headers == 2 && is_whole);
}

}  // namespace

SyncKind find_audio_sync(std::span<const std::uint8_t> bytes, bool is_whole) {
  for (std::size_t offset = 0; offset + 4 <= bytes.size(); ++offset) {
    if (bytes[offset] != 0xFF) continue;
    if (is_chain(bytes, offset, is_whole, mpeg_header)) return SyncKind::mpeg_audio;
    if (is_chain(bytes, offset, is_whole, adts_header)) return SyncKind::adts;
  }
  return SyncKind::none;
}

}  // namespace baleen::audio
