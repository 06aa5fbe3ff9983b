#include "engine/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "core/file.h"

namespace baleen::engine {
namespace {

// From the kernel's include/uapi/linux/landlock.h; the headers of the build machine may be older than
// the kernel that the program runs on.
constexpr std::uint64_t kExecute = 1U << 0U, kWriteFile = 1U << 1U, kReadFile = 1U << 2U,
                        kReadDir = 1U << 3U, kRemoveFile = 1U << 5U, kMakeDir = 1U << 7U,
                        kMakeReg = 1U << 8U;
constexpr std::uint64_t kAllOfAbi1 = (1U << 13U) - 1;
constexpr std::uint64_t kRefer = 1U << 13U;           // ABI 2
constexpr std::uint64_t kTruncate = 1U << 14U;        // ABI 3
constexpr std::uint64_t kIoctlDev = 1U << 15U;        // ABI 5
constexpr std::uint64_t kNetBindAndConnect = 3;       // ABI 4
constexpr std::uint64_t kScopeSocketsAndSignals = 3;  // ABI 6
constexpr std::uint64_t kForFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
constexpr unsigned kCreateRulesetVersion = 1;
constexpr int kRulePathBeneath = 1;

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;  // ABI 4
  std::uint64_t scoped = 0;              // ABI 6
};
struct __attribute__((packed)) PathBeneath {
  std::uint64_t allowed_access = 0;
  std::int32_t parent_fd = -1;
};

std::uint64_t known_rights(int abi) {
  return kAllOfAbi1 | (abi >= 2 ? kRefer : 0) | (abi >= 3 ? kTruncate : 0) |
         (abi >= 5 ? kIoctlDev : 0);
}

/// Whether a path is such that the process could not open it anyhow; it will be told when it tries.
bool is_out_of_reach(int errno_value) {
  return errno_value == ENOENT || errno_value == ENOTDIR || errno_value == EACCES ||
         errno_value == ELOOP || errno_value == ENAMETOOLONG;
}

Result<void> allow(const core::Fd& ruleset,
                   const std::filesystem::path& path,
                   std::uint64_t rights) {
  const core::Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.is_open()) {
    const bool is_needed = (rights & kWriteFile) != 0;
    if (!is_needed && is_out_of_reach(errno)) return {};
    return core::errno_error(errno, "open " + path.string());
  }
  struct stat status {};
  if (::fstat(place.get(), &status) != 0) return core::errno_error(errno, "stat " + path.string());
  if (!S_ISDIR(status.st_mode)) rights &= kForFiles;
  const PathBeneath rule{rights, place.get()};
  if (::syscall(__NR_landlock_add_rule, ruleset.get(), kRulePathBeneath, &rule, 0) != 0)
    return core::errno_error(errno, "landlock_add_rule " + path.string());
  return {};
}

}  // namespace

int landlock_abi() {
  const long abi = ::syscall(__NR_landlock_create_ruleset, nullptr, 0, kCreateRulesetVersion);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Result<void> restrict_files(const LandlockRules& rules) {
  const int abi = landlock_abi();
  const std::uint64_t known = known_rights(abi);
  const std::uint64_t reading = kReadFile | kReadDir | kExecute;
  RulesetAttributes attributes;
  attributes.handled_access_fs = rules.limits_reading ? known : known & ~reading;
  if (abi >= 4) attributes.handled_access_net = kNetBindAndConnect;
  if (abi >= 6) attributes.scoped = kScopeSocketsAndSignals;
  const std::size_t size = sizeof(std::uint64_t) * (abi >= 6 ? 3 : abi >= 4 ? 2 : 1);
  const core::Fd ruleset(
      static_cast<int>(::syscall(__NR_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset.is_open()) return core::errno_error(errno, "landlock_create_ruleset");
  const std::uint64_t writing =
      (kWriteFile | kRemoveFile | kMakeReg | kTruncate | (rules.limits_reading ? 0 : kMakeDir)) &
      attributes.handled_access_fs;
  const std::uint64_t seeing = (kReadFile | kReadDir) & attributes.handled_access_fs;
  if (seeing != 0) {
    for (const auto& path : rules.readable) BALEEN_RETURN_IF_ERROR(allow(ruleset, path, seeing));
  }
  for (const auto& path : rules.writable_directories)
    BALEEN_RETURN_IF_ERROR(allow(ruleset, path, seeing | writing));
  if (::syscall(__NR_landlock_restrict_self, ruleset.get(), 0) != 0)
    return core::errno_error(errno, "landlock_restrict_self");
  return {};
}

}  // namespace baleen::engine
