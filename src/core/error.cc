#include "core/error.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace baleen::core {

const ErrorInfo& error_info(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  BALEEN_CHECK(index < kErrorCatalogue.size());
  return kErrorCatalogue[index];
}

std::optional<ErrorCode> parse_error_code(std::string_view name) {
  for (const ErrorInfo& info : kErrorCatalogue) {
    if (info.name == name) return info.code;
  }
  return std::nullopt;
}

Error Error::context(std::string_view what) && {
  std::string longer(what);
  longer += ": ";
  longer += message;
  return {code, std::move(longer)};
}

std::string Error::to_string() const { return std::string(name()) + ": " + message; }

Error errno_error(int errno_value, std::string_view what) {
  ErrorCode code = ErrorCode::io_error;
  switch (errno_value) {
    case ENOSPC:
    case EFBIG:  // RLIMIT_FSIZE, or more than the file system can.
    case EDQUOT: code = ErrorCode::disk_full; break;
    case EACCES:
    case EPERM:
    case EROFS: code = ErrorCode::permission_denied; break;
    case ENOENT:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR: code = ErrorCode::file_not_found; break;
    default: break;
  }
  return {code, std::string(what) + ": " + std::strerror(errno_value)};
}

}  // namespace baleen::core
