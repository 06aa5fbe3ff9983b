// Zip files by minizip, in memory.

#include <minizip/zip.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ctime>

#include "core/file.h"
#include "ops/bundle.h"

namespace baleen::ops {
namespace {

constexpr int kLevel = 6;

Result<void> add(zipFile archive, const std::string& name, const std::string& text) {
  zip_fileinfo info{};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  const auto number = [](int field) { return static_cast<uInt>(field); };
  info.tmz_date = {number(utc.tm_sec),  number(utc.tm_min), number(utc.tm_hour),
                   number(utc.tm_mday), number(utc.tm_mon), number(utc.tm_year + 1900)};
  if (::zipOpenNewFileInZip64(archive, name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr,
                              Z_DEFLATED, kLevel, 0) != ZIP_OK ||
      ::zipWriteInFileInZip(archive, text.data(), static_cast<unsigned>(text.size())) != ZIP_OK ||
      ::zipCloseFileInZip(archive) != ZIP_OK)
    return fail(ErrorCode::io_error, "{} does not go into the zip file", name);
  return {};
}

}  // namespace

Result<std::string> zip(const std::vector<std::pair<std::string, std::string>>& files) {
  // minizip writes to a path: to that of a file which exists in memory only.
  const core::Fd memory(::memfd_create("bundle", MFD_CLOEXEC));
  if (!memory.is_open()) return core::errno_error(errno, "memfd_create");
  const std::string path = "/proc/self/fd/" + std::to_string(memory.get());
  const zipFile archive = ::zipOpen64(path.c_str(), APPEND_STATUS_CREATE);
  if (archive == nullptr) return fail(ErrorCode::io_error, "a zip file cannot be begun");
  Result<void> added;
  for (const auto& [name, text] : files) {
    if (added.ok()) added = add(archive, name, text);
  }
  if (::zipClose(archive, nullptr) != ZIP_OK && added.ok())
    added = fail(ErrorCode::io_error, "the zip file cannot be ended");
  if (!added.ok()) return std::move(added).error();

  const off_t size = ::lseek(memory.get(), 0, SEEK_END);
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (::pread(memory.get(), bytes.data(), bytes.size(), 0) != size)
    return core::errno_error(errno, "read the zip file");
  return bytes;
}

}  // namespace baleen::ops
