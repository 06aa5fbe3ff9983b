#include "engine/sandbox.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "engine/landlock.h"

namespace baleen::engine {
namespace {

// What the handler of a forbidden call leaves behind; the process does not outlive it.
volatile int* violation_place = nullptr;

void on_forbidden_call(int /*signal*/, siginfo_t* info, void* /*context*/) {
  if (violation_place != nullptr) *violation_place = info->si_syscall;
  ::_exit(128 + SIGSYS);
}

Result<void> report_forbidden_calls(volatile int* violation) {
  violation_place = violation;
  struct sigaction action {};
  action.sa_sigaction = on_forbidden_call;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return core::errno_error(errno, "sigaction");
  return {};
}

Result<void> give_up_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return core::errno_error(errno, "prctl(PR_SET_NO_NEW_PRIVS)");
  return {};
}

}  // namespace

Result<SandboxMode> parse_sandbox_mode(std::string_view word) {
  if (word == "required") return SandboxMode::required;
  if (word == "best-effort") return SandboxMode::best_effort;
  if (word == "off") return SandboxMode::off;
  return fail(ErrorCode::config_invalid,
              "worker.sandbox is '{}'; allowed: required, best-effort, off", word);
}

std::string SandboxSupport::to_string() const {
  return fmt::format("{}, {}",
                     landlock_abi > 0 ? fmt::format("Landlock {}", landlock_abi) : "no Landlock",
                     has_seccomp ? "seccomp" : "no seccomp");
}

SandboxSupport sandbox_support() { return {landlock_abi(), has_system_call_filters()}; }

Result<void> check_sandbox(SandboxMode mode, const SandboxSupport& support) {
  if (mode != SandboxMode::required || support.is_complete()) return {};
  return fail(ErrorCode::sandbox_unavailable, "this kernel has {}; both parts are needed",
              support.to_string());
}

Result<void> enter_executor_sandbox(SandboxMode mode, const FileView& view) {
  if (mode == SandboxMode::off) return {};
  const SandboxSupport support = sandbox_support();
  BALEEN_RETURN_IF_ERROR(check_sandbox(mode, support));
  BALEEN_RETURN_IF_ERROR(give_up_privileges());
  if (support.landlock_abi > 0) {
    BALEEN_RETURN_IF_ERROR(restrict_files({view.readable, view.writable_directories, false}));
  }
  if (!support.has_seccomp) return {};
  BALEEN_ASSIGN_OR_RETURN(const SystemCallFilter filter, calls_without_network());
  return enter_filter(filter);
}

Result<CellSandbox> CellSandbox::create(SandboxMode mode, CellThreads threads) {
  CellSandbox sandbox;
  sandbox.mode_ = mode;
  sandbox.threads_ = threads;
  if (mode == SandboxMode::off) return sandbox;
  sandbox.support_ = sandbox_support();
  BALEEN_RETURN_IF_ERROR(check_sandbox(mode, sandbox.support_));
  if (sandbox.support_.has_seccomp) {
    BALEEN_ASSIGN_OR_RETURN(sandbox.filter_, computing_calls(threads));
  }
  return sandbox;
}

Result<void> CellSandbox::enter(const FileView& view, volatile int* violation) const {
  if (mode_ == SandboxMode::off) return {};
  BALEEN_RETURN_IF_ERROR(give_up_privileges());
  if (support_.landlock_abi > 0) {
    BALEEN_RETURN_IF_ERROR(restrict_files({view.readable, view.writable_directories, true}));
  }
  if (filter_.empty()) return {};
  BALEEN_RETURN_IF_ERROR(report_forbidden_calls(violation));
  BALEEN_RETURN_IF_ERROR(keep_signals_to_self());
  return enter_filter(filter_);
}

}  // namespace baleen::engine
