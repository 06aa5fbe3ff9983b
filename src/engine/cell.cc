#include "engine/cell.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <new>

#include "core/clock.h"
#include "core/failpoint.h"
#include "engine/protocol.h"

namespace baleen::engine {
namespace {

constexpr double kProgressIntervalS = 0.2;
constexpr rlim_t kOpenFilesMax = 64;
constexpr int kCannotStart = 126;
constexpr int kSocket = STDERR_FILENO + 1;

/// An int that parent and child both see.
class SharedInt {
 public:
  SharedInt()
      : place_(::mmap(
            nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  ~SharedInt() {
    if (is_there()) ::munmap(place_, sizeof(int));
  }
  SharedInt(const SharedInt&) = delete;
  SharedInt& operator=(const SharedInt&) = delete;
  [[nodiscard]] bool is_there() const { return place_ != MAP_FAILED; }
  [[nodiscard]] volatile int* get() const { return static_cast<volatile int*>(place_); }

 private:
  void* place_;
};

void limit(decltype(RLIMIT_NOFILE) resource, rlim_t value) {
  const rlimit both{value, value};
  ::setrlimit(resource, &both);
}

/// The door for exceptions of libraries: nothing thrown in a stage is more than a failed attempt.
Result<json::object> guarded(const CellWork& work, const ProgressFn& progress) {
  try {
    return work(progress);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::model_oom, "out of memory");
  } catch (const std::exception& exception) {
    return fail(ErrorCode::worker_error, "unexpected exception: {}", exception.what());
  }
}

/// Leaves open only the standard streams and the socket to the parent, not that from the parent to the supervisor.
core::Fd keep_only(const core::Fd& socket) {
  ::dup2(socket.get(), kSocket);
  ::close_range(kSocket + 1, ~0U, 0);
  return core::Fd(kSocket);
}

[[noreturn]] void live_in_cell(int parent_pid,
                               const core::Fd& inherited_socket,
                               const CellSandbox& sandbox,
                               const CellLimits& limits,
                               const FileView& view,
                               volatile int* violation,
                               const CellWork& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent_pid) ::_exit(kCannotStart);  // It died before this could be a signal.
  const core::Fd socket = keep_only(inherited_socket);
  limit(RLIMIT_NOFILE, kOpenFilesMax);
  // All threads share one heap: one for each would take 64 MB of the address space that this process is given.
  if (sandbox.threads() == CellThreads::many) ::mallopt(M_ARENA_MAX, 1);
  if (limits.file_bytes_max > 0) {
    std::signal(SIGXFSZ, SIG_IGN);  // A write beyond it fails with EFBIG.
    limit(RLIMIT_FSIZE, static_cast<rlim_t>(limits.file_bytes_max));
  }
  Result<json::object> answer = json::object{};
  if (Result<void> confined = sandbox.enter(view, violation); !confined.ok()) {
    answer = std::move(confined).error().context("enter the sandbox");
  } else {
    double last_report_s = core::steady_s();
    answer = guarded(work, [&](double fraction) {
      const double now_s = core::steady_s();
      if (now_s - last_report_s < kProgressIntervalS) return;
      last_report_s = now_s;
      // A parent that is gone ends this process by itself; nothing to handle here.
      (void)send_message(socket, {{"type", "progress"}, {"fraction", fraction}}).ok();
    });
  }
  if (answer.ok()) (*answer)["type"] = "result";
  const bool is_sent =
      send_message(socket, answer.ok() ? *answer : error_message(answer.error())).ok();
  ::_exit(is_sent ? 0 : kCannotStart);  // No destructors: everything here is a copy.
}

/// Reads until the child closes its end: its last word. A child that talks nonsense is killed.
Result<json::object> listen(const core::Fd& socket, int pid, const ProgressFn& progress) {
  MessageReader reader;
  std::vector<json::object> messages;
  Result<json::object> last = fail(ErrorCode::worker_error, "it said nothing");
  while (true) {
    const Result<bool> is_open = reader.read_available(socket, messages);
    for (json::object& message : messages) {
      const std::string type = core::get_string(message, "type");
      if (type == "progress") {
        progress(core::get_double(message, "fraction"));
      } else if (type == "error") {
        last = error_from_message(message);
      } else {
        last = std::move(message);
      }
    }
    messages.clear();
    if (!is_open.ok()) {
      ::kill(pid, SIGKILL);
      return is_open.error();
    }
    if (!*is_open) return last;
  }
}

int wait_for_end(int pid, rusage& usage) {
  int status = 0;
  while (::wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  return status;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

/// Why a cell ended otherwise than with 0.
Error death(int status, int violation) {
  if (violation != 0) {
    return fail(ErrorCode::sandbox_violation, "it tried the system call {}",
                system_call_name(violation));
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
    return fail(ErrorCode::sandbox_violation, "it tried a forbidden system call");
  if (WIFSIGNALED(status)) {
    return fail(ErrorCode::worker_error, "the executor was killed by signal {} ({})",
                WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fail(ErrorCode::worker_error, "the executor ended with status {}", WEXITSTATUS(status));
}

}  // namespace

Result<CellResult> run_in_cell(const CellSandbox& sandbox,
                               const CellLimits& limits,
                               const FileView& view,
                               const CellWork& work,
                               const ProgressFn& progress) {
  const SharedInt violation;
  if (!violation.is_there()) return core::errno_error(errno, "mmap");
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return core::errno_error(errno, "socketpair");
  core::Fd ours(ends[0]);
  core::Fd theirs(ends[1]);
  const int parent_pid = ::getpid();
  const int pid = ::fork();
  if (pid < 0) return core::errno_error(errno, "fork");
  if (pid == 0) {
    live_in_cell(parent_pid, theirs, sandbox, limits, view, violation.get(), work);
  }
  theirs.reset();
  Result<json::object> answer = listen(ours, pid, progress);
  rusage usage{};
  const int status = wait_for_end(pid, usage);
  if (core::failpoints_enabled() && WIFEXITED(status) &&
      WEXITSTATUS(status) == core::failpoint_exit_code()) {
    ::_exit(core::failpoint_exit_code());
  }
  if (status != 0) return death(status, *violation.get());
  if (!answer.ok()) return std::move(answer).error();
  return CellResult{std::move(*answer), seconds(usage.ru_utime) + seconds(usage.ru_stime),
                    static_cast<std::int64_t>(usage.ru_maxrss) * 1024};
}

}  // namespace baleen::engine
