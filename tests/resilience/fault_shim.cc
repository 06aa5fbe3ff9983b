// A library to preload: counts the calls that change files below one folder, over all processes of a run, and
// makes one fault at a chosen one; or writes down all that was done, in order, with its bytes.
//
// The state lies in a page that every process maps when it starts (a child keeps it, whatever it may open later):
// FAULT_SHIM_PAGE names it, FAULT_SHIM_LOG the log, FAULT_SHIM_ROOT the folder. No room of the program is used here,
// and the calls go to the kernel directly, so nothing of the C library is entered twice.

#undef _FORTIFY_SOURCE
#include "fault_shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fault_shim_files.h"

using namespace fault_shim;  // NOLINT: the whole file is that.

namespace {

// ---- counting and faults --------------------------------------------------------------------------

[[noreturn]] void die() {
  while (true) ::syscall(SYS_kill, ::getpid(), SIGKILL);
}

/// One call on its way: counted when it begins; `fault` is what is to become of it.
class Call {
 public:
  /// `path` is what the call is about; nothing is counted if that is none of our files.
  Call(Kind kind, const Place& place) : is_ours_(place.is_ours) {
    if (page == nullptr) return;
    if (page->is_dead.load() != 0) {
      if (is_ours_) die();
      return;
    }
    if (!is_ours_) return;
    const std::uint64_t number = page->calls.fetch_add(1) + 1;
    const bool is_child = page->first_pid != static_cast<std::uint64_t>(::getpid());
    if (number <= kTraceMax) {
      page->trace[number - 1] =
          static_cast<std::uint8_t>(static_cast<unsigned>(kind) | (is_child ? kByChild : 0U));
    }
    if (number == page->fault_at) meet(kind, place);
    is_recorded_ = page->log_capacity != 0;
    if (is_recorded_) lock_log();
  }
  ~Call() {
    if (is_recorded_) unlock_log();
    if (fault_ == Fault::kill_after) {
      page->is_dead.store(1);
      die();
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  [[nodiscard]] bool is_ours() const { return is_ours_; }
  [[nodiscard]] bool is_recorded() const { return is_recorded_; }
  [[nodiscard]] bool is(Fault fault) const { return fault_ == fault; }
  /// Whether the call is to fail without being made; sets errno.
  [[nodiscard]] bool fails() const {
    if (fault_ == Fault::eio) errno = EIO;
    if (fault_ == Fault::enospc) errno = ENOSPC;
    if (fault_ == Fault::eintr) errno = EINTR;
    return fault_ == Fault::eio || fault_ == Fault::enospc || fault_ == Fault::eintr;
  }
  /// For faults that this call does not know.
  void no_fault() {
    fault_ = Fault::none;
    page->fired = 2;
  }

 private:
  void meet(Kind kind, const Place& place) {
    fault_ = static_cast<Fault>(page->fault);
    page->fired = 1;
    page->fired_kind = static_cast<std::uint64_t>(kind);
    std::snprintf(page->fired_path, kPathMax, "%s", place.path);
    if (fault_ == Fault::kill_one) die();
    if (fault_ == Fault::kill_before) {
      page->is_dead.store(1);
      die();
    }
    const bool is_write = kind == Kind::write;
    const bool needs_write = fault_ == Fault::short_write || fault_ == Fault::lost_write;
    const bool is_slow = is_write || kind == Kind::open || kind == Kind::close ||
                         kind == Kind::fsync || kind == Kind::truncate || kind == Kind::fallocate;
    const bool makes_no_room = kind == Kind::unlink || kind == Kind::close || kind == Kind::msync;
    if ((needs_write && !is_write) || (fault_ == Fault::eintr && !is_slow) ||
        (fault_ == Fault::enospc && makes_no_room)) {
      no_fault();
    }
  }

  bool is_ours_ = false;
  bool is_recorded_ = false;
  Fault fault_ = Fault::none;
};

// ---- calls on descriptors -------------------------------------------------------------------------

/// The part of the parts that has `size` bytes.
struct Parts {
  iovec items[16];
  int count = 0;
  Parts(const iovec* parts, int n, std::size_t size) {
    for (; count < n && count < 16 && size > 0; ++count) {
      items[count] = parts[count];
      items[count].iov_len = std::min(items[count].iov_len, size);
      size -= items[count].iov_len;
    }
  }
};

/// All writes. `offset` < 0: at the file's position.
ssize_t write_parts(int fd, const iovec* parts, int n, off_t offset) {
  const auto write_now = [&](const iovec* items, int count) -> ssize_t {
    if (count == 1 && offset < 0) return ::syscall(SYS_write, fd, items->iov_base, items->iov_len);
    if (count == 1) return ::syscall(SYS_pwrite64, fd, items->iov_base, items->iov_len, offset);
    if (offset < 0) return ::syscall(SYS_writev, fd, items, count);
    return ::syscall(SYS_pwritev, fd, items, count, offset, 0);
  };
  if (page == nullptr) return write_now(parts, n);
  const Place place = place_of(fd);
  Call call(Kind::write, place);
  if (!call.is_ours()) return write_now(parts, n);
  std::size_t wanted = 0;
  for (int i = 0; i < n; ++i) wanted += parts[i].iov_len;
  if (call.fails()) return -1;
  if (call.is(Fault::short_write) && wanted < 2) call.no_fault();
  touch(place);
  if (call.is(Fault::lost_write)) {
    if (offset < 0) ::lseek(fd, static_cast<off_t>(wanted), SEEK_CUR);
    return static_cast<ssize_t>(wanted);
  }
  off_t at = offset;
  if (call.is_recorded() && offset < 0) {
    struct stat status {};
    const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0 && ::fstat(fd, &status) == 0;
    at = appends ? status.st_size : ::lseek(fd, 0, SEEK_CUR);
  }
  ssize_t written = 0;
  if (call.is(Fault::short_write)) {
    const Parts half(parts, n, wanted / 2);
    written = write_now(half.items, half.count);
  } else {
    written = write_now(parts, n);
  }
  if (call.is_recorded() && written > 0)
    log_write(place, at, parts, static_cast<std::size_t>(written));
  return written;
}

int sync_file(int fd, long number) {
  if (page == nullptr) return static_cast<int>(::syscall(number, fd));
  const Place place = place_of(fd);
  Call call(Kind::fsync, place);
  if (!call.is_ours()) return static_cast<int>(::syscall(number, fd));
  judge_sync(place);
  if (call.fails()) {
    if (!call.is(Fault::eintr)) remember_failed(place);
    return -1;
  }
  const std::uint64_t lie = place.is_directory()  ? kSwallowDirectories
                            : place.is_database() ? kSwallowDatabase
                                                  : kSwallowFiles;
  if ((page->swallow & lie) != 0) {
    ++page->lies;
    return 0;
  }
  const int outcome = static_cast<int>(::syscall(number, fd));
  if (outcome == 0) remember_synced(place);
  if (call.is_recorded() && outcome == 0) log(Op::sync, place, place.is_directory() ? 1 : 0);
  return outcome;
}

int close_file(int fd) {
  if (page == nullptr) return static_cast<int>(::syscall(SYS_close, fd));
  const Place place = place_of(fd);
  Call call(Kind::close, place);
  forget(fd);
  const int outcome =
      static_cast<int>(::syscall(SYS_close, fd));  // Linux closes, whatever it says.
  return call.is_ours() && call.fails() ? -1 : outcome;
}

int truncate_file(int fd, off_t size) {
  if (page == nullptr) return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
  const Place place = place_of(fd);
  Call call(Kind::truncate, place);
  if (call.is_ours() && call.fails()) return -1;
  if (call.is_ours()) touch(place);
  const int outcome = static_cast<int>(::syscall(SYS_ftruncate, fd, size));
  if (call.is_recorded() && outcome == 0) log(Op::truncate, place, size);
  return outcome;
}

int allocate(int fd, int mode, off_t offset, off_t bytes) {
  if (page == nullptr) return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, bytes));
  const Place place = place_of(fd);
  Call call(Kind::fallocate, place);
  if (call.is_ours() && call.fails()) return -1;
  const int outcome = static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, bytes));
  struct stat status {};
  if (call.is_recorded() && outcome == 0 && ::fstat(fd, &status) == 0)
    log(Op::truncate, place, status.st_size);
  return outcome;
}

/// What the kernel copies from file to file is written piece by piece: so it is recorded like the rest.
ssize_t copy_range(int in, off_t* in_at, int out, off_t* out_at, std::size_t size) {
  static thread_local char block[65536];
  const std::size_t wanted = std::min(size, sizeof block);
  const ssize_t n = in_at == nullptr ? ::syscall(SYS_read, in, block, wanted)
                                     : ::syscall(SYS_pread64, in, block, wanted, *in_at);
  if (n <= 0) return n;
  const iovec part{block, static_cast<std::size_t>(n)};
  const ssize_t written = write_parts(out, &part, 1, out_at == nullptr ? -1 : *out_at);
  if (written > 0 && in_at != nullptr) *in_at += written;
  if (written > 0 && out_at != nullptr) *out_at += written;
  if (written < n && in_at == nullptr) ::lseek(in, std::max<ssize_t>(written, 0) - n, SEEK_CUR);
  return written;
}

// ---- calls on names -------------------------------------------------------------------------------

int open_file(int directory, const char* name, int flags, mode_t mode) {
  const auto open_now = [&] {
    return static_cast<int>(::syscall(SYS_openat, directory, name, flags, mode));
  };
  if (page == nullptr) return open_now();
  const Place place = place_at(directory, name);
  Call call(Kind::open, place);
  if (!call.is_ours()) return open_now();
  if (call.is(Fault::enospc) && ((flags & O_CREAT) == 0 || exists(place))) call.no_fault();
  if (call.fails()) return -1;
  const bool is_new = (flags & O_CREAT) != 0 && !exists(place);
  if ((flags & O_TRUNC) != 0) forgive(place);  // Rebuilt from nothing.
  const int fd = open_now();
  if (fd < 0) return fd;
  keep(fd, place);
  if (is_new) touch_parent(place);
  if (call.is_recorded() && is_new) log(Op::create, place_of(fd, place.path), 0);
  if (call.is_recorded() && !is_new && (flags & O_TRUNC) != 0)
    log(Op::truncate, place_of(fd, place.path), 0);
  return fd;
}

int rename_file(
    int from_directory, const char* from, int to_directory, const char* to, unsigned flags) {
  const auto rename_now = [&] {
    if (flags == 0)
      return static_cast<int>(::syscall(SYS_renameat, from_directory, from, to_directory, to));
    return static_cast<int>(
        ::syscall(SYS_renameat2, from_directory, from, to_directory, to, flags));
  };
  if (page == nullptr) return rename_now();
  const Place source = place_at(from_directory, from), target = place_at(to_directory, to);
  Call call(Kind::rename, target.is_ours ? target : source);
  if (call.is_ours() && call.fails()) return -1;
  if (call.is_ours()) forgive(target);
  const int outcome = rename_now();
  if (!call.is_ours() || outcome != 0) return outcome;
  touch_parent(source);
  touch_parent(target);
  if (call.is_recorded()) log(Op::rename, source, 0, target.path);
  return outcome;
}

int link_file(int from_directory, const char* from, int to_directory, const char* to, int flags) {
  const auto link_now = [&] {
    return static_cast<int>(::syscall(SYS_linkat, from_directory, from, to_directory, to, flags));
  };
  if (page == nullptr) return link_now();
  const Place target = place_at(to_directory, to);
  Call call(Kind::link, target);
  if (call.is_ours() && call.fails()) return -1;
  const int outcome = link_now();
  if (!call.is_ours() || outcome != 0) return outcome;
  touch_parent(target);
  if (call.is_recorded()) log(Op::link, place_at(from_directory, from), 0, target.path);
  return outcome;
}

int unlink_file(int directory, const char* name, int flags) {
  const auto unlink_now = [&] {
    return static_cast<int>(::syscall(SYS_unlinkat, directory, name, flags));
  };
  if (page == nullptr) return unlink_now();
  const Place place = place_at(directory, name);
  Call call(Kind::unlink, place);
  if (call.is_ours() && call.fails()) return -1;
  if (call.is_ours()) forgive(place);
  const int outcome = unlink_now();
  if (!call.is_ours() || outcome != 0) return outcome;
  touch_parent(place);
  if (call.is_recorded()) log(Op::unlink, place, 0);
  return outcome;
}

int make_directory(int directory, const char* name, mode_t mode) {
  const auto make_now = [&] {
    return static_cast<int>(::syscall(SYS_mkdirat, directory, name, mode));
  };
  if (page == nullptr) return make_now();
  const Place place = place_at(directory, name);
  Call call(Kind::mkdir, place);
  if (call.is_ours() && call.fails()) return -1;
  const int outcome = make_now();
  if (!call.is_ours() || outcome != 0) return outcome;
  touch_parent(place);
  if (call.is_recorded()) log(Op::mkdir, place, 0);
  return outcome;
}

mode_t mode_of(int flags, std::va_list& arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

using OpenStream = FILE* (*)(const char*, const char*);
using CloseStream = int (*)(FILE*);

/// A stream opens and closes inside the C library; what is written to it there is not seen (std::ofstream writes
/// through write and writev, which is).
FILE* open_stream(const char* path, const char* mode, const char* symbol) {
  const auto open_now = reinterpret_cast<OpenStream>(::dlsym(RTLD_NEXT, symbol));
  if (page == nullptr) return open_now(path, mode);
  const Place place = place_at(AT_FDCWD, path);
  Call call(Kind::open, place);
  if (!call.is_ours()) return open_now(path, mode);
  if (call.fails()) return nullptr;
  const bool is_new = !exists(place);
  FILE* const stream = open_now(path, mode);
  if (stream == nullptr) return nullptr;
  keep(::fileno(stream), place);
  if (is_new) touch_parent(place);
  if (call.is_recorded() && (is_new || mode[0] == 'w'))
    log(is_new ? Op::create : Op::truncate, place_of(::fileno(stream), place.path), 0);
  return stream;
}

}  // namespace

// ---- what the program calls -----------------------------------------------------------------------

extern "C" {
#define SHIM __attribute__((visibility("default")))

#define OPEN_AT(name)                                              \
  SHIM int name(int directory, const char* path, int flags, ...) { \
    std::va_list arguments;                                        \
    va_start(arguments, flags);                                    \
    const mode_t mode = mode_of(flags, arguments);                 \
    va_end(arguments);                                             \
    return open_file(directory, path, flags, mode);                \
  }
#define OPEN(name)                                  \
  SHIM int name(const char* path, int flags, ...) { \
    std::va_list arguments;                         \
    va_start(arguments, flags);                     \
    const mode_t mode = mode_of(flags, arguments);  \
    va_end(arguments);                              \
    return open_file(AT_FDCWD, path, flags, mode);  \
  }
OPEN(open)
OPEN(open64)
OPEN_AT(openat)
OPEN_AT(openat64)
SHIM int __open_2(const char* path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
SHIM int __open64_2(const char* path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
SHIM int creat(const char* path, mode_t mode) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
SHIM FILE* fopen(const char* path, const char* mode) { return open_stream(path, mode, "fopen"); }
SHIM FILE* fopen64(const char* path, const char* mode) {
  return open_stream(path, mode, "fopen64");
}
SHIM int fclose(FILE* stream) {
  const auto close_now = reinterpret_cast<CloseStream>(::dlsym(RTLD_NEXT, "fclose"));
  if (page == nullptr) return close_now(stream);
  const int fd = ::fileno(stream);
  const Place place = place_of(fd);
  Call call(Kind::close, place);
  forget(fd);
  const int outcome = close_now(stream);
  return call.is_ours() && call.fails() ? EOF : outcome;
}
SHIM int close(int fd) { return close_file(fd); }

SHIM ssize_t write(int fd, const void* data, size_t size) {
  const iovec part{const_cast<void*>(data), size};
  return write_parts(fd, &part, 1, -1);
}
SHIM ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  const iovec part{const_cast<void*>(data), size};
  return write_parts(fd, &part, 1, offset);
}
SHIM ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return pwrite(fd, data, size, offset);
}
SHIM ssize_t writev(int fd, const iovec* parts, int n) { return write_parts(fd, parts, n, -1); }
SHIM ssize_t pwritev(int fd, const iovec* parts, int n, off_t offset) {
  return write_parts(fd, parts, n, offset);
}
SHIM ssize_t pwritev64(int fd, const iovec* parts, int n, off64_t offset) {
  return write_parts(fd, parts, n, offset);
}
SHIM int fsync(int fd) { return sync_file(fd, SYS_fsync); }
SHIM int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
SHIM int ftruncate(int fd, off_t size) noexcept { return truncate_file(fd, size); }
SHIM int ftruncate64(int fd, off64_t size) noexcept { return truncate_file(fd, size); }
SHIM int fallocate(int fd, int mode, off_t at, off_t n) { return allocate(fd, mode, at, n); }
SHIM int fallocate64(int fd, int mode, off64_t at, off64_t n) { return allocate(fd, mode, at, n); }
SHIM int posix_fallocate(int fd, off_t at, off_t n) {
  return allocate(fd, 0, at, n) == 0 ? 0 : errno;
}
SHIM int posix_fallocate64(int fd, off64_t at, off64_t n) {
  return allocate(fd, 0, at, n) == 0 ? 0 : errno;
}
/// No copy-on-write copies: their bytes pass nobody here, and could be neither lost nor written down.
SHIM int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const auto argument = va_arg(arguments, unsigned long);
  va_end(arguments);
  if (page != nullptr && request == FICLONE) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}
SHIM int msync(void* data, size_t size, int flags) {
  Place place;  // Which file is mapped there is not known: the call counts as one of ours.
  place.is_ours = page != nullptr;
  Call call(Kind::msync, place);
  if (call.is_ours() && call.fails()) return -1;
  return static_cast<int>(::syscall(SYS_msync, data, size, flags));
}
SHIM ssize_t
copy_file_range(int in, off64_t* in_at, int out, off64_t* out_at, size_t size, unsigned flags) {
  if (page == nullptr || !place_of(out).is_ours)
    return ::syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
  return copy_range(in, in_at, out, out_at, size);
}
SHIM ssize_t sendfile(int out, int in, off_t* in_at, size_t size) noexcept {
  if (page == nullptr || !place_of(out).is_ours)
    return ::syscall(SYS_sendfile, out, in, in_at, size);
  return copy_range(in, in_at, out, nullptr, size);
}
SHIM ssize_t sendfile64(int out, int in, off64_t* in_at, size_t size) noexcept {
  return sendfile(out, in, in_at, size);
}

SHIM int rename(const char* from, const char* to) noexcept {
  return rename_file(AT_FDCWD, from, AT_FDCWD, to, 0);
}
SHIM int renameat(int a, const char* from, int b, const char* to) noexcept {
  return rename_file(a, from, b, to, 0);
}
SHIM int renameat2(int a, const char* from, int b, const char* to, unsigned flags) noexcept {
  return rename_file(a, from, b, to, flags);
}
SHIM int link(const char* from, const char* to) noexcept {
  return link_file(AT_FDCWD, from, AT_FDCWD, to, 0);
}
SHIM int linkat(int a, const char* from, int b, const char* to, int flags) noexcept {
  return link_file(a, from, b, to, flags);
}
SHIM int unlink(const char* path) noexcept { return unlink_file(AT_FDCWD, path, 0); }
SHIM int unlinkat(int directory, const char* path, int flags) noexcept {
  return unlink_file(directory, path, flags);
}
SHIM int rmdir(const char* path) noexcept { return unlink_file(AT_FDCWD, path, AT_REMOVEDIR); }
SHIM int remove(const char* path) noexcept {
  struct stat status {};
  const bool is_directory = ::lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
  return unlink_file(AT_FDCWD, path, is_directory ? AT_REMOVEDIR : 0);
}
SHIM int mkdir(const char* path, mode_t mode) noexcept {
  return make_directory(AT_FDCWD, path, mode);
}
SHIM int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return make_directory(directory, path, mode);
}
}
