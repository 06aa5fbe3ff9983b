#pragma once

/// Keeps a store to the processes of one kernel.
///
/// SQLite's write-ahead log is shared memory: two kernels that open one database (over a network file system, or on
/// a disk given to two virtual machines) destroy it without a word. So the file `host` in the data root names the
/// kernel whose processes have the store open, and each of them holds locks on it, which end with it:
///
///   byte 0  gate      exclusive, for an instant: who looks at the name to change it
///   byte 1  presence  shared, by all who have the store open; who gets it exclusively has found nobody
///   byte n  process   shared; n is made from boot id, pid namespace, pid and start time (see liveness below)
///
/// Opening: the name is ours → share the presence, look again, done. Else, in the gate, take the presence
/// exclusively without waiting: got → the others are gone (or this machine has rebooted): write our name, share the
/// presence; refused → STORE_IN_USE_BY_OTHER_HOST, which names them.
///
/// On a read-only data root nothing can be written or locked exclusively; then it is only looked whether another
/// host is there. Where there are no locks at all, there is no guard (SQLite does not work there either).

#include <filesystem>
#include <string>

#include "core/file.h"
#include "core/process.h"
#include "store/paths.h"

namespace baleen::store {

/// One kernel, and how people know it.
struct Host {
  std::string boot_id, machine_id, name;
};
[[nodiscard]] Host this_host();

class HostGuard {
 public:
  /// For a process that opens the store in this directory; takes some 20 µs. Tests play other hosts and processes.
  [[nodiscard]] static Result<HostGuard> acquire(
      const std::filesystem::path& directory,
      const Host& host = this_host(),
      const core::ProcessIdentity& process = core::this_process());

  /// Whether another host cannot come in while this object lives.
  [[nodiscard]] bool is_held() const { return file_.is_open(); }

 private:
  explicit HostGuard(core::Fd file) : file_(std::move(file)) {}
  core::Fd file_;
};

/// As core::liveness; but a process of this kernel in another pid namespace (another container, or this one before it
/// was started again) is known by its lock, if it has the store open as workers have.
[[nodiscard]] core::Liveness liveness(const DataRoot& root, const core::ProcessIdentity& process);

}  // namespace baleen::store
