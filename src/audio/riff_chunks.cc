#include "audio/riff_chunks.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace baleen::audio {
namespace {

constexpr int kChunksMax = 1000;
constexpr std::int64_t kContentBytesMax = 1 << 20;
constexpr std::uint32_t kSizeElsewhere = 0xFFFFFFFF;  // RF64: the size of "data" is in ds64.

std::uint32_t number_at(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Result<std::string> read_text(const SourceFile& source, std::int64_t offset, std::int64_t size) {
  std::string bytes(static_cast<std::size_t>(std::max<std::int64_t>(size, 0)), '\0');
  BALEEN_ASSIGN_OR_RETURN(const std::size_t n,
                          read_at(source.fd, offset, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(n);
  return bytes;
}

}  // namespace

Result<std::vector<RiffChunk>> list_riff_chunks(const SourceFile& source) {
  constexpr std::int64_t kHeadBytes = 8;
  std::vector<RiffChunk> chunks;
  BALEEN_ASSIGN_OR_RETURN(const std::string head, read_text(source, 0, 12));
  const std::string kind = head.substr(0, 4);
  if (head.size() < 12 || (kind != "RIFF" && kind != "RF64" && kind != "BW64") ||
      head.substr(8) != "WAVE")
    return chunks;
  std::int64_t data_bytes_64 = -1;
  std::int64_t offset = 12;
  for (int i = 0; i < kChunksMax && offset <= source.size_bytes - kHeadBytes; ++i) {
    BALEEN_ASSIGN_OR_RETURN(const std::string bytes, read_text(source, offset, kHeadBytes));
    if (bytes.size() < kHeadBytes) break;
    RiffChunk chunk;
    chunk.id = bytes.substr(0, 4);
    chunk.offset = offset + kHeadBytes;
    std::int64_t size = number_at(bytes, 4);
    if (chunk.id == "data" && size == kSizeElsewhere && data_bytes_64 >= 0) size = data_bytes_64;
    chunk.size_bytes = std::min(size, source.size_bytes - chunk.offset);
    if (chunk.id == "ds64" && chunk.size_bytes >= 16) {
      BALEEN_ASSIGN_OR_RETURN(const std::string sizes, read_text(source, chunk.offset, 16));
      if (sizes.size() == 16) std::memcpy(&data_bytes_64, sizes.data() + 8, sizeof data_bytes_64);
    }
    offset = chunk.offset + chunk.size_bytes + chunk.size_bytes % 2;
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

Result<std::string> read_riff_chunk(const SourceFile& source, const RiffChunk& chunk) {
  return read_text(source, chunk.offset, std::min(chunk.size_bytes, kContentBytesMax));
}

std::vector<std::pair<std::string, std::string>> parse_info_list(std::string_view content) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (!content.starts_with("INFO")) return texts;
  content.remove_prefix(4);
  while (content.size() >= 8 && texts.size() < static_cast<std::size_t>(kChunksMax)) {
    const std::string id(content.substr(0, 4));
    const std::size_t size = std::min<std::size_t>(number_at(content, 4), content.size() - 8);
    const std::string_view text = content.substr(8, size);
    texts.emplace_back(id, text.substr(0, text.find('\0')));
    content.remove_prefix(std::min(8 + size + size % 2, content.size()));
  }
  return texts;
}

}  // namespace baleen::audio
