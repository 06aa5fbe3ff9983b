#pragma once

/// What nobody can guess.

#include <string>
#include <string_view>

#include "core/result.h"

namespace baleen::ops {

/// 256 random bits as 43 characters of base64url, behind a prefix that says what it is.
[[nodiscard]] Result<std::string> new_secret(std::string_view prefix);

/// Whether a text has the form of a secret with this prefix.
[[nodiscard]] bool has_form_of_secret(std::string_view text, std::string_view prefix);

}  // namespace baleen::ops
