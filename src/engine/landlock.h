#pragma once

/// The kernel's Landlock: which files this process, and all that it starts, may still open.

#include <filesystem>
#include <vector>

#include "core/result.h"

namespace baleen::engine {

/// The version of Landlock's interface; 0 where the kernel has none or it is switched off.
[[nodiscard]] int landlock_abi();

struct LandlockRules {
  std::vector<std::filesystem::path> readable;              ///< Files, or folders with all below.
  std::vector<std::filesystem::path> writable_directories;  ///< With all below; also readable.
  /// False: everything else may still be read and executed, and folders may be made where may be written.
  bool limits_reading = true;
};

/// Gives up every right to files but these, for good; needs PR_SET_NO_NEW_PRIVS. Where the kernel knows
/// them, also TCP, abstract sockets and signals to processes outside.
[[nodiscard]] Result<void> restrict_files(const LandlockRules& rules);

}  // namespace baleen::engine
