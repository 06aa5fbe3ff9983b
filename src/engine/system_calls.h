#pragma once

/// Which system calls a process may make: seccomp filters, compiled by libseccomp.

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace baleen::engine {

/// A BPF program as the kernel takes it: one sock_filter in each.
using SystemCallFilter = std::vector<std::uint64_t>;

/// How many threads a computation may have.
enum class CellThreads {
  one,   ///< The one that it begins with.
  many,  ///< It may start more. No processes.
};

/// Whether this kernel takes filters.
[[nodiscard]] bool has_system_call_filters();

/// For a process that only computes: files and memory, no sockets, processes or programs. What nobody
/// calls by accident raises SIGSYS; the rest fails with ENOSYS, as on an older kernel. With `many` threads the call
/// clone passes if its flags are those of a thread, all of them and no other.
[[nodiscard]] Result<SystemCallFilter> computing_calls(CellThreads threads);
/// For one that may also start processes like itself: everything but the network, other programs, and
/// what changes the machine. That fails with EPERM.
[[nodiscard]] Result<SystemCallFilter> calls_without_network();

/// Holds this process to the filter, for good; needs PR_SET_NO_NEW_PRIVS.
[[nodiscard]] Result<void> enter_filter(const SystemCallFilter& filter);
/// From now on this process can send signals only to itself.
[[nodiscard]] Result<void> keep_signals_to_self();

/// "socket", or "number 41".
[[nodiscard]] std::string system_call_name(int number);

}  // namespace baleen::engine
