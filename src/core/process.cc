#include "core/process.h"

#include <malloc.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

namespace baleen::core {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

struct ProcStat {
  char state = '?';
  std::uint64_t start_ticks = 0;
};

/// Fields 3 and 22 of /proc/PID/stat, counted after the last ')' because a name may hold anything.
std::optional<ProcStat> proc_stat(std::int32_t pid) {
  const std::string line = first_line("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t close = line.rfind(')');
  if (close == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(close + 1));
  ProcStat stat;
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> stat.start_ticks;
  if (!fields) return std::nullopt;
  return stat;
}

}  // namespace

std::string environment(std::string_view name) {
  for (const std::string_view prefix : {"BALEEN_", "SSIS_"}) {
    const char* value = std::getenv((std::string(prefix) + std::string(name)).c_str());
    if (value != nullptr) return value;
  }
  return {};
}

std::string ProcessIdentity::to_string() const {
  std::string text =
      machine_id + "/" + boot_id + "/" + std::to_string(pid) + "/" + std::to_string(start_ticks);
  if (pid_namespace != 0) text += "/" + std::to_string(pid_namespace);
  return text;
}

std::optional<ProcessIdentity> ProcessIdentity::parse(std::string_view text) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, '/');) parts.push_back(part);
  if (parts.size() != 4 && parts.size() != 5) return std::nullopt;
  ProcessIdentity process{parts[0], parts[1], 0, 0, 0};
  const auto parse_number = [](const std::string& digits, auto& number) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (!parse_number(parts[2], process.pid) || !parse_number(parts[3], process.start_ticks))
    return std::nullopt;
  if (parts.size() == 5 && !parse_number(parts[4], process.pid_namespace)) return std::nullopt;
  return process;
}

const ProcessIdentity& this_process() {
  static const ProcessIdentity identity = [] {
    ProcessIdentity process;
    process.machine_id = first_line("/etc/machine-id");
    if (process.machine_id.empty()) {
      std::array<char, 256> name{};
      ::gethostname(name.data(), name.size() - 1);
      process.machine_id = name.data();
    }
    process.boot_id = first_line("/proc/sys/kernel/random/boot_id");
    process.pid = ::getpid();
    if (const auto stat = proc_stat(process.pid)) process.start_ticks = stat->start_ticks;
    struct stat space {};
    if (::stat("/proc/self/ns/pid", &space) == 0) process.pid_namespace = space.st_ino;
    return process;
  }();
  return identity;
}

Liveness liveness(const ProcessIdentity& process) {
  const ProcessIdentity& here = this_process();
  if (process.machine_id != here.machine_id) return Liveness::unknown;
  if (process.boot_id != here.boot_id) return Liveness::dead;
  const bool is_elsewhere = process.pid_namespace != 0 && here.pid_namespace != 0 &&
                            process.pid_namespace != here.pid_namespace;
  if (is_elsewhere) return Liveness::unknown;
  const std::optional<ProcStat> stat = proc_stat(process.pid);
  if (!stat || stat->start_ticks != process.start_ticks) return Liveness::dead;
  return stat->state == 'Z' || stat->state == 'X' ? Liveness::dead : Liveness::alive;
}

std::int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

std::int64_t rss_bytes(int pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  std::int64_t total_pages = 0, resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return 0;
  return resident_pages * ::sysconf(_SC_PAGESIZE);
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string user_name() {
  const uid_t user = ::geteuid();
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return entry.pw_name;
  return std::to_string(user);
}

void trim_heap() { ::malloc_trim(0); }

std::string_view version() { return BALEEN_VERSION; }

}  // namespace baleen::core
