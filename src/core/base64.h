#pragma once

/// Base64 of RFC 4648.

#include <string>
#include <string_view>

namespace baleen::core {

/// With padding.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// The alphabet for addresses and file names, without padding.
[[nodiscard]] std::string to_base64url(std::string_view bytes);

}  // namespace baleen::core
