#pragma once

/// Which files a person means by FILE and DIR.

#include <filesystem>
#include <string>
#include <vector>

#include "core/result.h"

namespace baleen::cli {

struct FoundFiles {
  std::vector<std::filesystem::path> files;
  std::int64_t n_skipped = 0;  ///< In folders only: what does not look like audio.
};

/// A file is taken whatever its name; in a folder (searched recursively, in the order of names) only
/// what has an audio extension. Hidden files and `excluded` (the data directory) are passed over.
[[nodiscard]] FoundFiles find_files(const std::vector<std::string>& paths,
                                    const std::filesystem::path& excluded);

}  // namespace baleen::cli
