#pragma once

/// The texts of specs/*.schema.json, compiled into the binary. Defined in a generated source.

#include <span>
#include <string_view>

namespace baleen::formats {

struct EmbeddedSchema {
  std::string_view schema_id;  ///< The schema's "$id".
  std::string_view text;       ///< JSON.
};

/// Every schema, sorted by file name.
[[nodiscard]] std::span<const EmbeddedSchema> embedded_schemas();

}  // namespace baleen::formats
