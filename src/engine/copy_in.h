#pragma once

/// Copies a recording below the data root and says which bytes lie there.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/file.h"

namespace baleen::engine {

struct Digest {
  std::string sha256;
  std::int64_t bytes = 0;
  std::string first_bytes;  ///< At most 64.
};

/// Asked after each few megabytes; false stops it with CANCELED. May be empty.
using KeepGoing = std::function<bool()>;

/// HASH_FAILED if the file cannot be read; CANCELED.
[[nodiscard]] Result<Digest> hash_file(const core::Fd& file, const KeepGoing& keep_going = {});

/// Copies `source` to a new file and fsyncs that; the digest is that of the bytes of the copy, also if the source
/// changes meanwhile. Holes stay holes, and are hashed without being read; where the file system can (FICLONE) the copy
/// shares the blocks of the source. HASH_FAILED if it cannot be read, DISK_FULL, INGEST_FAILED, CANCELED. What an error leaves of the
/// copy is the caller's to remove.
[[nodiscard]] Result<Digest> copy_in(const core::Fd& source,
                                     const std::filesystem::path& copy,
                                     const KeepGoing& keep_going = {});

}  // namespace baleen::engine
