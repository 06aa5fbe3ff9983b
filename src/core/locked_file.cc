#include "core/locked_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace baleen::core {
namespace {

constexpr int kOpenTries = 10;

bool is_same_file(const Fd& file, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

bool has_other_name(const Fd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && status.st_nlink > 1;
}

}  // namespace

Result<Fd> open_locked(const std::filesystem::path& path) {
  BALEEN_RETURN_IF_ERROR(make_directories(path.parent_path()));
  for (int i = 0; i < kOpenTries; ++i) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644));
    if (!file.is_open()) return errno_error(errno, "open " + path.string());
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return errno_error(errno, "lock " + path.string());
      return fail(ErrorCode::conflict, "{} is being written by another process", path.string());
    }
    // The holder may have renamed or removed it between our open and our lock.
    if (!is_same_file(file, path)) continue;
    if (!has_other_name(file)) return file;
    // It was published, and a power cut took only the removal of this name back: it is an artifact now.
    BALEEN_RETURN_IF_ERROR(remove_file(path));
  }
  return fail(ErrorCode::conflict, "{} keeps being replaced by another process", path.string());
}

}  // namespace baleen::core
