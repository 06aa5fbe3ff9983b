#pragma once

/// The supervisor's side of an executor: starts it, talks to it, sees it die.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "engine/protocol.h"

namespace baleen::engine {

/// The command line that starts an executor; the number of its socket is appended to it.
struct ExecutorCommand {
  std::vector<std::string> arguments;
};

class ExecutorProcess {
 public:
  [[nodiscard]] static Result<ExecutorProcess> start(const ExecutorCommand& command);
  ~ExecutorProcess();
  ExecutorProcess(ExecutorProcess&& other) noexcept;
  ExecutorProcess& operator=(ExecutorProcess&& other) noexcept;

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] const core::Fd& socket() const { return socket_; }
  [[nodiscard]] Result<void> send(const json::object& message) {
    return send_message(socket_, message);
  }
  /// False when the executor has closed its end.
  [[nodiscard]] Result<bool> receive(std::vector<json::object>& messages) {
    return reader_.read_available(socket_, messages);
  }
  /// Waits for the next message that is not progress; WORKER_ERROR if the executor dies first.
  /// @param timeout_s  After this the executor is killed and the answer STAGE_STALLED; 0: never.
  [[nodiscard]] Result<json::object> ask(const json::object& message, double timeout_s = 0);
  /// False once it has died or was killed: it can be asked nothing more.
  [[nodiscard]] bool is_alive() const { return pid_ > 0; }

  /// SIGKILL, then reaps. Stages are safe to kill at any instruction.
  void kill();
  /// Reaps a process that has closed its socket; "was killed by signal 11 (Segmentation fault)" or the like. It
  /// normally ends then by itself; otherwise it is killed.
  /// A death in a failpoint is passed on: this process ends too, as the whole machine would.
  [[nodiscard]] std::string reap();

 private:
  ExecutorProcess(core::Fd socket, int pid) : socket_(std::move(socket)), pid_(pid) {}
  core::Fd socket_;
  int pid_ = -1;
  MessageReader reader_;
};

}  // namespace baleen::engine
