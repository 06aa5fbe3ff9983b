#pragma once

/// Why: which stages of a recipe would run for an asset, and what a task waits for. Read-only.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "engine/live.h"
#include "engine/recipe.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::engine {

/// Of the newest run over an asset; "" if it was never run.
[[nodiscard]] Result<std::string> newest_recipe_of(store::Database& database,
                                                   std::string_view asset_id);

/// {asset_id, recipe, params, stages: [{stage, would_run, reason, why, waits_for: [stage], signature}]}; with the
/// parameters of the newest run of this recipe over the asset, or those that the recipe has by itself. Without an asset
/// the file is new, and everything would run after its ingest.
[[nodiscard]] Result<json::object> explain_asset(store::Database& database,
                                                 const store::DataRoot& root,
                                                 const Recipe& recipe,
                                                 const std::optional<std::string>& asset_id);

/// [{kind: upstream|retry|pause|lease|turn|worker, detail, …}]: everything that keeps a task from running, or
/// nothing for one that is running or over. `detail` is a sentence for people.
[[nodiscard]] Result<json::array> explain_task(store::Database& database,
                                               const std::vector<LiveWorker>& workers,
                                               std::int64_t task_id);

/// {fraction, seconds, eta_s, audio_x, worker}; audio_x is seconds of sound per second of work. Null: unknown.
[[nodiscard]] json::object describe_progress(const LiveWorker& worker,
                                             const LiveTask& task,
                                             double duration_s);

/// Adds `progress` to the running ones of a run's tasks.
void add_progress(json::object& run, const std::vector<LiveWorker>& workers);

}  // namespace baleen::engine
