#pragma once

/// The first lines of a response as they go over the wire, with the headers that every response carries.
/// Pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/http.h"

namespace baleen::api {

struct HeadOptions {
  std::string_view trace_id = {};
  std::string_view span_id = {};  ///< 16 hex digits.
  std::optional<std::int64_t> content_length =
      {};  ///< None: the end of the connection ends the body.
  bool is_kept_alive = true;
  std::int64_t now_s = 0;  ///< For the Date header: seconds since 1970.
};

/// Status line and headers, with the blank line. Headers that the handler set win over ours; characters that
/// would end a header line early are replaced by blanks.
[[nodiscard]] std::string format_head(const Response& response, const HeadOptions& options);

/// "OK", "Not Found", …
[[nodiscard]] std::string_view reason_of(int status);

/// "Sun, 06 Nov 1994 08:49:37 GMT".
[[nodiscard]] std::string http_date(std::int64_t now_s);

/// The trace id of a W3C traceparent header, or nothing if it is malformed.
[[nodiscard]] std::optional<std::string> parse_traceparent(std::string_view value);

}  // namespace baleen::api
