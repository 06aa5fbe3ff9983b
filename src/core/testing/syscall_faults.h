#pragma once

/// System calls that fail when a test says so, and a log of those that make files durable.
///
/// Including this header puts its own fsync, rename, write, … before those of the C library, in the whole program:
/// include it in one source file of a test program only. Until a test asks for something they do what they always
/// do, on any thread; then they are of one thread at a time.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::core::testing {

struct SyscallFaults {
  std::string call;          ///< Which call fails; "*": any of them; "": none.
  int error = EIO;           ///< How; 0: a write or read of one byte only.
  std::int64_t skipped = 0;  ///< So many are let through first.
  int times = 1;
  bool is_logging = false;
  std::vector<std::string> log;  ///< "write", "fsync file", "fsync folder", "rename", "unlink".

  void reset() { *this = {}; }
  /// Whether the call that is being made is the one that fails.
  bool take(std::string_view name) {
    if (call.empty() || times == 0 || (call != "*" && call != name)) return false;
    if (skipped-- > 0) return false;
    --times;
    errno = error;
    return true;
  }
  void note(std::string what) {
    if (is_logging) log.push_back(std::move(what));
  }
};

inline SyscallFaults& syscall_faults() {
  static SyscallFaults faults;
  return faults;
}

inline bool is_folder(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace baleen::core::testing

extern "C" {

int fsync(int fd) {
  auto& faults = baleen::core::testing::syscall_faults();
  if (faults.take("fsync")) return -1;
  faults.note(baleen::core::testing::is_folder(fd) ? "fsync folder" : "fsync file");
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int rename(const char* from, const char* to) noexcept {
  auto& faults = baleen::core::testing::syscall_faults();
  if (faults.take("rename")) return -1;
  faults.note("rename");
  return static_cast<int>(::syscall(SYS_rename, from, to));
}

int unlink(const char* path) noexcept {
  auto& faults = baleen::core::testing::syscall_faults();
  if (faults.take("unlink")) return -1;
  faults.note("unlink");
  return static_cast<int>(::syscall(SYS_unlink, path));
}

ssize_t write(int fd, const void* bytes, size_t size) {
  auto& faults = baleen::core::testing::syscall_faults();
  if (fd > 2 && faults.take("write")) {
    if (faults.error != 0) return -1;
    size = size > 0 ? 1 : 0;
  }
  if (fd > 2) faults.note("write");
  return ::syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  auto& faults = baleen::core::testing::syscall_faults();
  if (faults.take("pwrite")) {
    if (faults.error != 0) return -1;
    size = size > 0 ? 1 : 0;
  }
  faults.note("write");
  return ::syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t read(int fd, void* bytes, size_t size) {
  auto& faults = baleen::core::testing::syscall_faults();
  if (faults.take("read")) {
    if (faults.error != 0) return -1;
    size = size > 0 ? 1 : 0;
  }
  return ::syscall(SYS_read, fd, bytes, size);
}

ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  auto& faults = baleen::core::testing::syscall_faults();
  if (faults.take("pread")) {
    if (faults.error != 0) return -1;
    size = size > 0 ? 1 : 0;
  }
  return ::syscall(SYS_pread64, fd, bytes, size, offset);
}

#define BALEEN_FAULTY_OPEN(name)                                                 \
  int name(const char* path, int flags, ...) {                                   \
    mode_t mode = 0;                                                             \
    if ((flags & (O_CREAT | O_TMPFILE)) != 0) {                                  \
      va_list arguments;                                                         \
      va_start(arguments, flags);                                                \
      mode = va_arg(arguments, mode_t);                                          \
      va_end(arguments);                                                         \
    }                                                                            \
    if (baleen::core::testing::syscall_faults().take(#name)) return -1;          \
    return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode)); \
  }
BALEEN_FAULTY_OPEN(open)
BALEEN_FAULTY_OPEN(
    open64)  // As SQLite calls it; a fault of its own, so that `open` means our files only.
#undef BALEEN_FAULTY_OPEN

int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  const unsigned long argument = va_arg(arguments, unsigned long);
  va_end(arguments);
  if (baleen::core::testing::syscall_faults().take("fcntl")) return -1;
  return static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
}

int ftruncate(int fd, off_t size) noexcept {
  if (baleen::core::testing::syscall_faults().take("ftruncate")) return -1;
  return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}

off_t lseek(int fd, off_t offset, int whence) noexcept {
  if (baleen::core::testing::syscall_faults().take("lseek")) return -1;
  return ::syscall(SYS_lseek, fd, offset, whence);
}

}  // extern "C"
