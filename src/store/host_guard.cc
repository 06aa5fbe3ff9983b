#include "store/host_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "core/clock.h"
#include "core/json.h"
#include "core/sha256.h"

namespace baleen::store {
namespace {

constexpr const char* kFileName = "host";
constexpr std::size_t kFileBytes = 512;  // Always written whole, so that it never needs new room.
constexpr off_t kGate = 0;
constexpr off_t kPresence = 1;
constexpr off_t kFirstProcess = 1024;
constexpr int kGateWaitsMax = 30'000;  // Of a millisecond; who is in the gate needs microseconds.

struct flock lock_of(short type, off_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

/// 0, or the errno; EAGAIN if another one is in the way.
int try_lock(const core::Fd& file, short type, off_t byte) {
  struct flock lock = lock_of(type, byte);
  while (::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EINTR) return errno == EACCES ? EAGAIN : errno;
  }
  return 0;
}

/// Whether anybody else holds a lock there, of any type; nothing if that cannot be told.
std::optional<bool> is_locked(const core::Fd& file, off_t byte) {
  struct flock lock = lock_of(F_WRLCK, byte);
  if (::fcntl(file.get(), F_OFD_GETLK, &lock) != 0) return std::nullopt;
  return lock.l_type != F_UNLCK;
}

off_t byte_of(const core::ProcessIdentity& process) {
  const std::string digest = core::sha256_hex(fmt::format(
      "{}/{}/{}/{}", process.boot_id, process.pid_namespace, process.pid, process.start_ticks));
  return kFirstProcess + static_cast<off_t>(std::stoull(digest.substr(0, 15), nullptr, 16));
}

struct Named {
  Host host;
  std::string since;
};

/// What the file says; empty members where it says nothing that can be read.
Named read_name(const core::Fd& file) {
  std::array<char, kFileBytes> bytes{};
  const ssize_t n = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const Result<json::value> value = core::parse_json(text, kFileName);
  if (!value.ok() || !value->is_object()) return {};
  const json::object& object = value->get_object();
  return {{core::get_string(object, "boot_id"), core::get_string(object, "machine_id"),
           core::get_string(object, "host")},
          core::get_string(object, "since")};
}

Result<void> write_name(const core::Fd& file, const Host& host) {
  std::string text =
      core::to_json(json::object{{"boot_id", host.boot_id},
                                 {"machine_id", host.machine_id},
                                 {"host", host.name.substr(0, 64)},
                                 {"since", core::rfc3339(core::system_clock().now_us())}});
  text.resize(std::max(text.size(), kFileBytes - 1), ' ');
  text += '\n';
  // No fsync: after a power cut nobody of this boot is there.
  return core::write_all_at(file, std::as_bytes(std::span(text)), 0);
}

bool is_ours(const Named& named, const Host& host) {
  if (host.boot_id.empty()) return named.host.machine_id == host.machine_id;
  return named.host.boot_id == host.boot_id;
}

Error in_use(const std::filesystem::path& directory, const Named& other, const Host& here) {
  return fail(ErrorCode::store_in_use_by_other_host,
              "'{}' is open on the host '{}' (machine {}, boot {}, since {}); this is '{}' "
              "(machine {}, boot {}), and SQLite's write-ahead log needs all its processes on one "
              "kernel",
              directory.string(), other.host.name, other.host.machine_id, other.host.boot_id,
              other.since, here.name, here.machine_id, here.boot_id);
}

/// Shares the presence if the name is ours, now and with the lock held.
int share_if_ours(const core::Fd& file, const Host& host, bool& is_shared) {
  is_shared = false;
  if (!is_ours(read_name(file), host)) return 0;
  if (const int error = try_lock(file, F_RDLCK, kPresence); error != 0)
    return error == EAGAIN ? 0 : error;  // Somebody is changing the name.
  is_shared = is_ours(read_name(file), host);
  return is_shared ? 0 : try_lock(file, F_UNLCK, kPresence);
}

/// The name is not ours, or was not a moment ago; in the gate nobody else changes it.
Result<int> take_over_or_join(const core::Fd& file,
                              const std::filesystem::path& directory,
                              const Host& host) {
  int error = EAGAIN;
  for (int waits = 0; waits < kGateWaitsMax; ++waits) {
    error = try_lock(file, F_WRLCK, kGate);
    if (error != EAGAIN) break;
    ::usleep(1000);
  }
  if (error == EAGAIN) return in_use(directory, read_name(file), host);
  if (error != 0) return error;
  const auto in_the_gate = [&]() -> Result<int> {
    const int taken = try_lock(file, F_WRLCK, kPresence);
    if (taken == EAGAIN) {
      const Named named = read_name(file);
      if (!is_ours(named, host)) return in_use(directory, named, host);
    } else if (taken != 0) {
      return taken;
    } else {
      BALEEN_RETURN_IF_ERROR(write_name(file, host));
    }
    return try_lock(file, F_RDLCK, kPresence);
  };
  Result<int> outcome = in_the_gate();
  (void)try_lock(file, F_UNLCK, kGate);
  return outcome;
}

}  // namespace

Host this_host() {
  const core::ProcessIdentity& process = core::this_process();
  return {process.boot_id, process.machine_id, core::host_name()};
}

Result<HostGuard> HostGuard::acquire(const std::filesystem::path& directory,
                                     const Host& host,
                                     const core::ProcessIdentity& process) {
  const std::filesystem::path path = directory / kFileName;
  core::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) {
    const int error = errno;
    if (error != EROFS && error != EACCES && error != EPERM)
      return core::errno_error(error, "open " + path.string());
    file = core::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return HostGuard(core::Fd());
    const Named named = read_name(file);
    if (!is_ours(named, host) && is_locked(file, kPresence).value_or(false))
      return in_use(directory, named, host);
    if (try_lock(file, F_RDLCK, kPresence) != 0) file.reset();
    return HostGuard(std::move(file));
  }
  bool is_shared = false;
  int error = share_if_ours(file, host, is_shared);
  if (error == 0 && !is_shared) {
    BALEEN_ASSIGN_OR_RETURN(error, take_over_or_join(file, directory, host));
  }
  if (error == 0) error = try_lock(file, F_RDLCK, byte_of(process));
  if (error != 0) file.reset();  // No locks on this file system.
  return HostGuard(std::move(file));
}

core::Liveness liveness(const DataRoot& root, const core::ProcessIdentity& process) {
  const core::Liveness by_pid = core::liveness(process);
  const bool may_have_lock = by_pid == core::Liveness::unknown && process.pid_namespace != 0 &&
                             process.boot_id == core::this_process().boot_id;
  if (!may_have_lock) return by_pid;
  const core::Fd file(::open((root.path / kFileName).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return by_pid;
  const std::optional<bool> has_lock = is_locked(file, byte_of(process));
  if (!has_lock) return by_pid;
  return *has_lock ? core::Liveness::alive : core::Liveness::dead;
}

}  // namespace baleen::store
