#pragma once

/// JSON documents that keep their contracts: built with the six common members, and checked against
/// specs/*.schema.json before they are published. All functions are thread-safe.

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace baleen::formats {

/// What every artifact document says about its origin.
struct DocumentHeader {
  std::string asset_id;
  std::string computed_at;  ///< core::rfc3339(): 24 characters.
  std::string pipeline_version;
  std::string worker_version;
};

/// The version that all schemas of specs/ carry at present.
inline constexpr std::string_view kSchemaVersion = "1.0.0";

/// A document with schema_id, version and the header's members, in this order; the caller adds the rest.
[[nodiscard]] json::object begin_document(std::string_view schema_id, const DocumentHeader& header);

/// Success if the document satisfies the schema ("segments.v1").
///
/// @return SCHEMA_INVALID with the path and reason of the first three faults ("segments[3].label: …");
///         INVALID_ARGUMENT for an unknown schema id.
///
/// Schemas are compiled at first use and kept.
[[nodiscard]] Result<void> validate(std::string_view schema_id, const json::value& document);

/// Compiles a schema, which the first `validate` would do otherwise: some 2 ms.
void prepare_schema(std::string_view schema_id);

/// The ids of all schemas in the binary.
[[nodiscard]] std::vector<std::string> schema_ids();
/// The text of a schema, or "" for an unknown id.
[[nodiscard]] std::string_view schema_text(std::string_view schema_id);

}  // namespace baleen::formats
