#pragma once

/// How a file is answered: whole, in part, not at all because the client has it (RFC 9110 §13, §14).
/// Pure functions.

#include <cstdint>
#include <string_view>

#include "api/http.h"

namespace baleen::api {

/// What to send of a FileBody; `end` is past the last byte.
struct FilePlan {
  int status = 200;  ///< 200, 206, 304 or 416.
  std::int64_t begin = 0, end = 0;
};

/// Several ranges at once, and ranges that cannot be understood, are answered with the whole file, as
/// RFC 9110 allows.
[[nodiscard]] FilePlan plan_file(const Headers& request, const FileBody& file);

/// The headers that go with a plan: ETag, Accept-Ranges, Content-Range.
void set_file_headers(const FilePlan& plan, const FileBody& file, Response& response);

/// Whether the value of If-None-Match or If-Match names this entity tag (given without quotes). Weak tags
/// count as equal, as RFC 9110 §8.8.3.2 wants it for If-None-Match.
[[nodiscard]] bool names_etag(std::string_view list, std::string_view etag);

}  // namespace baleen::api
