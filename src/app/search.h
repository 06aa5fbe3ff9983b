#pragma once

/// Search by example over a collection, for the command line and the service.

#include <optional>

#include "cli/cli.h"
#include "recipes/bioacoustics/search_index.h"
#include "store/database.h"

namespace baleen {

/// @param request  {collection_id, asset_id, start_s, end_s, top, apart_s, since, before, where, params}; without start_s and end_s
///                 the whole recording is the example, without end_s the window at start_s. since and before are times of day and year. `params` are those of the
///                 recipe bioacoustics: only what was encoded alike can be compared. Not from outside: rebuild_index makes the index anew,
///                 index_added_max bounds how many windows are added to it.
/// @param indexes  Stay open until the next search.
/// @return  {collection_id, encoding_id, example, recordings_searched, recordings_not_embedded, recordings_without_time, windows_searched, index, hits};
///          index is {windows, looked_at, added, warning}: how many windows were compared by their sketches, how many of them then themselves,
///          how many are new there, and why it could not be used or brought up to date. Hits are the same with an index and without.
///          INPUT_NOT_FOUND if the example or the whole collection has no such embeddings; INVALID_ARGUMENT.
[[nodiscard]] Result<json::object> search_collection(const cli::Config& config,
                                                     const store::DataRoot& root,
                                                     store::Database& database,
                                                     bioacoustics::OpenIndexes& indexes,
                                                     const json::object& request);

/// The state of all search indexes, as a line of `baleen doctor`; nothing where there are none.
[[nodiscard]] std::optional<cli::Check> search_index_check(const store::DataRoot& root);

}  // namespace baleen
