#include "audio/source_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace baleen::audio {
namespace {

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISBLK(mode) || S_ISCHR(mode)) return "a device";
  return "something else";
}

Error open_error(int code, const std::filesystem::path& path) {
  if (code == EACCES || code == EPERM) {
    return fail(ErrorCode::permission_denied, "open {}: this user may not read it", path.string());
  }
  if (code == EMFILE || code == ENFILE || code == EIO || code == ENOMEM) {
    return core::errno_error(code, "open " + path.string());
  }
  // ENXIO (a socket), ELOOP, ENAMETOOLONG and the like: there is no such file to read.
  return fail(ErrorCode::file_not_found, "open {}: {}", path.string(), std::strerror(code));
}

}  // namespace

Result<SourceFile> open_source(const std::filesystem::path& path) {
  if (path.native().find('\0') != std::string::npos) {
    return fail(ErrorCode::file_not_found, "the path contains a zero byte");
  }
  // O_NONBLOCK: a FIFO without a writer must not stop us before fstat can refuse it.
  SourceFile source;
  source.fd = core::Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!source.fd.is_open()) return open_error(errno, path);
  struct stat status {};
  if (::fstat(source.fd.get(), &status) != 0) return open_error(errno, path);
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::file_not_found, "{} is {}, not a regular file", path.string(),
                kind_of(status.st_mode));
  }
  source.size_bytes = status.st_size;
  source.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return source;
}

Result<std::size_t> read_at(const core::Fd& file, std::int64_t offset, std::span<std::byte> bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t size = ::pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                                 offset + static_cast<std::int64_t>(filled));
    if (size == 0) break;
    if (size < 0) {
      if (errno == EINTR) continue;
      return core::errno_error(errno, "read");
    }
    filled += static_cast<std::size_t>(size);
  }
  return filled;
}

}  // namespace baleen::audio
