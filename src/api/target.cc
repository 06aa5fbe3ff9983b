#include "api/target.h"

#include <algorithm>
#include <utility>

#include "api/ascii.h"
#include "core/json.h"

namespace baleen::api {
namespace {

bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < 0x20 || byte == 0x7F;
}

/// "http://host/path" → "/path": the form that proxies use, which every server has to take.
std::string_view without_authority(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!equals_ignoring_case(text.substr(0, kScheme.size()), kScheme)) return text;
  const std::size_t slash = text.find('/', kScheme.size());
  return slash == std::string_view::npos ? "/" : text.substr(slash);
}

Result<void> check_path(const Target& target) {
  if (target.path != core::valid_utf8(target.path)) {
    return fail(ErrorCode::invalid_argument, "the path is not valid UTF-8");
  }
  if (std::any_of(target.path.begin(), target.path.end(), is_control)) {
    return fail(ErrorCode::invalid_argument, "the path holds a control character");
  }
  for (std::size_t begin = 0; begin <= target.path.size();) {
    const std::size_t end = std::min(target.path.find('/', begin), target.path.size());
    const std::string_view name = std::string_view(target.path).substr(begin, end - begin);
    if (name == "." || name == "..") {
      return fail(ErrorCode::invalid_argument, "the path holds \"{}\"", name);
    }
    begin = end + 1;
  }
  return {};
}

Result<std::map<std::string, std::string>> parse_query(std::string_view text) {
  std::map<std::string, std::string> query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    BALEEN_ASSIGN_OR_RETURN(std::string name, percent_decode(pair.substr(0, equals), true));
    BALEEN_ASSIGN_OR_RETURN(std::string value,
                            percent_decode(pair.substr(std::min(equals + 1, pair.size())), true));
    if (value != core::valid_utf8(value)) {
      return fail(ErrorCode::invalid_argument, "the query is not valid UTF-8");
    }
    query[std::move(name)] = std::move(value);
  }
  return query;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_blank) {
      plain.push_back(' ');
    } else if (text[at] != '%') {
      plain.push_back(text[at]);
    } else {
      const int high = at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
      const int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
      if (high < 0 || low < 0) {
        return fail(ErrorCode::invalid_argument, "\"%\" in an address without two hex digits");
      }
      plain.push_back(static_cast<char>(high * 16 + low));
      at += 2;
    }
  }
  return plain;
}

Result<Target> parse_target(std::string_view text) {
  text = without_authority(text);
  text = text.substr(0, text.find('#'));
  const std::string_view path = text.substr(0, text.find('?'));
  if (path.empty() || path.front() != '/') {
    return fail(ErrorCode::invalid_argument, "the address does not begin with a slash");
  }
  Target target;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    BALEEN_ASSIGN_OR_RETURN(std::string segment,
                            percent_decode(path.substr(begin, end - begin), false));
    target.path += '/';
    target.path += segment;
    target.segments.push_back(std::move(segment));
    begin = end + 1;
  }
  BALEEN_RETURN_IF_ERROR(check_path(target));
  if (path.size() < text.size()) {
    BALEEN_ASSIGN_OR_RETURN(target.query, parse_query(text.substr(path.size() + 1)));
  }
  return target;
}

std::string host_of(std::string_view host_header) {
  std::string_view host = trim(host_header);
  const bool is_ipv6 = !host.empty() && host.front() == '[';
  const std::size_t end = is_ipv6 ? host.find(']') : host.find(':');
  if (is_ipv6 && end == std::string_view::npos) return "";
  const std::size_t name_end = std::min(is_ipv6 ? end + 1 : end, host.size());
  const std::string_view port = host.substr(name_end);
  if (!port.empty() &&
      (port.front() != ':' || port.find_first_not_of("0123456789", 1) != std::string_view::npos)) {
    return "";
  }
  std::string name(host.substr(0, name_end));
  std::transform(name.begin(), name.end(), name.begin(), to_lower);
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

}  // namespace baleen::api
