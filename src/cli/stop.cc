#include "cli/stop.h"

#include <signal.h>

#include <csignal>

namespace baleen::cli {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP};

std::atomic<bool> is_stop_requested = false;
std::atomic<int> stop_signal = 0;

extern "C" void request_stop(int signal_number) {
  stop_signal = signal_number;
  is_stop_requested = true;
}

}  // namespace

void handle_stop_signals() {
  for (const int signal_number : kStopSignals) {
    struct sigaction action {};
    action.sa_handler = request_stop;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(signal_number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

const std::atomic<bool>& stop_requested() { return is_stop_requested; }

void wait_for_stop() {
  // Blocked while nobody waits, so that none can slip in between the look and the wait.
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  for (const int signal_number : kStopSignals) sigaddset(&signals, signal_number);
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  while (!is_stop_requested) ::sigsuspend(&before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

int stopped_status() { return 128 + (stop_signal == 0 ? SIGINT : stop_signal.load()); }

}  // namespace baleen::cli
