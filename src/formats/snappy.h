#pragma once

/// Snappy's raw format, decompression only: what other programs compress Parquet pages with unless told otherwise.
/// Source: google/snappy, format_description.txt. Internal to the room.

#include <cstddef>
#include <span>
#include <string_view>

#include "core/result.h"

namespace baleen::formats {

/// Fills `out` exactly. ARTIFACT_CORRUPT if the stream is damaged or of another length.
[[nodiscard]] Result<void> snappy_decompress(std::string_view stream, std::span<std::byte> out);

}  // namespace baleen::formats
