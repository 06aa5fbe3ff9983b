#pragma once

/// Files with holes: stretches that were never written, take no space, and read as zeros. Recorders that reserve a file, and
/// recordings that were cut or silenced, have them.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "core/file.h"

namespace baleen::core {

/// What lies at an offset of a file: bytes (at most 1 MiB), or a hole of any length.
using DataFn = std::function<Result<void>(std::int64_t offset, std::span<const std::byte> bytes)>;
using HoleFn = std::function<Result<void>(std::int64_t offset, std::int64_t size_bytes)>;

/// Reads a whole file from its beginning, in order and without gaps; its size. Holes are not read. A file system that
/// knows none has data only. In a file that changes meanwhile each byte is told of once, as it was at some moment.
/// Errors: those of reading, and of the two functions. Moves the file position.
[[nodiscard]] Result<std::int64_t> read_sparse(const Fd& file,
                                               const DataFn& on_data,
                                               const HoleFn& on_hole);

/// Where the holes of a file are, for who reads it piece by piece: asks the file system once for each stretch. The kernel
/// would fill its cache with zeros. For files that nobody writes to.
class HoleFinder {
 public:
  /// Zeros from `offset` on that need not be read: 0 where there is no hole, or nobody knows of one.
  [[nodiscard]] std::int64_t hole_bytes_at(const Fd& file, std::int64_t offset);

 private:
  std::int64_t hole_begin_ = 0, data_begin_ = 0,
               data_end_ = 0;  // The hole, and the data behind it.
};

/// Cuts a file off, or makes it longer by a hole.
[[nodiscard]] Result<void> set_file_size(const Fd& file, std::int64_t size_bytes);

/// Makes an empty file a copy-on-write copy of another: one copy on the disk until either is written to. False where
/// the file system cannot do that (Btrfs and XFS can); then the file is empty.
[[nodiscard]] Result<bool> clone_file(const Fd& source, const Fd& empty);

}  // namespace baleen::core
