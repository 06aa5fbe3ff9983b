#include "core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <vector>

#include "core/file.h"

namespace baleen::core {
namespace {

enum class Style { line, pretty, canonical };

void append_string(std::string& out, std::string_view text) {
  const std::string valid = valid_utf8(text);
  out += json::serialize(json::string_view(valid.data(), valid.size()));
}

void append_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";  // JSON has no other word for it.
    return;
  }
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  out += text;
}

void append_newline(std::string& out, Style style, int depth) {
  if (style != Style::pretty) return;
  out += '\n';
  out.append(static_cast<std::size_t>(depth) * 2, ' ');
}

void append(std::string& out, const json::value& value, Style style, int depth);

void append_object(std::string& out, const json::object& object, Style style, int depth) {
  if (object.empty()) {
    out += "{}";
    return;
  }
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const json::key_value_pair& member : object) members.push_back(&member);
  if (style == Style::canonical) {
    std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
  }
  char separator = '{';
  for (const json::key_value_pair* member : members) {
    out += separator;
    separator = ',';
    append_newline(out, style, depth + 1);
    append_string(out, {member->key().data(), member->key().size()});
    out += style == Style::pretty ? ": " : ":";
    append(out, member->value(), style, depth + 1);
  }
  append_newline(out, style, depth);
  out += '}';
}

void append_array(std::string& out, const json::array& array, Style style, int depth) {
  const bool has_only_scalars = std::none_of(
      array.begin(), array.end(), [](const json::value& v) { return v.is_structured(); });
  const Style inner = has_only_scalars && style == Style::pretty ? Style::line : style;
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += style == Style::pretty && inner == Style::line ? ", " : ",";
    append_newline(out, inner, depth + 1);
    append(out, array[i], style, depth + 1);
  }
  if (!array.empty()) append_newline(out, inner, depth);
  out += ']';
}

void append(std::string& out, const json::value& value, Style style, int depth) {
  switch (value.kind()) {
    case json::kind::null: out += "null"; break;
    case json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
    case json::kind::int64: out += fmt::format("{}", value.get_int64()); break;
    case json::kind::uint64: out += fmt::format("{}", value.get_uint64()); break;
    case json::kind::double_: append_double(out, value.get_double()); break;
    case json::kind::string:
      append_string(out, {value.get_string().data(), value.get_string().size()});
      break;
    case json::kind::array: append_array(out, value.get_array(), style, depth); break;
    case json::kind::object: append_object(out, value.get_object(), style, depth); break;
  }
}

/// The length of the UTF-8 sequence at the start of `text` (RFC 3629), or 0 if there is none.
std::size_t utf8_sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto is_tail = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return is_tail(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;   // No overlong forms,
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // no surrogates.
    return is_tail(1, low, high) && is_tail(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return is_tail(1, low, high) && is_tail(2, 0x80, 0xbf) && is_tail(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = utf8_sequence_bytes(text);
    valid += size > 0 ? text.substr(0, size) : std::string_view("\xef\xbf\xbd");
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return valid;
}

Result<json::value> parse_json(std::string_view text, std::string_view what) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 32;
  json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return fail(ErrorCode::invalid_argument, "{}: not JSON: {}", what, error.message());
  return value;
}

Result<json::value> read_json_file(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const std::string text, read_text_file(path));
  return parse_json(text, path.string());
}

std::string to_json(const json::value& value) {
  std::string out;
  append(out, value, Style::line, 0);
  return out;
}

std::string to_pretty_json(const json::value& value) {
  std::string out;
  append(out, value, Style::pretty, 0);
  out += '\n';
  return out;
}

std::string to_canonical_json(const json::value& value) {
  std::string out;
  append(out, value, Style::canonical, 0);
  return out;
}

std::string get_string(const json::object& object,
                       std::string_view key,
                       std::string_view fallback) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr || !value->is_string()) return std::string(fallback);
  return {value->get_string().data(), value->get_string().size()};
}

double get_double(const json::object& object, std::string_view key, double fallback) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr || !value->is_number()) return fallback;
  return value->to_number<double>();
}

std::int64_t get_int(const json::object& object, std::string_view key, std::int64_t fallback) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr || !value->is_number()) return fallback;
  json::error_code error;
  const auto number = value->to_number<std::int64_t>(error);
  return error ? fallback : number;
}

bool get_bool(const json::object& object, std::string_view key, bool fallback) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_bool() ? value->get_bool() : fallback;
}

const json::object& get_object(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const json::value* value = object.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_object() ? value->get_object() : kEmpty;
}

const json::array& get_array(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const json::value* value = object.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_array() ? value->get_array() : kEmpty;
}

}  // namespace baleen::core
