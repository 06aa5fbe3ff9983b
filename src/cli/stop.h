#pragma once

/// Ctrl-C and its kin.

#include <atomic>

namespace baleen::cli {

/// From now on SIGINT, SIGTERM and SIGHUP set stop_requested(): the first one stops cleanly, a second one at
/// once.
void handle_stop_signals();

[[nodiscard]] const std::atomic<bool>& stop_requested();

/// Returns when stop is requested; costs nothing until then.
void wait_for_stop();

/// 128 + the signal: the exit status of a process that was told to stop.
[[nodiscard]] int stopped_status();

}  // namespace baleen::cli
