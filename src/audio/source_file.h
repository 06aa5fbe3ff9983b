#pragma once

/// Opening what the user named, without ever hanging on it.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "core/file.h"
#include "core/result.h"

namespace baleen::audio {

/// A regular file opened for reading, with the facts that tell it from another one.
struct SourceFile {
  core::Fd fd;
  std::int64_t size_bytes = 0;
  std::int64_t modified_ns = 0;  ///< Since the epoch.
};

/// Opens a regular file. FILE_NOT_FOUND for everything that is none (a folder, FIFO, socket or
/// device), PERMISSION_DENIED where the user may not read it. Never blocks.
[[nodiscard]] Result<SourceFile> open_source(const std::filesystem::path& path);

/// A path for a message: valid UTF-8 without control characters ("?" in their place), at most 200
/// bytes of its end. Names of files may be anything; messages end up in JSON and on terminals.
[[nodiscard]] std::string printable(const std::filesystem::path& path);

/// Fills `bytes` from `offset` on; fewer come back only at the end of the file.
[[nodiscard]] Result<std::size_t> read_at(const core::Fd& file,
                                          std::int64_t offset,
                                          std::span<std::byte> bytes);

}  // namespace baleen::audio
