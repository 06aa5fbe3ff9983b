#pragma once

/// JSON, by Boost.JSON, with the few helpers that every room needs.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace baleen::core {

namespace json = boost::json;

/// Parses a whole text; `what` names it in the error. Depth at most 32.
[[nodiscard]] Result<json::value> parse_json(std::string_view text, std::string_view what);
/// The same, for what must be an object.
[[nodiscard]] Result<json::object> parse_json_object(std::string_view text, std::string_view what);
/// The same for a file of at most 64 MiB, in pieces.
[[nodiscard]] Result<json::value> read_json_file(const std::filesystem::path& path);

/// One line. Numbers in the shortest form that reads back equal; keys in the order they were set.
[[nodiscard]] std::string to_json(const json::value& value);
/// Indented by two spaces, with a newline at the end; for documents that people open.
[[nodiscard]] std::string to_pretty_json(const json::value& value);
/// One line with sorted keys: equal values give equal text. For signatures.
[[nodiscard]] std::string to_canonical_json(const json::value& value);

/// The same for large documents, in pieces of about 64 KiB.
using TextSink = std::function<void(std::string_view)>;
void print_pretty_json(const json::value& value, const TextSink& sink);
void print_canonical_json(const json::value& value, const TextSink& sink);

/// The text with every byte that is not part of valid UTF-8 replaced by U+FFFD; file names may hold
/// anything. The writers above do this by themselves.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// The member of an object, or the fallback where it is absent or of another type.
[[nodiscard]] std::string get_string(const json::object& object,
                                     std::string_view key,
                                     std::string_view fallback = "");
[[nodiscard]] double get_double(const json::object& object,
                                std::string_view key,
                                double fallback = 0.0);
[[nodiscard]] std::int64_t get_int(const json::object& object,
                                   std::string_view key,
                                   std::int64_t fallback = 0);
[[nodiscard]] bool get_bool(const json::object& object,
                            std::string_view key,
                            bool fallback = false);
/// The member as an object; an empty one where it is absent or of another type.
[[nodiscard]] const json::object& get_object(const json::object& object, std::string_view key);
[[nodiscard]] const json::array& get_array(const json::object& object, std::string_view key);

}  // namespace baleen::core

namespace baleen {
namespace json = boost::json;
}  // namespace baleen
