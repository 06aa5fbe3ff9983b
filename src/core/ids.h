#pragma once

/// Identifiers. Random ones sort by time (UUID version 7); derived ones are the same on every
/// machine for the same content (UUID version 8 of a SHA-256).

#include <string>
#include <string_view>

namespace baleen::core {

/// A new UUIDv7: for runs, attempts' traces, workers.
[[nodiscard]] std::string new_id();

/// The UUIDv8 made of the first 16 bytes of sha256(text): for assets.
[[nodiscard]] std::string derived_id(std::string_view text);

}  // namespace baleen::core
