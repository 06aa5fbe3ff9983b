#include "engine/executor_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "core/clock.h"
#include "core/failpoint.h"

namespace baleen::engine {

namespace {

constexpr double kEndS = 2;  // From the end of its socket to its own.
constexpr unsigned kLookUs = 1000;

/// Whether a process whose socket is closed is soon gone, too.
bool has_ended(int pid, int& status) {
  for (const double begin_s = core::steady_s(); core::steady_s() - begin_s < kEndS;
       ::usleep(kLookUs)) {
    const int ended = ::waitpid(pid, &status, WNOHANG);
    if (ended != 0 && !(ended < 0 && errno == EINTR)) return true;
  }
  return false;
}

/// False if nothing has come by then.
bool can_be_read(const core::Fd& socket, double until_s) {
  while (true) {
    const double left_s = until_s - core::steady_s();
    if (left_s <= 0) return false;
    pollfd peer{socket.get(), POLLIN, 0};
    if (::poll(&peer, 1, static_cast<int>(1e3 * left_s) + 1) > 0) return true;
  }
}

}  // namespace

Result<ExecutorProcess> ExecutorProcess::start(const ExecutorCommand& command) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return core::errno_error(errno, "socketpair");
  }
  core::Fd ours(ends[0]);
  core::Fd theirs(ends[1]);
  std::vector<std::string> arguments = command.arguments;
  arguments.push_back(std::to_string(theirs.get()));
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const int pid = ::fork();
  if (pid < 0) return core::errno_error(errno, "fork");
  if (pid == 0) {
    // Only async-signal-safe calls between fork and exec. What asks a process group to stop is for the
    // supervisor, which ends its executors itself: one that died by itself would look like a failed attempt.
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal_number, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::fcntl(theirs.get(), F_SETFD, 0);
    ::execv("/proc/self/exe", argv.data());
    ::_exit(127);
  }
  return ExecutorProcess(std::move(ours), pid);
}

ExecutorProcess::~ExecutorProcess() { kill(); }

ExecutorProcess::ExecutorProcess(ExecutorProcess&& other) noexcept
    : socket_(std::move(other.socket_)),
      pid_(std::exchange(other.pid_, -1)),
      reader_(std::move(other.reader_)) {}

ExecutorProcess& ExecutorProcess::operator=(ExecutorProcess&& other) noexcept {
  if (this != &other) {
    kill();
    socket_ = std::move(other.socket_);
    pid_ = std::exchange(other.pid_, -1);
    reader_ = std::move(other.reader_);
  }
  return *this;
}

Result<json::object> ExecutorProcess::ask(const json::object& message, double timeout_s) {
  if (!is_alive()) return fail(ErrorCode::worker_error, "the executor is gone");
  if (Result<void> sent = send(message); !sent.ok())
    return fail(ErrorCode::worker_error, "the executor {}", reap());
  const double until_s = core::steady_s() + timeout_s;
  std::vector<json::object> messages;
  while (true) {
    if (timeout_s > 0 && !can_be_read(socket_, until_s)) {
      kill();
      return fail(ErrorCode::stage_stalled, "no answer after {} s; it was stopped", timeout_s);
    }
    const Result<bool> is_open = receive(messages);
    if (!is_open.ok() || !*is_open) return fail(ErrorCode::worker_error, "the executor {}", reap());
    for (const json::object& answer : messages) {
      const std::string type = core::get_string(answer, "type");
      if (type == "error") return error_from_message(answer);
      if (type == "result") return answer;
    }
    messages.clear();
  }
}

void ExecutorProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  socket_.reset();
}

std::string ExecutorProcess::reap() {
  if (pid_ <= 0) return "is gone";
  int status = 0;
  if (!has_ended(pid_, status)) {
    kill();
    return "closed its end and lived on";
  }
  pid_ = -1;
  socket_.reset();
  if (WIFSIGNALED(status)) {
    const int signal_number = WTERMSIG(status);
    return fmt::format("was killed by signal {} ({})", signal_number, ::strsignal(signal_number));
  }
  const int code = WEXITSTATUS(status);
  if (core::failpoints_enabled() && code == core::failpoint_exit_code()) {
    if (!core::failpoint_fires_once()) ::_exit(code);
    ::unsetenv("BALEEN_FAILPOINT");
    ::unsetenv("SSIS_FAILPOINT");
  }
  return fmt::format("ended with status {}", code);
}

}  // namespace baleen::engine
