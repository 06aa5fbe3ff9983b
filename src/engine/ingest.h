#pragma once

/// Ingest: a file becomes an asset. Its bytes are copied below the data root while they are hashed;
/// the same bytes of the same owner are the same asset, however often and from wherever they come.

#include <filesystem>
#include <functional>
#include <string>

#include "core/json.h"
#include "store/assets.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::engine {

struct IngestRequest {
  std::filesystem::path source;
  std::string owner_entity_id = "local";
  json::object metadata;
};

struct Ingested {
  store::Asset asset;
  bool is_new = false;
  json::object metrics;  ///< As in pipeline_jobs; empty unless new.
};

/// Best effort: a failure is recorded in the ingest attempt's metrics, and ingest goes on.
using ProbeAssetFn = std::function<Result<json::object>(const std::filesystem::path&)>;

/// FILE_NOT_FOUND, PERMISSION_DENIED, HASH_FAILED, INGEST_FAILED or DISK_FULL.
[[nodiscard]] Result<Ingested> ingest_file(store::Database& database,
                                           const store::DataRoot& root,
                                           const IngestRequest& request,
                                           const ProbeAssetFn& probe);

/// Removes what a killed ingest left in `incoming/`; how many files.
[[nodiscard]] Result<int> sweep_incoming(const store::DataRoot& root);

/// The media type guessed from the first bytes of a file ("audio/flac"), or "application/octet-stream".
[[nodiscard]] std::string guess_format(std::string_view first_bytes);

}  // namespace baleen::engine
