#pragma once

/// How the recordings of a collection are embedded, for commands that name no encoding.

#include <optional>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "store/database.h"

namespace baleen::bioacoustics {

struct UsualEncoding {
  std::string encoding_id;
  json::object params;  ///< {model, window_s, hop_s}, as canonical_encoding_params takes them.
};

/// The encoding that most members have; of equals the one that was made last. Nothing where none is embedded.
[[nodiscard]] Result<std::optional<UsualEncoding>> find_usual_encoding(
    store::Database& database, const std::string& collection_id);

}  // namespace baleen::bioacoustics
