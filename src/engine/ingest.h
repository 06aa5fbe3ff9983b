#pragma once

/// Ingest: a file becomes an asset. Its bytes are copied below the data root while they are hashed;
/// the same bytes of the same owner are the same asset, however often and from wherever they come.

#include <filesystem>
#include <functional>
#include <string>

#include "core/json.h"
#include "engine/copy_in.h"
#include "store/assets.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::engine {

struct IngestRequest {
  std::filesystem::path source;
  std::string owner_entity_id = "local";
  json::object metadata;
  KeepGoing keep_going = {};  ///< While the file is copied.
};

struct Ingested {
  store::Asset asset;
  bool is_new = false;
  json::object metrics;  ///< As in pipeline_jobs; empty unless new.
};

/// Best effort: a failure is recorded in the ingest attempt's metrics, and ingest goes on.
using ProbeAssetFn = std::function<Result<json::object>(const std::filesystem::path&)>;

/// FILE_NOT_FOUND, PERMISSION_DENIED, HASH_FAILED, INGEST_FAILED, DISK_FULL or CANCELED.
[[nodiscard]] Result<Ingested> ingest_file(store::Database& database,
                                           const store::DataRoot& root,
                                           const IngestRequest& request,
                                           const ProbeAssetFn& probe);

/// A file whose bytes are below the data root and safe on the disk, and what is known of them.
struct Arrival {
  std::filesystem::path file;
  std::string filename;  ///< As its owner calls it.
  std::string source_uri;
  std::string owner_entity_id;
  json::object metadata;
  std::string sha256;
  std::int64_t bytes = 0;
  std::string first_bytes;  ///< At most 64.
  double hash_s = 0;
  std::int64_t started_us = 0;
};

/// Makes an arrival an asset: its file is renamed into its place, without a copy. Where the asset has its
/// original already the file stays, and is the caller's to remove. May be repeated after a crash: a file that
/// is gone is looked for in its place. INGEST_FAILED, DISK_FULL, FILE_NOT_FOUND.
[[nodiscard]] Result<Ingested> adopt_file(store::Database& database,
                                          const store::DataRoot& root,
                                          const Arrival& arrival,
                                          const ProbeAssetFn& probe);

/// Who these bytes are, for this owner.
[[nodiscard]] std::string asset_id_of(std::string_view owner_entity_id, std::string_view sha256);

/// Removes what a killed ingest left in `incoming/`; how many files.
[[nodiscard]] Result<int> sweep_incoming(const store::DataRoot& root);

/// The media type guessed from the first bytes of a file ("audio/flac"), or "application/octet-stream".
[[nodiscard]] std::string guess_format(std::string_view first_bytes);

/// What the file is if its first bytes (64 are enough) say plainly that it holds no sound ("a PDF document");
/// "" where it may. Unknown bytes may: that is for the decoder to say.
[[nodiscard]] std::string_view name_if_no_audio(std::string_view first_bytes);

}  // namespace baleen::engine
