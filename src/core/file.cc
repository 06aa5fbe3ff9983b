#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <set>

#include "core/failpoint.h"

namespace baleen::core {
namespace {

constexpr std::int64_t kTextFileBytesMax = std::int64_t{64} << 20;

Error error_here(std::string_view verb, const std::filesystem::path& path) {
  const int code = errno;
  return errno_error(code, std::string(verb) + " " + path.string());
}

/// The folders that this process has made sure of. Forgets all rather than grow.
class DurableFolders {
 public:
  bool has(const std::filesystem::path& folder) {
    const std::lock_guard lock(mutex_);
    return folders_.contains(folder.native());
  }
  void add(const std::filesystem::path& folder) {
    const std::lock_guard lock(mutex_);
    if (folders_.size() >= kFoldersMax) folders_.clear();
    folders_.insert(folder.native());
  }

 private:
  static constexpr std::size_t kFoldersMax = 4096;
  std::mutex mutex_;
  std::set<std::string> folders_;
};

DurableFolders& durable_folders() {
  static DurableFolders folders;
  return folders;
}

/// Makes the name of a folder durable. A parent that may not be read cannot be synced: then it is as it was.
Result<void> sync_entry_of(const std::filesystem::path& folder) {
  const std::filesystem::path parent =
      folder.has_parent_path() ? folder.parent_path() : std::filesystem::path(".");
  const Fd fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() && (errno == EACCES || errno == EPERM)) return {};
  if (!fd.is_open()) return error_here("open", parent);
  if (::fsync(fd.get()) != 0 && errno != EROFS && errno != EINVAL)
    return error_here("fsync", parent);
  return {};
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Fd> open_read(const std::filesystem::path& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return error_here("open", path);
  return file;
}

Result<Fd> create_file(const std::filesystem::path& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.is_open()) return error_here("create", path);
  return file;
}

Result<std::size_t> read_some(const Fd& file, std::span<std::byte> bytes) {
  while (true) {
    const ssize_t size = ::read(file.get(), bytes.data(), bytes.size());
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno != EINTR) return errno_error(errno, "read");
  }
}

Result<void> write_all(const Fd& file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(file.get(), bytes.data(), bytes.size());
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno_error(errno, "write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

Result<void> write_all_at(const Fd& file, std::span<const std::byte> bytes, std::int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t size = ::pwrite(file.get(), bytes.data(), bytes.size(), offset);
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno_error(errno, "write");
    }
    offset += size;
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

Result<void> sync_file(const Fd& file) {
  if (::fsync(file.get()) != 0) return errno_error(errno, "fsync");
  return {};
}

Result<void> sync_directory(const std::filesystem::path& directory) {
  const Fd fd(
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return error_here("open", directory);
  if (::fsync(fd.get()) != 0) return error_here("fsync", directory);
  return {};
}

Result<std::string> read_text_file(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const Fd file, open_read(path));
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t size_bytes, file_size_bytes(path));
  if (size_bytes > kTextFileBytesMax) {
    return fail(ErrorCode::invalid_argument, "{}: {} bytes are more than the {} allowed here",
                path.string(), size_bytes, kTextFileBytesMax);
  }
  std::string text(static_cast<std::size_t>(size_bytes), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    BALEEN_ASSIGN_OR_RETURN(
        const std::size_t size,
        read_some(file, std::as_writable_bytes(std::span(text).subspan(filled))));
    if (size == 0) break;
    filled += size;
  }
  text.resize(filled);
  return text;
}

Result<void> write_file_synced(const std::filesystem::path& path, std::string_view bytes) {
  return write_file_synced(
      path, [&](const Fd& file) { return write_all(file, std::as_bytes(std::span(bytes))); });
}

Result<void> write_file_synced(const std::filesystem::path& path, const WriteFn& write) {
  BALEEN_ASSIGN_OR_RETURN(const Fd file, create_file(path));
  const auto write_and_sync = [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(write(file));
    BALEEN_FAILPOINT("ATOMIC_WRITE_AFTER_TMP_WRITE");
    return sync_file(file);
  };
  Result<void> written = write_and_sync();
  if (!written.ok()) {
    ::unlink(path.c_str());
    return std::move(written).error().context(path.string());
  }
  BALEEN_FAILPOINT("ATOMIC_WRITE_AFTER_FSYNC_BEFORE_RENAME");
  return {};
}

Result<void> publish_file(const std::filesystem::path& temporary,
                          const std::filesystem::path& final_path) {
  if (::rename(temporary.c_str(), final_path.c_str()) != 0)
    return error_here("rename to", final_path);
  BALEEN_FAILPOINT("ATOMIC_WRITE_AFTER_RENAME");
  return sync_directory(final_path.parent_path());
}

Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view bytes) {
  BALEEN_RETURN_IF_ERROR(make_directories(path.parent_path()));
  const std::filesystem::path temporary = path.string() + "." + std::to_string(::getpid()) + ".tmp";
  BALEEN_RETURN_IF_ERROR(write_file_synced(temporary, bytes));
  Result<void> published = publish_file(temporary, path);
  if (!published.ok())
    ::unlink(temporary.c_str());  // Gone already if only the folder was not synced.
  return published;
}

Result<void> make_directories(const std::filesystem::path& directory) {
  if (directory.empty()) return {};
  if (!directory.has_filename() && directory.has_relative_path())  // "a/b/"
    return make_directories(directory.parent_path());
  bool is_new = ::mkdir(directory.c_str(), 0777) == 0;
  if (!is_new && errno == ENOENT && directory.has_parent_path() && directory.has_relative_path()) {
    BALEEN_RETURN_IF_ERROR(make_directories(directory.parent_path()));
    is_new = ::mkdir(directory.c_str(), 0777) == 0;
  }
  if (!is_new) {
    const int code = errno;
    struct stat status {};
    const bool is_there = ::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    if (!is_there) return errno_error(code, "create directory " + directory.string());
    if (durable_folders().has(directory)) return {};
  }
  Result<void> synced = sync_entry_of(directory);
  if (!synced.ok()) {
    if (is_new) ::rmdir(directory.c_str());  // It is made anew, not synced again.
    return synced;
  }
  durable_folders().add(directory);
  return {};
}

Result<void> remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return error_here("remove", path);
  return {};
}

Result<std::int64_t> file_size_bytes(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return error_here("stat", path);
  return static_cast<std::int64_t>(status.st_size);
}

}  // namespace baleen::core
