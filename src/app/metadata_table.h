#pragma once

/// What people know of the recordings of a collection as one table (CSV), out and in: docs/formats/metadata_csv.md.

#include "cli/cli.h"
#include "store/database.h"

namespace baleen {

/// Columns file, asset_id, then dotted names such as tag_data.species; a row for each recording, by name.
///
/// @param request  {collection_id}
/// @return  {text: the table, items: [{file, asset_id, metadata}]}
[[nodiscard]] Result<json::object> write_metadata_table(const store::DataRoot& root,
                                                        store::Database& database,
                                                        const json::object& request);

/// Writes what the table says; columns and recordings that it does not have stay as they are, an empty cell takes a value
/// away. Separated by commas, semicolons or tabs, as its header says.
///
/// @param request  {collection_id, text}
/// @return  {changed, unchanged: recordings, unknown: [names of recordings that are not in the collection, which are left
///          out], changes: [{file, asset_id, values: {name: new value or null}}], at most kChangesToldMax}.
///          INVALID_ARGUMENT with line and column, and nothing is changed: unknown columns, names that mean several
///          recordings, recordings named twice, values in values that are no objects.
[[nodiscard]] Result<json::object> read_metadata_table(const store::DataRoot& root,
                                                       store::Database& database,
                                                       const json::object& request);

inline constexpr std::size_t kChangesToldMax = 1000;

}  // namespace baleen
