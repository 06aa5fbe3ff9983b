#pragma once

/// What the fuzz targets share: bytes taken apart into values, and bytes as a file.
///
/// A target is one `LLVMFuzzerTestOneInput`. What must hold it says by BALEEN_CHECK, which aborts: that the program
/// does not crash is only the least of it.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/result.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace baleen::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes values from the front of an input; zeros and empty texts behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(text_of(data, size)) {}

  template <typename T>
  T number() {
    T value{};
    const std::size_t n = std::min(sizeof value, rest_.size());
    if (n > 0) std::memcpy(&value, rest_.data(), n);
    rest_.remove_prefix(n);
    return value;
  }
  /// Up to the next mark, which is taken away too; all that is left if there is none.
  std::string_view until(char mark) {
    const std::string_view text = rest_.substr(0, rest_.find(mark));
    rest_.remove_prefix(std::min(text.size() + 1, rest_.size()));
    return text;
  }
  [[nodiscard]] bool is_empty() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// A file in memory, with a name that any process of ours can open.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) { BALEEN_CHECK(fd_ >= 0); }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void set(std::string_view bytes) {
    BALEEN_CHECK(::ftruncate(fd_, 0) == 0);
    BALEEN_CHECK(::pwrite(fd_, bytes.data(), bytes.size(), 0) ==
                 static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::filesystem::path path() const {
    return "/proc/self/fd/" + std::to_string(fd_);
  }

 private:
  int fd_;
};

/// A folder of this process alone, in memory where the system has such a place; gone at its end.
class Folder {
 public:
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code error;
    const bool has_memory = std::filesystem::is_directory(memory, error);
    path_ = (has_memory ? memory : std::filesystem::temp_directory_path()) /
            ("baleen_fuzz_" + std::to_string(::getpid()));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Whether the result is a value, or one of these errors. No other may come of an input.
template <typename T>
bool is_value_or(const Result<T>& result, std::initializer_list<ErrorCode> allowed) {
  return result.ok() ||
         std::find(allowed.begin(), allowed.end(), result.error().code) != allowed.end();
}

}  // namespace baleen::fuzz
