#pragma once

/// Files that survive a power cut: write beside the final name, fsync, rename, fsync the directory.
///
/// After a failed fsync the temporary file is thrown away; it is never fsynced again, because the
/// kernel may already have dropped the dirty pages it failed to write.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace baleen::core {

/// An open file descriptor; closed when the object dies.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

[[nodiscard]] Result<Fd> open_read(const std::filesystem::path& path);
/// Creates or truncates.
[[nodiscard]] Result<Fd> create_file(const std::filesystem::path& path);
/// Up to bytes.size() bytes; 0 at the end of the file.
[[nodiscard]] Result<std::size_t> read_some(const Fd& file, std::span<std::byte> bytes);
[[nodiscard]] Result<void> write_all(const Fd& file, std::span<const std::byte> bytes);
/// Writes at an offset without moving the file position.
[[nodiscard]] Result<void> write_all_at(const Fd& file,
                                        std::span<const std::byte> bytes,
                                        std::int64_t offset);
[[nodiscard]] Result<void> sync_file(const Fd& file);
[[nodiscard]] Result<void> sync_directory(const std::filesystem::path& directory);

/// A whole small file; at most 64 MiB.
[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& path);

/// Replaces `path` atomically: temp file, fsync, rename, fsync of the directory. Creates the directory.
[[nodiscard]] Result<void> write_file_atomic(const std::filesystem::path& path,
                                             std::string_view bytes);
/// Writes and fsyncs `path` itself, which must be a temporary name that `publish_file` renames later.
[[nodiscard]] Result<void> write_file_synced(const std::filesystem::path& path,
                                             std::string_view bytes);
/// The same for what `write` writes.
using WriteFn = std::function<Result<void>(const Fd&)>;
[[nodiscard]] Result<void> write_file_synced(const std::filesystem::path& path,
                                             const WriteFn& write);
/// The publish boundary: renames a synced temporary file to its final name and fsyncs the directory.
[[nodiscard]] Result<void> publish_file(const std::filesystem::path& temporary,
                                        const std::filesystem::path& final_path);

/// Makes a folder and those above it, and their names durable: without that a power cut takes a new folder away
/// with all that was fsynced in it. A folder that is there already is made sure of, too, once by each process:
/// whoever made it may have died before.
[[nodiscard]] Result<void> make_directories(const std::filesystem::path& directory);
/// Removes a file; absence is success.
[[nodiscard]] Result<void> remove_file(const std::filesystem::path& path);
[[nodiscard]] Result<std::int64_t> file_size_bytes(const std::filesystem::path& path);

}  // namespace baleen::core
