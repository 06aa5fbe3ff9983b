#include "store/artifacts.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/sha256.h"

namespace baleen::store {
namespace {

constexpr std::string_view kColumns =
    "artifact_id, asset_id, artifact_type, feature_spec_alias, path, sha256, content_sha256, "
    "bytes, schema_id, version, "
    "signature, signature_json, document_json, producer, job_id, created_at_us";

std::string select_where(std::string_view condition) {
  return "SELECT " + std::string(kColumns) + " FROM artifact_index WHERE " + std::string(condition);
}

Artifact from_row(const Row& row) {
  Artifact artifact;
  artifact.artifact_id = row.integer(0);
  artifact.asset_id = row.text(1);
  artifact.type = row.text(2);
  artifact.feature_spec_alias = row.text(3);
  artifact.path = row.text(4);
  artifact.sha256 = row.text(5);
  artifact.content_sha256 = row.text(6);
  artifact.bytes = row.integer(7);
  artifact.schema_id = row.text(8);
  artifact.version = row.text(9);
  artifact.signature = row.text(10);
  artifact.signature_json = row.text(11);
  artifact.document_json = row.text(12);
  artifact.producer = row.text(13);
  artifact.job_id = row.integer(14);
  artifact.created_at_us = row.integer(15);
  return artifact;
}

std::vector<Artifact> from_rows(const std::vector<Row>& rows) {
  std::vector<Artifact> artifacts;
  artifacts.reserve(rows.size());
  for (const Row& row : rows) artifacts.push_back(from_row(row));
  return artifacts;
}

std::optional<Artifact> first_of(const std::vector<Row>& rows) {
  if (rows.empty()) return std::nullopt;
  return from_row(rows.front());
}

}  // namespace

json::object Artifact::to_json() const {
  json::object object{{"artifact_id", artifact_id},
                      {"type", type},
                      {"path", path},
                      {"sha256", sha256},
                      {"bytes", bytes},
                      {"schema_id", schema_id},
                      {"version", version},
                      {"signature", signature},
                      {"producer", producer},
                      {"created_at", core::rfc3339(created_at_us)}};
  if (!feature_spec_alias.empty()) object["feature_spec_alias"] = feature_spec_alias;
  return object;
}

Result<void> insert_artifact(Database& database, const Artifact& a) {
  BALEEN_RETURN_IF_ERROR(
      database.execute("INSERT INTO artifact_index (asset_id, artifact_type, feature_spec_alias, "
                       "path, sha256, content_sha256, bytes, "
                       "schema_id, version, signature, signature_json, document_json, producer, "
                       "job_id, created_at_us) "
                       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                       a.asset_id, a.type, a.feature_spec_alias, a.path, a.sha256, a.content_sha256,
                       a.bytes, a.schema_id, a.version, a.signature, a.signature_json,
                       a.document_json, a.producer, a.job_id, a.created_at_us));
  return {};
}

Result<std::optional<Artifact>> find_latest_artifact(Database& database,
                                                     std::string_view asset_id,
                                                     std::string_view type,
                                                     std::string_view alias) {
  if (alias.empty()) {
    static const std::string kSql =
        select_where("asset_id = $1 AND artifact_type = $2 ORDER BY artifact_id DESC LIMIT 1");
    BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows, database.query(kSql, asset_id, type));
    return first_of(rows);
  }
  static const std::string kSql = select_where(
      "asset_id = $1 AND artifact_type = $2 AND feature_spec_alias = $3 ORDER BY artifact_id DESC "
      "LIMIT 1");
  BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows, database.query(kSql, asset_id, type, alias));
  return first_of(rows);
}

Result<std::vector<Artifact>> find_latest_artifacts_of_members(Database& database,
                                                               std::string_view collection_id,
                                                               std::string_view type,
                                                               std::string_view alias) {
  static const std::string kSql = select_where(
      "artifact_id IN (SELECT (SELECT MAX(a.artifact_id) FROM artifact_index a WHERE "
      "a.asset_id = m.asset_id AND a.artifact_type = $2 AND $3 IN ('', "
      "a.feature_spec_alias)) FROM collection_members m WHERE m.collection_id = $1) "
      "ORDER BY asset_id");
  BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows,
                          database.query(kSql, collection_id, type, alias));
  return from_rows(rows);
}

Result<std::vector<ArtifactFile>> find_latest_files_of_members(Database& database,
                                                               std::string_view collection_id,
                                                               std::string_view type,
                                                               std::string_view alias) {
  BALEEN_ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      database.query("SELECT m.asset_id, a.path, a.sha256, a.bytes FROM collection_members m JOIN "
                     "artifact_index a ON a.artifact_id = (SELECT MAX(b.artifact_id) FROM "
                     "artifact_index b WHERE b.asset_id = m.asset_id AND b.artifact_type = $2 AND "
                     "b.feature_spec_alias = $3) WHERE m.collection_id = $1 ORDER BY m.asset_id",
                     collection_id, type, alias));
  std::vector<ArtifactFile> files;
  files.reserve(rows.size());
  for (const Row& row : rows)
    files.push_back({row.text(0), row.text(1), row.text(2), row.integer(3)});
  return files;
}

Result<std::vector<Artifact>> find_artifacts_by_signature(Database& database,
                                                          std::string_view signature) {
  static const std::string kSql = select_where("signature = $1 ORDER BY artifact_id");
  BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows, database.query(kSql, signature));
  return from_rows(rows);
}

Result<std::optional<Artifact>> find_artifact_by_path(Database& database, std::string_view path) {
  static const std::string kSql = select_where("path = $1");
  BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows, database.query(kSql, path));
  return first_of(rows);
}

Result<std::vector<Artifact>> list_artifacts(Database& database, std::string_view asset_id) {
  static const std::string kSql = select_where("asset_id = $1 ORDER BY artifact_id");
  BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows, database.query(kSql, asset_id));
  return from_rows(rows);
}

FileState look_at_file(const DataRoot& root, const Artifact& artifact) {
  const Result<std::int64_t> size_bytes = core::file_size_bytes(root.at(artifact.path));
  if (!size_bytes.ok()) return FileState::missing;
  return *size_bytes == artifact.bytes ? FileState::intact : FileState::wrong_size;
}

Result<void> verify_artifact(const DataRoot& root, const Artifact& artifact) {
  BALEEN_ASSIGN_OR_RETURN(const std::string sha256, core::sha256_file(root.at(artifact.path)));
  if (sha256 == artifact.sha256) return {};
  return fail(ErrorCode::artifact_corrupt, "{}: sha256 is {}, recorded was {}", artifact.path,
              sha256, artifact.sha256);
}

}  // namespace baleen::store
