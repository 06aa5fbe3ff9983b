#pragma once

/// Linear probes over the embeddings of a collection, for the command line and the service: learned from what people have said of
/// its windows, and asked what to listen to next.

#include "cli/cli.h"
#include "store/database.h"

namespace baleen {

/// Learns a label and keeps what was learned.
///
/// @param request  {collection_id, label, precision (0.9), params}; `params` are those of the recipe bioacoustics. Without any, the
///                 encoding that most recordings of the collection have (of equals the newest).
/// @return  store::LinearProbe::to_json: {probe_id, label, encoding_id, positives, negatives, negatives_presumed, recordings,
///          average_precision, roc_auc, threshold, precision, precision_low, precision_high, recall, is_precision_reached,
///          is_by_recording, windows_above, windows_scored, warnings: [sentence], …}.
/// Errors: LABELS_TOO_FEW; INPUT_NOT_FOUND without embeddings; CLUSTER_POINTS_IDENTICAL; INVALID_ARGUMENT.
[[nodiscard]] Result<json::object> make_probe(const cli::Config& config,
                                              const store::DataRoot& root,
                                              store::Database& database,
                                              const json::object& request,
                                              const std::string& made_by);

/// Windows of the probe's collection with their scores (probabilities).
///
/// @param request  {order: "score" (highest first) | "uncertain" (nearest to the threshold first, without those that people have
///                 labelled), limit (50, at most 10,000), min_score (0)}
/// @return  {items: [{asset_id, filename, row_index, start_s, end_s, score, label: text or null}]}. NOT_FOUND.
[[nodiscard]] Result<json::object> probe_windows(const store::DataRoot& root,
                                                 store::Database& database,
                                                 std::int64_t probe_id,
                                                 const json::object& request);

}  // namespace baleen
