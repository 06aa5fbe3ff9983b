#pragma once

/// A checksum that notices damage, not malice.

#include <cstddef>
#include <cstdint>
#include <span>

namespace baleen::formats {

/// CRC-32 (that of gzip and PNG) of bytes that follow those of `crc`; 0 to begin with.
[[nodiscard]] std::uint32_t crc32(std::uint32_t crc, std::span<const std::byte> bytes);

}  // namespace baleen::formats
