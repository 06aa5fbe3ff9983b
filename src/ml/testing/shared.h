#pragma once

/// Where real models and recordings to test with lie, on the machines that have them.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace baleen::ml::testing {

/// $BALEEN_SHARED, else the folder `shared` beside the project.
inline std::filesystem::path shared_dir() {
  const char* const chosen = std::getenv("BALEEN_SHARED");
  return chosen != nullptr ? chosen : BALEEN_SOURCE_DIR "/../shared";
}

inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A directory that lives as long as the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "baleen_ml_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace baleen::ml::testing

/// Skips the test where `relative` is absent from the shared folder.
#define BALEEN_REQUIRE_SHARED(relative)                                           \
  if (!std::filesystem::exists(::baleen::ml::testing::shared_dir() / (relative))) \
  GTEST_SKIP() << "no " << (::baleen::ml::testing::shared_dir() / (relative))
