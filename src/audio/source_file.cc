#include "audio/source_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

/// The length of the UTF-8 sequence at the start of `text`; 0 if it is none, or a control character.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7F ? 1 : 0;
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  const unsigned first_two = byte(0) << 8 | byte(1);
  const bool is_bad = (first_two >= 0xE080 && first_two < 0xE0A0) ||
                      (first_two >= 0xEDA0 && first_two < 0xEE00) ||
                      (first_two >= 0xF080 && first_two < 0xF090) || first_two >= 0xF490;
  return is_bad ? 0 : length;
}

Error open_error(int code, const std::filesystem::path& path) {
  if (code == EACCES || code == EPERM) {
    return fail(ErrorCode::permission_denied, "open {}: this user may not read it",
                printable(path));
  }
  // A socket (ENXIO) is no file to read, either. What is not of this kind may work the next time.
  if (code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG || code == ENXIO ||
      code == ENODEV) {
    return fail(ErrorCode::file_not_found, "open {}: {}", printable(path), std::strerror(code));
  }
  return core::errno_error(code, "open " + printable(path));
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
    return fail(ErrorCode::file_not_found, "{} is {}, not a regular file", printable(path),
                kind_of(status.st_mode));
  }
  source.size_bytes = status.st_size;
  source.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return source;
}

std::string printable(const std::filesystem::path& path) {
  constexpr std::size_t kBytesMax = 200;
  const std::string& name = path.native();
  std::string_view rest = name;
  std::string text;
  if (rest.size() > kBytesMax) {
    rest.remove_prefix(rest.size() - kBytesMax);
    text = "...";
  }
  while (!rest.empty()) {
    const std::size_t length = utf8_length(rest);
    text += length == 0 ? "?" : rest.substr(0, length);
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
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
