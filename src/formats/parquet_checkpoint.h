#pragma once

/// What a Parquet writing needs to go on after a crash: how far the file was safe, and that its bytes are those that
/// were written. What the footer will say of the row groups is read back from their page headers. Internal to the room.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "formats/parquet_page.h"

namespace baleen::formats::parquet {

struct Checkpoint {
  std::string identity;
  std::int64_t n_row_groups = 0;
  std::int64_t n_rows = 0;
  std::int64_t size_bytes = 0;  ///< Of magic and row groups.
  std::string chain;            ///< chained() over all row groups.
};

/// Digest of a row group behind others: SHA-256 over the digest so far and the group's bytes [begin, end) in the file.
/// Nothing where the file is shorter.
[[nodiscard]] Result<std::optional<std::string>> chained(const std::string& chain,
                                                         const core::Fd& file,
                                                         std::int64_t begin,
                                                         std::int64_t end);

/// Replaces it atomically.
[[nodiscard]] Result<void> save_checkpoint(const std::filesystem::path& path,
                                           const Checkpoint& checkpoint);
/// Nothing where the file is absent, damaged, or of another identity.
[[nodiscard]] std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& path,
                                                        const std::string& identity);

/// The row groups that the checkpoint vouches for; nothing where the file does not hold them.
[[nodiscard]] Result<std::optional<std::vector<RowGroupMeta>>> read_back(
    const core::Fd& file,
    const std::vector<Leaf>& leaves,
    Codec codec,
    const Checkpoint& checkpoint);

/// Fills `bytes` from `offset` on; fewer come back only at the end of the file.
[[nodiscard]] Result<std::size_t> read_at(const core::Fd& file,
                                          std::int64_t offset,
                                          std::span<char> bytes);

}  // namespace baleen::formats::parquet
