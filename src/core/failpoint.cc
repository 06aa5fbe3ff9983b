#include "core/failpoint.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "core/process.h"

namespace baleen::core {
namespace internal {

const bool kFailpointsEnabled = [] {
  const std::string value = environment("ENABLE_FAILPOINTS");
  return !value.empty() && value != "0";
}();

void hit_failpoint(std::string_view name) {
  static std::atomic<int> hits{0};
  const std::string wanted = environment("FAILPOINT");
  const std::size_t at = wanted.find('@');
  if (std::string_view(wanted).substr(0, at) != name) return;
  const int fires_on = at == std::string::npos ? 1 : std::atoi(wanted.c_str() + at + 1);
  if (++hits == fires_on) ::_exit(failpoint_exit_code());
}

}  // namespace internal

int failpoint_exit_code() {
  const std::string value = environment("FAILPOINT_EXIT_CODE");
  const int code = std::atoi(value.c_str());
  return code > 0 && code < 256 ? code : 42;
}

bool failpoint_fires_once() {
  const std::string value = environment("FAILPOINT_ONCE");
  return !value.empty() && value != "0";
}

}  // namespace baleen::core
