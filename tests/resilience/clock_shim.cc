// For tests, by LD_PRELOAD: a wall clock that can be set from outside while a program runs, and another host's names.
//
//   BALEEN_TEST_CLOCK   a file of 8 bytes: an int64 of microseconds (this machine's byte order) that is added to the
//                       wall clock of every process that has it mapped; it may change at any time
//   BALEEN_TEST_HOST    a folder; /proc/sys/kernel/random/boot_id and /etc/machine-id are read there where it has files
//                       `boot_id` and `machine-id`, and its own name is that of the host
//
// Clocks that nobody sets (monotonic, boot time, CPU) are left alone: that is what a set clock is.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::int64_t offset_us() {
  // Mapped at the first question; a file that is not there is a clock that is right.
  static const std::atomic<std::int64_t>* const offset = [] {
    const char* path = std::getenv("BALEEN_TEST_CLOCK");
    if (path == nullptr) return static_cast<const std::atomic<std::int64_t>*>(nullptr);
    const int file = next<int(const char*, int, ...)>("open")(path, O_RDONLY | O_CLOEXEC);
    void* page = file < 0 ? MAP_FAILED : ::mmap(nullptr, 8, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) ::close(file);
    return page == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(page);
  }();
  return offset == nullptr ? 0 : offset->load(std::memory_order_relaxed);
}

void add(timespec& time, std::int64_t us) {
  std::int64_t nanoseconds = time.tv_nsec + (us % 1'000'000) * 1000;
  std::int64_t seconds = time.tv_sec + us / 1'000'000;
  if (nanoseconds < 0) nanoseconds += 1'000'000'000, --seconds;
  if (nanoseconds >= 1'000'000'000) nanoseconds -= 1'000'000'000, ++seconds;
  time.tv_sec = seconds;
  time.tv_nsec = nanoseconds;
}

/// The file to open in place of this one.
const char* redirected(const char* path, char (&buffer)[512]) {
  const char* folder = std::getenv("BALEEN_TEST_HOST");
  if (folder == nullptr || path == nullptr) return path;
  const char* name = std::strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 ? "boot_id"
                     : std::strcmp(path, "/etc/machine-id") == 0               ? "machine-id"
                                                                               : nullptr;
  if (name == nullptr) return path;
  std::snprintf(buffer, sizeof buffer, "%s/%s", folder, name);
  return ::access(buffer, R_OK) == 0 ? buffer : path;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
  const int status = real(clock, time);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    add(*time, offset_us());
  return status;
}

int gettimeofday(timeval* __restrict time, void* __restrict /*zone*/) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* result) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}

int open(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open");
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  char buffer[512];
  return real(redirected(path, buffer), flags, mode);
}

int open64(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open64");
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  char buffer[512];
  return real(redirected(path, buffer), flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
  static auto* const real = next<FILE*(const char*, const char*)>("fopen");
  char buffer[512];
  return real(redirected(path, buffer), mode);
}

FILE* fopen64(const char* path, const char* mode) {
  static auto* const real = next<FILE*(const char*, const char*)>("fopen64");
  char buffer[512];
  return real(redirected(path, buffer), mode);
}

int gethostname(char* name, std::size_t size) noexcept {
  static auto* const real = next<int(char*, std::size_t)>("gethostname");
  const char* folder = std::getenv("BALEEN_TEST_HOST");
  if (folder == nullptr) return real(name, size);
  const char* last = std::strrchr(folder, '/');
  std::snprintf(name, size, "%s", last == nullptr ? folder : last + 1);
  return 0;
}

}  // extern "C"
