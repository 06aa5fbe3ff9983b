#pragma once

/// What went wrong, as data: a code of the catalogue (specs/errors.json) and a message.
///
/// The code decides everything (retry, HTTP status, exit code); nobody reads the message to decide.
/// The catalogue adds the general cause and the next step, so a message need only say what happened
/// here: path, expected and actual.

#include <optional>
#include <string>
#include <string_view>

#include "core/error_catalogue.h"

namespace baleen::core {

/// The catalogue's entry of a code: name, severity, retryable, HTTP status, exit code, cause, action.
[[nodiscard]] const ErrorInfo& error_info(ErrorCode code);

/// The code with this catalogue name ("FILE_CORRUPT"), or nothing.
[[nodiscard]] std::optional<ErrorCode> parse_error_code(std::string_view name);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  ///< Lower-case fragment: "open a.wav: no such file".

  [[nodiscard]] const ErrorInfo& info() const { return error_info(code); }
  [[nodiscard]] std::string_view name() const { return info().name; }

  /// The same error with what was being done in front: "decode stage: open a.wav: …".
  [[nodiscard]] Error context(std::string_view what) &&;
  /// "FILE_CORRUPT: message".
  [[nodiscard]] std::string to_string() const;
};

/// The error for an errno value: DISK_FULL, PERMISSION_DENIED, FILE_NOT_FOUND or IO_ERROR.
[[nodiscard]] Error errno_error(int errno_value, std::string_view what);

}  // namespace baleen::core

namespace baleen {
using core::Error;
using core::ErrorCode;
}  // namespace baleen
