#pragma once

/// Clusters and annotations of a collection as tables for other programs.

#include "cli/cli.h"
#include "store/database.h"

namespace baleen {

/// @param request  {collection_id, format: raven | audacity | kaleidoscope | darwin_core | parquet, what: clusters (the
///                 default) | annotations | all, clustering_id, with_noise, asset_id, folder}. Without clustering_id the newest;
///                 `all` is content without clusters. One row for each window or annotation: a window's label is that of
///                 its review, else "cluster 7" or "noise", with the probability as its confidence.
/// @return  {format, what, clusters: where they are, clustering_id, recordings, windows, annotations, noise_left_out,
///          files}. INPUT_NOT_FOUND if the collection has none; CONFLICT for a file that is there already, before
///          anything is written.
[[nodiscard]] Result<json::object> export_tables(const store::DataRoot& root,
                                                 store::Database& database,
                                                 const json::object& request);

/// The same without a folder: {filename, media_type, text: its bytes} of the one table. INVALID_ARGUMENT where there would be
/// several: Audacity's labels are of one recording.
[[nodiscard]] Result<json::object> export_one_table(const store::DataRoot& root,
                                                    store::Database& database,
                                                    const json::object& request);

}  // namespace baleen
