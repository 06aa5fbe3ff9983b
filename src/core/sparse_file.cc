#include "core/sparse_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

namespace baleen::core {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20U;
constexpr std::int64_t kUntilItEnds = std::numeric_limits<std::int64_t>::max();

/// A stretch of a file, [begin, end).
struct Extent {
  std::int64_t begin = 0, end = 0;
};

/// The first stretch at or behind `offset` that is not a hole; empty, and at the end of the file, if there is none.
Result<Extent> next_data(const Fd& file, std::int64_t offset) {
  const std::int64_t begin = ::lseek(file.get(), offset, SEEK_DATA);
  if (begin < 0) {
    if (errno != ENXIO) return Extent{offset, kUntilItEnds};  // Knows no holes.
    const std::int64_t end = ::lseek(file.get(), 0, SEEK_END);
    if (end < 0) return errno_error(errno, "seek");
    return Extent{std::max(offset, end), std::max(offset, end)};
  }
  const std::int64_t end = ::lseek(file.get(), begin, SEEK_HOLE);
  return Extent{begin, end > begin ? end : kUntilItEnds};  // Else it was cut off between the two.
}

Result<std::size_t> read_at(const Fd& file, std::span<std::byte> bytes, std::int64_t offset) {
  while (true) {
    const ssize_t size = ::pread(file.get(), bytes.data(), bytes.size(), offset);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno != EINTR) return errno_error(errno, "read");
  }
}

}  // namespace

Result<std::int64_t> read_sparse(const Fd& file, const DataFn& on_data, const HoleFn& on_hole) {
  std::vector<std::byte> block(kBlockBytes);
  std::int64_t at = 0;
  while (true) {
    BALEEN_ASSIGN_OR_RETURN(const Extent data, next_data(file, at));
    if (data.begin > at) BALEEN_RETURN_IF_ERROR(on_hole(at, data.begin - at));
    at = data.begin;
    if (data.begin == data.end) return at;
    while (at < data.end) {
      const auto n = static_cast<std::size_t>(std::min(std::ssize(block), data.end - at));
      BALEEN_ASSIGN_OR_RETURN(const std::size_t size, read_at(file, std::span(block).first(n), at));
      if (size == 0) return at;
      BALEEN_RETURN_IF_ERROR(on_data(at, std::span(block).first(size)));
      at += static_cast<std::int64_t>(size);
    }
  }
}

std::int64_t HoleFinder::hole_bytes_at(const Fd& file, std::int64_t offset) {
  if (offset < hole_begin_ || offset >= data_end_) {
    const Result<Extent> data = next_data(file, offset);
    hole_begin_ = offset;
    data_begin_ = data.ok() ? data->begin : offset;
    data_end_ = data.ok() ? data->end : kUntilItEnds;
  }
  return std::max<std::int64_t>(0, data_begin_ - offset);
}

Result<void> set_file_size(const Fd& file, std::int64_t size_bytes) {
  while (::ftruncate(file.get(), size_bytes) != 0) {
    if (errno != EINTR) return errno_error(errno, "resize");
  }
  return {};
}

Result<bool> clone_file(const Fd& source, const Fd& empty) {
  if (::ioctl(empty.get(), FICLONE, source.get()) == 0) return true;
  struct stat status {};
  if (::fstat(empty.get(), &status) != 0) return errno_error(errno, "stat");
  if (status.st_size != 0) BALEEN_RETURN_IF_ERROR(set_file_size(empty, 0));  // Given up halfway.
  return false;
}

}  // namespace baleen::core
