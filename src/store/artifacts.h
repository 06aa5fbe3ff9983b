#pragma once

/// The index of published files. A row is written in the transaction that publishes its file, so a
/// row never points at bytes that are not safe.

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::store {

struct Artifact {
  std::int64_t artifact_id = 0;
  std::string asset_id;
  std::string type;
  std::string feature_spec_alias;
  std::string path;  ///< Below the data root.
  std::string sha256;
  std::string content_sha256;  ///< Digest without computed_at; what signatures are made of.
  std::int64_t bytes = 0;
  std::string schema_id;
  std::string version;
  std::string signature;
  std::string signature_json;
  std::string document_json;
  std::string producer;
  std::int64_t job_id = 0;
  std::int64_t created_at_us = 0;

  /// {type, path, sha256, bytes, schema_id, …} for people and programs.
  [[nodiscard]] json::object to_json() const;
};

[[nodiscard]] Result<void> insert_artifact(Database& database, const Artifact& artifact);
/// The newest artifact of this type (and alias, unless empty).
[[nodiscard]] Result<std::optional<Artifact>> find_latest_artifact(Database& database,
                                                                   std::string_view asset_id,
                                                                   std::string_view type,
                                                                   std::string_view alias);
/// The same of each member of a collection that has one, in the order of their ids.
[[nodiscard]] Result<std::vector<Artifact>> find_latest_artifacts_of_members(
    Database& database,
    std::string_view collection_id,
    std::string_view type,
    std::string_view alias);
/// Where an artifact is, without all that is known of it.
struct ArtifactFile {
  std::string asset_id;
  std::string path;  ///< Below the data root.
  std::string sha256;
  std::int64_t bytes = 0;
};
/// The files of what find_latest_artifacts_of_members gives, for an alias that is not empty; several times as fast, where
/// a collection has ten thousand members.
[[nodiscard]] Result<std::vector<ArtifactFile>> find_latest_files_of_members(
    Database& database,
    std::string_view collection_id,
    std::string_view type,
    std::string_view alias);
[[nodiscard]] Result<std::vector<Artifact>> find_artifacts_by_signature(Database& database,
                                                                        std::string_view signature);
[[nodiscard]] Result<std::optional<Artifact>> find_artifact_by_path(Database& database,
                                                                    std::string_view path);
/// All artifacts of an asset, oldest first.
[[nodiscard]] Result<std::vector<Artifact>> list_artifacts(Database& database,
                                                           std::string_view asset_id);

enum class FileState { intact, missing, wrong_size };
/// Looks at the file's size only; `verify_artifact` reads it.
[[nodiscard]] FileState look_at_file(const DataRoot& root, const Artifact& artifact);
/// ARTIFACT_CORRUPT unless the file has the recorded size and digest.
[[nodiscard]] Result<void> verify_artifact(const DataRoot& root, const Artifact& artifact);

}  // namespace baleen::store
