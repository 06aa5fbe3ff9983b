#pragma once

/// Clusters of a collection as tables for other programs.

#include "cli/cli.h"
#include "store/database.h"

namespace baleen {

/// @param request  {collection_id, format: raven | audacity | kaleidoscope, folder, with_noise}. The clusters are those of the
///                 latest run over the collection. One row for each window: its label is "cluster 7" or "noise", its
///                 confidence the probability.
/// @return  {format, clusters: where they are, windows, noise_left_out, files}. INPUT_NOT_FOUND if the collection has no
///          clusters yet; CONFLICT for a file that is there already, before anything is written.
[[nodiscard]] Result<json::object> export_clusters(const store::DataRoot& root,
                                                   store::Database& database,
                                                   const json::object& request);

}  // namespace baleen
