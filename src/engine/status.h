#pragma once

/// What people and programs ask the metadata database: runs, assets, health. Read-only.

#include "core/json.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::engine {

/// {run_id, asset_id, recipe, state, artifacts: […], tasks: [{stage, state, attempts, seconds, error, …}]}
[[nodiscard]] Result<json::object> describe_run(store::Database& database, std::string_view run_id);
/// The asset, its artifacts, its runs and every attempt made on it.
[[nodiscard]] Result<json::object> describe_asset(store::Database& database,
                                                  std::string_view asset_id);
/// Pipeline-level health of 000 §10: backlog depth, success rate, errors by code, latency, leases.
[[nodiscard]] Result<json::object> describe_health(store::Database& database);
/// Of the last ten minutes: {minutes, tasks_per_minute, audio_x}; audio_x is seconds of sound of the runs that were
/// completed, per second.
[[nodiscard]] Result<json::object> describe_throughput(store::Database& database);
/// The run whose id is or uniquely begins with `id`, or the newest run of an asset so named.
[[nodiscard]] Result<std::string> resolve_run(store::Database& database, std::string_view id);
/// The asset whose id is or uniquely begins with `id`.
[[nodiscard]] Result<std::string> resolve_asset(store::Database& database, std::string_view id);

}  // namespace baleen::engine
