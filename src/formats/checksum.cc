#include "formats/checksum.h"

#include <libdeflate.h>

namespace baleen::formats {

std::uint32_t crc32(std::uint32_t crc, std::span<const std::byte> bytes) {
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

}  // namespace baleen::formats
