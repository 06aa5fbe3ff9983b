#pragma once

/// The folder of real models and recordings that some tests use, which is not part of the project.

#include <filesystem>
#include <optional>

namespace baleen::test_support {

/// $BALEEN_SHARED if set, else `../shared` beside the project; nothing if that folder does not exist.
[[nodiscard]] std::optional<std::filesystem::path> shared_dir();

}  // namespace baleen::test_support

/// Declares `name` as the path of a file in the shared folder, or skips the test with a reason.
#define BALEEN_SHARED_FILE_OR_SKIP(name, relative)                    \
  if (!::baleen::test_support::shared_dir().has_value()) {            \
    GTEST_SKIP() << "no shared folder: set BALEEN_SHARED";            \
  }                                                                   \
  const std::filesystem::path name =                                  \
      ::baleen::test_support::shared_dir().value_or("") / (relative); \
  if (!std::filesystem::exists(name)) GTEST_SKIP() << name << " is not there"
