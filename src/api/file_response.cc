#include "api/file_response.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "api/ascii.h"

namespace baleen::api {
namespace {

std::optional<std::int64_t> parse_offset(std::string_view digits) {
  std::int64_t value = 0;
  const char* const end = digits.data() + digits.size();
  if (digits.empty() || digits.front() == '-' || digits.front() == '+') return std::nullopt;
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string in_quotes(std::string_view etag) { return '"' + std::string(etag) + '"'; }

/// "bytes=FIRST-LAST", "bytes=FIRST-" or "bytes=-COUNT"; nothing for what is to be ignored.
std::optional<FilePlan> parse_range(std::string_view value, std::int64_t bytes) {
  constexpr std::string_view kUnit = "bytes=";
  if (!equals_ignoring_case(value.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  const std::string_view range = trim(value.substr(kUnit.size()));
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first_text = range.substr(0, dash);
  const std::string_view last_text = range.substr(dash + 1);
  const std::optional<std::int64_t> first = parse_offset(first_text);
  const std::optional<std::int64_t> last = parse_offset(last_text);
  if (first_text.empty()) {
    if (!last) return std::nullopt;
    if (*last == 0 || bytes == 0) return FilePlan{416, 0, 0};
    return FilePlan{206, bytes - std::min(*last, bytes), bytes};
  }
  const bool is_open = last_text.empty();
  if (!first || (!is_open && (!last || *last < *first))) return std::nullopt;
  if (*first >= bytes) return FilePlan{416, 0, 0};
  return FilePlan{206, *first, is_open ? bytes : std::min(*last, bytes - 1) + 1};
}

}  // namespace

bool names_etag(std::string_view list, std::string_view etag) {
  if (trim(list) == "*") return true;
  const std::string wanted = in_quotes(etag);
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    std::string_view tag = trim(item);
    if (tag.substr(0, 2) == "W/") tag.remove_prefix(2);
    if (tag == wanted) return true;
  }
  return false;
}

FilePlan plan_file(const Headers& request, const FileBody& file) {
  const FilePlan whole{200, 0, file.bytes};
  const std::string_view if_none_match = find_header(request, "If-None-Match");
  if (!if_none_match.empty() && !file.etag.empty() && names_etag(if_none_match, file.etag)) {
    return {304, 0, 0};
  }
  const std::string_view range = find_header(request, "Range");
  if (range.empty()) return whole;
  const std::string_view if_range = trim(find_header(request, "If-Range"));
  if (!if_range.empty() && (file.etag.empty() || if_range != in_quotes(file.etag))) return whole;
  return parse_range(range, file.bytes).value_or(whole);
}

void set_file_headers(const FilePlan& plan, const FileBody& file, Response& response) {
  if (!file.etag.empty()) response.set_header("ETag", in_quotes(file.etag));
  response.set_header("Accept-Ranges", "bytes");
  const std::string total = std::to_string(file.bytes);
  if (plan.status == 416) response.set_header("Content-Range", "bytes */" + total);
  if (plan.status != 206) return;
  response.set_header("Content-Range", "bytes " + std::to_string(plan.begin) + '-' +
                                           std::to_string(plan.end - 1) + '/' + total);
}

}  // namespace baleen::api
