#include "cli/stop.h"

#include <semaphore.h>

#include <csignal>

namespace baleen::cli {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP};

std::atomic<bool> is_stop_requested = false;
std::atomic<int> stop_signal = 0;
sem_t stop_semaphore;  // Made by handle_stop_signals.

extern "C" void request_stop(int signal_number) {
  stop_signal = signal_number;
  is_stop_requested = true;
  ::sem_post(
      &stop_semaphore);  // Whichever thread the signal came to: that wakes the one that waits.
}

}  // namespace

void handle_stop_signals() {
  ::sem_init(&stop_semaphore, 0, 0);
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
  while (!is_stop_requested) ::sem_wait(&stop_semaphore);
}

int stopped_status() { return 128 + (stop_signal == 0 ? SIGINT : stop_signal.load()); }

}  // namespace baleen::cli
