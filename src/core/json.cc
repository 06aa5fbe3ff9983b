#include "core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <cmath>
#include <span>
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

/// Prints values piece by piece, so that the text of a large document is never in memory at once.
class Printer {
 public:
  explicit Printer(const TextSink& sink) : sink_(sink) {}

  void print(const json::value& value, Style style, int depth) {
    switch (value.kind()) {
      case json::kind::null: out_ += "null"; break;
      case json::kind::bool_: out_ += value.get_bool() ? "true" : "false"; break;
      case json::kind::int64: out_ += fmt::format("{}", value.get_int64()); break;
      case json::kind::uint64: out_ += fmt::format("{}", value.get_uint64()); break;
      case json::kind::double_: append_double(out_, value.get_double()); break;
      case json::kind::string:
        append_string(out_, {value.get_string().data(), value.get_string().size()});
        break;
      case json::kind::array: print_array(value.get_array(), style, depth); break;
      case json::kind::object: print_object(value.get_object(), style, depth); break;
    }
    if (out_.size() >= kPieceBytes) flush();
  }

  void flush() {
    sink_(out_);
    out_.clear();
  }

 private:
  static constexpr std::size_t kPieceBytes = 64 << 10;

  void print_object(const json::object& object, Style style, int depth) {
    if (object.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<const json::key_value_pair*> members;
    members.reserve(object.size());
    for (const json::key_value_pair& member : object) members.push_back(&member);
    if (style == Style::canonical) {
      std::sort(members.begin(), members.end(),
                [](auto* a, auto* b) { return a->key() < b->key(); });
    }
    char separator = '{';
    for (const json::key_value_pair* member : members) {
      out_ += separator;
      separator = ',';
      new_line(style, depth + 1);
      append_string(out_, {member->key().data(), member->key().size()});
      out_ += style == Style::pretty ? ": " : ":";
      print(member->value(), style, depth + 1);
    }
    new_line(style, depth);
    out_ += '}';
  }

  void print_array(const json::array& array, Style style, int depth) {
    const bool has_only_scalars = std::none_of(
        array.begin(), array.end(), [](const json::value& v) { return v.is_structured(); });
    const Style inner = has_only_scalars && style == Style::pretty ? Style::line : style;
    out_ += '[';
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (i > 0) out_ += style == Style::pretty && inner == Style::line ? ", " : ",";
      new_line(inner, depth + 1);
      print(array[i], style, depth + 1);
    }
    if (!array.empty()) new_line(inner, depth);
    out_ += ']';
  }

  void new_line(Style style, int depth) {
    if (style != Style::pretty) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(depth) * 2, ' ');
  }

  const TextSink& sink_;
  std::string out_;
};

void print(const json::value& value, Style style, const TextSink& sink) {
  Printer printer(sink);
  printer.print(value, style, 0);
  printer.flush();
}

std::string to_text(const json::value& value, Style style) {
  std::string text;
  print(value, style, [&](std::string_view piece) { text += piece; });
  return text;
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

namespace {

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kFileBytesMax = 64 << 20;

json::parse_options parse_options() {
  json::parse_options options;
  options.max_depth = kDepthMax;
  return options;
}

Error not_json(std::string_view what, const json::error_code& error) {
  return fail(ErrorCode::invalid_argument, "{}: not JSON: {}", what, error.message());
}

}  // namespace

Result<json::value> parse_json(std::string_view text, std::string_view what) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error, {}, parse_options());
  if (error) return not_json(what, error);
  return value;
}

Result<json::object> parse_json_object(std::string_view text, std::string_view what) {
  BALEEN_ASSIGN_OR_RETURN(json::value value, parse_json(text, what));
  if (!value.is_object()) return fail(ErrorCode::schema_invalid, "{} is no JSON object", what);
  return std::move(value.get_object());
}

Result<json::value> read_json_file(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const Fd file, open_read(path));
  json::stream_parser parser({}, parse_options());
  json::error_code error;
  std::vector<char> piece(kReadBytes);
  std::size_t n_read = 0;
  while (true) {
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n,
                            read_some(file, std::as_writable_bytes(std::span(piece))));
    if (n == 0) break;
    if ((n_read += n) > kFileBytesMax) {
      return fail(ErrorCode::invalid_argument, "{}: more than {} bytes of JSON", path.string(),
                  kFileBytesMax);
    }
    parser.write(piece.data(), n, error);
    if (error) return not_json(path.string(), error);
  }
  parser.finish(error);
  if (error) return not_json(path.string(), error);
  return parser.release();
}

std::string to_json(const json::value& value) { return to_text(value, Style::line); }
std::string to_pretty_json(const json::value& value) {
  return to_text(value, Style::pretty) + '\n';
}
std::string to_canonical_json(const json::value& value) { return to_text(value, Style::canonical); }

void print_pretty_json(const json::value& value, const TextSink& sink) {
  print(value, Style::pretty, sink);
  sink("\n");
}
void print_canonical_json(const json::value& value, const TextSink& sink) {
  print(value, Style::canonical, sink);
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
