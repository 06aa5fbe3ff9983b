#pragma once

/// The request target: its path and query, taken apart and decoded. Pure functions.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace baleen::api {

struct Target {
  std::string path;  ///< Decoded: "/v1/files/a b".
  /// The path between its slashes, each piece decoded by itself, so that "%2F" divides nothing.
  std::vector<std::string> segments;
  std::map<std::string, std::string> query;  ///< Decoded; the last of equal names counts.
};

/// Of "/path?query" or "http://host/path?query". INVALID_ARGUMENT for a bad escape, a control character, an
/// overlong or ill-formed UTF-8 sequence, or a path with "." or ".." in it.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

/// Decodes %XX, and "+" as a blank where `plus_is_blank` (forms and queries).
[[nodiscard]] Result<std::string> percent_decode(std::string_view text, bool plus_is_blank);

/// The host of a Host header, in lower case and without the port: "localhost", "[::1]"; "" if malformed.
[[nodiscard]] std::string host_of(std::string_view host_header);

}  // namespace baleen::api
