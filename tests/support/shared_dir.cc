#include "support/shared_dir.h"

#include <cstdlib>

namespace baleen::test_support {

std::optional<std::filesystem::path> shared_dir() {
  const char* configured = std::getenv("BALEEN_SHARED");
  std::filesystem::path directory = std::filesystem::path(BALEEN_SOURCE_DIR) / ".." / "shared";
  if (configured != nullptr && *configured != '\0') directory = configured;
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) return std::nullopt;
  return directory;
}

}  // namespace baleen::test_support
