#pragma once

/// Failpoints: named places where a test can make the process die, as in a power cut.
///
///   SSIS_ENABLE_FAILPOINTS=1 SSIS_FAILPOINT=DECODE_AFTER_CHUNK_WRITE baleen run ssis a.wav
///
/// (BALEEN_ENABLE_FAILPOINTS and so on are the same.) The process exits at once, without any
/// clean-up, with SSIS_FAILPOINT_EXIT_CODE (42). A worker whose executor dies in a failpoint dies the
/// same way, so that one failpoint stands for the loss of the whole machine; with
/// SSIS_FAILPOINT_ONCE=1 the worker survives instead and the failpoint does not fire again under it.
/// NAME@3 fires on the third hit. Off by default: the cost is one load of a constant bool.

#include <string_view>

namespace baleen::core {

namespace internal {
extern const bool kFailpointsEnabled;
void hit_failpoint(std::string_view name);
}  // namespace internal

[[nodiscard]] inline bool failpoints_enabled() { return internal::kFailpointsEnabled; }
/// The exit status that a process uses when it dies in a failpoint.
[[nodiscard]] int failpoint_exit_code();
[[nodiscard]] bool failpoint_fires_once();

}  // namespace baleen::core

#define BALEEN_FAILPOINT(name)                                     \
  do {                                                             \
    if (::baleen::core::internal::kFailpointsEnabled) [[unlikely]] \
      ::baleen::core::internal::hit_failpoint(name);               \
  } while (false)
