#include "api/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include "api/ascii.h"

namespace baleen::api {
namespace {

struct StatusName {
  int status;
  std::string_view reason;
};
constexpr std::array<StatusName, 35> kReasons = {{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {460, "Checksum Mismatch"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
}};

/// A page of ours loads from ours only; everything else that a browser is told to open loads nothing.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSecurityHeaders = {{
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Frame-Options", "DENY"},
}};

void append_header(std::string& head, std::string_view name, std::string_view value) {
  const auto is_unsafe = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  };
  head += name;
  head += ": ";
  std::replace_copy_if(value.begin(), value.end(), std::back_inserter(head), is_unsafe, ' ');
  head += "\r\n";
}

/// Headers that say where a message ends: the server's own affair.
bool is_framing(std::string_view name) {
  return equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Connection") ||
         equals_ignoring_case(name, "Transfer-Encoding");
}

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string_view default_cache_control(const Response& response) {
  // A browser may keep a file, but asks each time whether it is still allowed to have it.
  return std::holds_alternative<FileBody>(response.body) ? "private, no-cache" : "no-store";
}

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char digit) { return hex_value(digit) >= 0 && to_lower(digit) == digit; });
}

}  // namespace

std::string_view reason_of(int status) {
  const auto* const found = std::find_if(kReasons.begin(), kReasons.end(),
                                         [&](const StatusName& s) { return s.status == status; });
  return found == kReasons.end() ? "Status" : found->reason;
}

// Not by strftime, which follows the locale.
std::string http_date(std::int64_t now_s) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = now_s;
  std::tm utc{};
  gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                     kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string format_head(const Response& response, const HeadOptions& options) {
  std::string head;
  head.reserve(640);
  fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\n", response.status,
                 reason_of(response.status));
  for (const auto& [name, value] : response.headers) {
    if (!is_framing(name)) append_header(head, name, value);
  }
  for (const auto& [name, value] : kSecurityHeaders) {
    if (response.header(name).empty()) append_header(head, name, value);
  }
  if (response.header("Cache-Control").empty()) {
    append_header(head, "Cache-Control", default_cache_control(response));
  }
  append_header(head, "Date", http_date(options.now_s));
  if (!options.trace_id.empty()) {
    append_header(head, "traceparent",
                  fmt::format("00-{}-{}-01", options.trace_id, options.span_id));
  }
  if (options.content_length && has_body(response.status)) {
    append_header(head, "Content-Length", fmt::format_int(*options.content_length).c_str());
  }
  append_header(head, "Connection", options.is_kept_alive ? "keep-alive" : "close");
  head += "\r\n";
  return head;
}

std::optional<std::string> parse_traceparent(std::string_view value) {
  // 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
  value = trim(value);
  const bool is_shaped = value.size() >= 55 && value[2] == '-' && value[35] == '-' &&
                         value[52] == '-' && (value.size() == 55 || value[55] == '-');
  if (!is_shaped) return std::nullopt;
  const std::string_view version = value.substr(0, 2);
  const std::string_view trace_id = value.substr(3, 32);
  const std::string_view parent_id = value.substr(36, 16);
  const bool is_hex = is_lower_hex(version) && is_lower_hex(trace_id) && is_lower_hex(parent_id) &&
                      is_lower_hex(value.substr(53, 2));
  const bool is_zero = trace_id.find_first_not_of('0') == std::string_view::npos ||
                       parent_id.find_first_not_of('0') == std::string_view::npos;
  if (!is_hex || is_zero || version == "ff" || (version == "00" && value.size() != 55)) {
    return std::nullopt;
  }
  return std::string(trace_id);
}

}  // namespace baleen::api
