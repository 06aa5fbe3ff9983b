#pragma once

/// Search by example over a collection, for the command line and the service.

#include "cli/cli.h"
#include "store/database.h"

namespace baleen {

/// @param request  {collection_id, asset_id, start_s, end_s, top, apart_s, since, before, where, params}; without start_s and end_s
///                 the whole recording is the example, without end_s the window at start_s. since and before are times of day and year. `params` are those of the
///                 recipe bioacoustics: only what was encoded alike can be compared.
/// @return  {collection_id, encoding_id, example, recordings_searched, recordings_not_embedded, recordings_without_time, windows_searched, hits}.
///          INPUT_NOT_FOUND if the example or the whole collection has no such embeddings; INVALID_ARGUMENT.
[[nodiscard]] Result<json::object> search_collection(const cli::Config& config,
                                                     const store::DataRoot& root,
                                                     store::Database& database,
                                                     const json::object& request);

}  // namespace baleen
