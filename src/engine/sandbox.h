#pragma once

/// What a stage may touch: its own files, and nothing else of this machine.
///
/// Recordings come from anywhere, and decoders have bugs. So the code that reads them runs in a process
/// that can open the inputs of its task for reading and its work directory for writing (Landlock), that
/// can call only what a computation needs — no sockets, no new processes or programs, and
/// threads only where the stage says in code that it computes in several (seccomp) — and whose memory, open files and file sizes are bounded (rlimits). What the kernel cannot do is found out
/// first: unless told otherwise, nothing starts without the whole sandbox.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "engine/system_calls.h"

namespace baleen::engine {

enum class SandboxMode {
  required,     ///< Refuse to start where the kernel lacks a part of it.
  best_effort,  ///< Use what there is.
  off,          ///< For debuggers.
};
/// "required", "best-effort" or "off"; CONFIG_INVALID for anything else.
[[nodiscard]] Result<SandboxMode> parse_sandbox_mode(std::string_view word);

/// What this kernel offers.
struct SandboxSupport {
  int landlock_abi =
      0;  ///< 0: none. 1 (Linux 5.13) is enough; later ones also know truncation and signals.
  bool has_seccomp = false;

  [[nodiscard]] bool is_complete() const { return landlock_abi >= 1 && has_seccomp; }
  /// "Landlock 7, seccomp", or what is missing: "no Landlock, seccomp".
  [[nodiscard]] std::string to_string() const;
};
[[nodiscard]] SandboxSupport sandbox_support();
/// SANDBOX_UNAVAILABLE if `mode` asks for more than the kernel has.
[[nodiscard]] Result<void> check_sandbox(SandboxMode mode, const SandboxSupport& support);

/// The files that a sandboxed process may open. What is to be read and does not exist is left out.
struct FileView {
  std::vector<std::filesystem::path> readable;  ///< Files, or folders with all below them.
  std::vector<std::filesystem::path>
      writable_directories;  ///< Files in them: made, written, renamed, removed.
};

/// Confines this process, for good and with all that it may start: no network, no other programs, and
/// writing only below `view`. For the executor, which loads models and starts cells but reads nothing else.
[[nodiscard]] Result<void> enter_executor_sandbox(SandboxMode mode, const FileView& view);

/// The system calls of a cell, compiled once; entering costs two calls.
class CellSandbox {
 public:
  [[nodiscard]] static Result<CellSandbox> create(SandboxMode mode,
                                                  CellThreads threads = CellThreads::one);
  /// Confines this process, for good, to `view` and to the calls of a computation. A call that no
  /// computation makes (socket, execve, ptrace, …) ends the process; its number goes to `violation`,
  /// which the parent shares. Others fail with ENOSYS.
  [[nodiscard]] Result<void> enter(const FileView& view, volatile int* violation) const;
  [[nodiscard]] CellThreads threads() const { return threads_; }

 private:
  SandboxMode mode_ = SandboxMode::required;
  CellThreads threads_ = CellThreads::one;
  SandboxSupport support_;
  SystemCallFilter filter_;
};

}  // namespace baleen::engine
