#pragma once

/// Opening a Parquet file: magic, footer, and that what the footer says can be true. Internal to the room.

#include <filesystem>

#include "core/result.h"
#include "formats/parquet_cursor.h"

namespace baleen::formats::parquet {

/// FILE_NOT_FOUND, ARTIFACT_CORRUPT, NOT_SUPPORTED.
[[nodiscard]] Result<OpenFile> open_parquet(const std::filesystem::path& path);

}  // namespace baleen::formats::parquet
