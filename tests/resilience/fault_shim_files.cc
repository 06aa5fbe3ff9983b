#include "fault_shim_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fault_shim {

Page* page = nullptr;

namespace {

constexpr std::size_t kFdMax = 4096;

char root[kPathMax] = "";
std::size_t root_chars = 0;
char* log_data = nullptr;

/// What is known of a descriptor: a digest of device and inode, and in the lowest bit whether it is ours.
std::atomic<std::uint64_t> known[kFdMax];

void* map_file(const char* name, std::size_t bytes) {
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC, 0));
  if (fd < 0) return nullptr;
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::syscall(SYS_close, fd);
  return data == MAP_FAILED ? nullptr : data;
}

__attribute__((constructor)) void begin() {
  const char* const page_file = std::getenv("FAULT_SHIM_PAGE");
  const char* const root_folder = std::getenv("FAULT_SHIM_ROOT");
  const char* const log_file = std::getenv("FAULT_SHIM_LOG");
  if (page_file == nullptr || root_folder == nullptr) return;
  root_chars = static_cast<std::size_t>(std::snprintf(root, sizeof root, "%s", root_folder));
  auto* const found = static_cast<Page*>(map_file(page_file, sizeof(Page)));
  if (found == nullptr || found->magic != kMagic || root_chars >= sizeof root) {
    std::fprintf(stderr, "fault_shim: %s is no page of ours\n", page_file);
    ::_exit(98);
  }
  if (found->log_capacity != 0) {
    log_data = static_cast<char*>(map_file(log_file, found->log_capacity));
    if (log_data == nullptr) ::_exit(98);
    if (found->is_ready == 0) {  // The first process: it has no children yet.
      pthread_mutexattr_t attributes;
      ::pthread_mutexattr_init(&attributes);
      ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
      ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
      ::pthread_mutex_init(&found->mutex, &attributes);
      found->is_ready = 1;
    }
  }
  if (found->first_pid == 0) found->first_pid = static_cast<std::uint64_t>(::getpid());
  page = found;
}

/// Below the root, but for what nobody relies on: the log for people.
bool is_below_root(const char* path) {
  if (std::strncmp(path, root, root_chars) != 0) return false;
  if (path[root_chars] != '/' && path[root_chars] != '\0') return false;
  return std::strstr(path + root_chars, "/logs/") == nullptr;
}

bool path_of(int fd, char (&path)[kPathMax]) {
  char name[64];
  std::snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const auto n = ::syscall(SYS_readlinkat, AT_FDCWD, name, path, kPathMax - 1);
  path[n < 0 ? 0 : n] = '\0';
  return n > 0;
}

std::uint64_t digest(std::uint64_t device, std::uint64_t inode) {
  return ((inode * 0x9E3779B97F4A7C15U) ^ (device * 0xC2B2AE3D27D4EB4FU) ^ 1U) << 1U;
}

void fill(Place& place, const struct stat& status) {
  place.device = status.st_dev;
  place.inode = status.st_ino;
  place.mode = status.st_mode;
}

FailedFile* find(std::uint64_t device, std::uint64_t inode) {
  for (FailedFile& file : page->failed) {
    if (file.rule != 0 && file.device == device && file.inode == inode) return &file;
  }
  return nullptr;
}

}  // namespace

bool Place::is_database() const {
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr && std::strncmp(slash, "/baleen.db", 10) == 0;
}

// ---- whose file -----------------------------------------------------------------------------------

Place place_of(int fd, const char* path) {
  Place place;
  const int saved = errno;
  struct stat status {};
  if (page == nullptr || fd < 0 || ::fstat(fd, &status) != 0) {
    errno = saved;
    return place;
  }
  fill(place, status);
  const std::uint64_t key = digest(place.device, place.inode);
  const std::uint64_t seen =
      static_cast<std::size_t>(fd) < kFdMax ? known[static_cast<std::size_t>(fd)].load() : 0;
  if ((seen | 1U) == (key | 1U) && (seen & 1U) == 0) return place;  // Not ours.
  if (path != nullptr) {
    std::snprintf(place.path, kPathMax, "%s", path);
  } else {
    path_of(fd, place.path);
  }
  place.is_ours = is_below_root(place.path);
  if (!place.is_ours && seen == (key | 1U)) {  // /proc cannot be read here, but it was ours.
    place.is_ours = true;
    std::memcpy(place.path, root, sizeof root);
  }
  keep(fd, place);
  errno = saved;
  return place;
}

void keep(int fd, const Place& place) {
  if (fd < 0 || static_cast<std::size_t>(fd) >= kFdMax) return;
  std::uint64_t device = place.device, inode = place.inode;
  struct stat status {};
  if (inode == 0 && ::fstat(fd, &status) == 0) {
    device = status.st_dev;
    inode = status.st_ino;
  }
  known[static_cast<std::size_t>(fd)].store(digest(device, inode) | (place.is_ours ? 1U : 0U));
}

void forget(int fd) {
  if (fd >= 0 && static_cast<std::size_t>(fd) < kFdMax)
    known[static_cast<std::size_t>(fd)].store(0);
}

Place place_at(int directory, const char* name) {
  Place place;
  if (page == nullptr || name == nullptr) return place;
  const int saved = errno;
  char folder[kPathMax] = "";
  if (name[0] != '/') {
    const bool is_known =
        directory == AT_FDCWD ? ::getcwd(folder, kPathMax) != nullptr : path_of(directory, folder);
    if (!is_known) folder[0] = '\0';
  }
  char path[2 * kPathMax];
  std::snprintf(path, sizeof path, name[0] == '/' ? "%s%.255s" : "%s/%.255s", folder, name);
  std::size_t n = std::strlen(path);
  while (n > 1 && path[n - 1] == '/') path[--n] = '\0';
  std::snprintf(place.path, kPathMax, "%.255s", path);
  place.is_ours = is_below_root(place.path);
  errno = saved;
  return place;
}

bool exists(const Place& place) {
  const int saved = errno;
  struct stat status {};
  const bool is_there = ::lstat(place.path, &status) == 0;
  errno = saved;
  return is_there;
}

// ---- after a failed fsync -------------------------------------------------------------------------

namespace {

// What FailedFile::rule may be.
constexpr std::uint64_t kNever = 1, kAfterChange = 2, kChanged = 3;

void note(const Place& place, std::uint64_t rule) {
  for (FailedFile& file : page->failed) {
    if (file.rule != 0) continue;
    file = {place.device, place.inode, rule, 0};
    return;
  }
}

}  // namespace

void remember_failed(const Place& place) {
  FailedFile* const file = find(place.device, place.inode);
  if (place.is_directory()) {  // With nothing changed in it there is nothing to lose.
    if (file != nullptr) *file = {place.device, place.inode, kAfterChange, 0};
    return;
  }
  const bool is_log = place.is_database() && std::strstr(place.path, ".db-") != nullptr;
  if (file == nullptr && !is_log) note(place, place.is_database() ? kAfterChange : kNever);
}

void judge_sync(const Place& place) {
  const FailedFile* const file = find(place.device, place.inode);
  if (file == nullptr || file->rule == kChanged ||
      (file->rule == kAfterChange && file->touched != 0))
    return;
  page->violations.fetch_add(1);
  std::snprintf(page->violation_path, kPathMax, "%s", place.path);
}

void remember_synced(const Place& place) {
  FailedFile* const file = find(place.device, place.inode);
  if (file != nullptr && file->rule != kNever) file->rule = 0;
}

void touch(const Place& place) {
  if (FailedFile* const file = find(place.device, place.inode)) file->touched = 1;
}

void touch_parent(const Place& place) {
  const int saved = errno;
  Place parent = place;
  if (char* const slash = std::strrchr(parent.path, '/')) *slash = '\0';
  struct stat status {};
  if (::stat(parent.path, &status) == 0) {
    fill(parent, status);
    if (find(parent.device, parent.inode) == nullptr) note(parent, kChanged);
    touch(parent);
  }
  errno = saved;
}

void forgive(const Place& place) {
  const int saved = errno;
  struct stat status {};
  if (::lstat(place.path, &status) == 0 && (status.st_nlink <= 1 || S_ISDIR(status.st_mode))) {
    if (FailedFile* const file = find(status.st_dev, status.st_ino)) file->rule = 0;
  }
  errno = saved;
}

// ---- the log --------------------------------------------------------------------------------------

void lock_log() {
  if (::pthread_mutex_lock(&page->mutex) == EOWNERDEAD) ::pthread_mutex_consistent(&page->mutex);
}

void unlock_log() { ::pthread_mutex_unlock(&page->mutex); }

namespace {

void append(Op op,
            const Place& place,
            std::int64_t offset,
            const char* other,
            const iovec* parts,
            std::size_t size) {
  Record record{};
  const std::size_t path_bytes = std::strlen(place.path), other_bytes = std::strlen(other);
  const std::size_t bytes = (sizeof record + path_bytes + other_bytes + size + 7) / 8 * 8;
  const std::uint64_t at = page->log_bytes.load();
  if (at + bytes > page->log_capacity) {
    page->log_overflow.store(1);
    return;
  }
  record.bytes = static_cast<std::uint32_t>(bytes);
  record.op = static_cast<std::uint16_t>(op);
  record.path_bytes = static_cast<std::uint16_t>(path_bytes);
  record.other_bytes = static_cast<std::uint16_t>(other_bytes);
  record.pid_low = static_cast<std::uint16_t>(::getpid());
  record.data_bytes = static_cast<std::uint32_t>(size);
  record.inode = place.inode;
  record.offset = offset;
  char* to = log_data + at;
  const auto put = [&](const void* data, std::size_t n) {
    std::memcpy(to, data, n);
    to += n;
  };
  put(&record, sizeof record);
  put(place.path, path_bytes);
  put(other, other_bytes);
  for (; size > 0; ++parts) {
    const std::size_t n = std::min(size, parts->iov_len);
    put(parts->iov_base, n);
    size -= n;
  }
  page->log_bytes.store(at + bytes);
}

}  // namespace

void log(Op op, const Place& place, std::int64_t offset, const char* other) {
  append(op, place, offset, other, nullptr, 0);
}

void log_write(const Place& place, std::int64_t offset, const iovec* parts, std::size_t size) {
  append(Op::write, place, offset, "", parts, size);
}

}  // namespace fault_shim
