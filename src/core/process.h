#pragma once

/// This process, its environment and its host.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baleen::core {

/// The value of BALEEN_<name>, else of SSIS_<name> (the runbook's older names), else "".
[[nodiscard]] std::string environment(std::string_view name);

/// A process, so named that a number used again is not mistaken for it: boot id, pid namespace, pid, start time.
struct ProcessIdentity {
  std::string machine_id;
  std::string boot_id;
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;    ///< Field 22 of /proc/PID/stat: clock ticks since boot.
  std::uint64_t pid_namespace = 0;  ///< Where the pid counts (a container); 0: not known.

  /// "machine/boot/pid/start/namespace": what a lease stores as its owner. Older versions wrote no namespace.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static std::optional<ProcessIdentity> parse(std::string_view text);
};

[[nodiscard]] const ProcessIdentity& this_process();

enum class Liveness { alive, dead, unknown };
/// `unknown` for a process of another machine or pid namespace; `dead` also after a reboot of this one.
/// (store::liveness knows more of those that have the store open.)
[[nodiscard]] Liveness liveness(const ProcessIdentity& process);

/// The largest resident set of this process so far, in bytes.
[[nodiscard]] std::int64_t peak_rss_bytes();
/// The resident set of a process now, in bytes; 0 if it is gone.
[[nodiscard]] std::int64_t rss_bytes(int pid);
/// "kelp", the name of this machine.
[[nodiscard]] std::string host_name();
/// "anna", who runs this process; its number where it has no name.
[[nodiscard]] std::string user_name();
/// Gives freed memory back to the system, which malloc keeps otherwise; for after something large.
void trim_heap();

/// "0.1.0"
[[nodiscard]] std::string_view version();

}  // namespace baleen::core
