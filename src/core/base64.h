#pragma once

/// Base64 of RFC 4648.

#include <optional>
#include <string>
#include <string_view>

namespace baleen::core {

/// With padding.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// The alphabet for addresses and file names, without padding.
[[nodiscard]] std::string to_base64url(std::string_view bytes);
/// The bytes of what to_base64 gives; nothing for any other text.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace baleen::core
