#pragma once

/// Base64 of RFC 4648, as headers carry it. Pure functions.

#include <optional>
#include <string>
#include <string_view>

namespace baleen::api {

/// The bytes, or nothing if the text is not base64 with its padding.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);
[[nodiscard]] std::string encode_base64(std::string_view bytes);

}  // namespace baleen::api
