#include "recipes/bioacoustics/clusterings.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/clock.h"
#include "core/sha256.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/encoding.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::string_view kFolder = "clusters/";

/// "clusters/JOB/assignments.parquet" → JOB; "" for another path.
std::string job_of(std::string_view path) {
  if (!path.starts_with(kFolder)) return "";
  path.remove_prefix(kFolder.size());
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

/// The artifacts of a collection in the folder of one job, or of all; newest first.
Result<std::vector<ClusteringInfo>> find_infos(store::Database& database,
                                               const std::string& collection_id,
                                               const std::string& job) {
  BALEEN_ASSIGN_OR_RETURN(const std::vector<store::Artifact> artifacts,
                          store::list_artifacts(database, collection_id));
  std::map<std::pair<std::string, std::string>, const store::Artifact*> documents;
  for (const store::Artifact& artifact : artifacts) {
    if (artifact.type == "clusters_v1")
      documents[{job_of(artifact.path), artifact.signature}] = &artifact;
  }
  std::vector<ClusteringInfo> infos;
  std::set<std::string> seen;
  for (auto artifact = artifacts.rbegin(); artifact != artifacts.rend(); ++artifact) {
    const std::string id = job_of(artifact->path);
    if (artifact->type != "assignments" || id.empty() || (!job.empty() && id != job)) continue;
    if (!seen.insert(id).second) continue;
    const auto document = documents.find({id, artifact->signature});
    infos.push_back({id, collection_id, *artifact,
                     document == documents.end() ? store::Artifact() : *document->second});
    for (const store::Artifact& one : artifacts)
      if (one.type == "additions" && job_of(one.path) == id) infos.back().additions.push_back(one);
  }
  return infos;
}

}  // namespace

store::ReviewKey ClusteringInfo::key() const {
  return {collection_id, clustering_id, assignments.sha256};
}

std::string ClusteringInfo::tables_sha256() const {
  if (additions.empty()) return assignments.sha256;
  std::string all = assignments.sha256;
  for (const store::Artifact& table : additions) all += table.sha256;
  return core::sha256_hex(all);
}

Result<std::vector<ClusteringInfo>> list_clusterings(store::Database& database,
                                                     const std::string& collection_id) {
  return find_infos(database, collection_id, "");
}

Result<std::optional<ClusteringInfo>> find_clustering(store::Database& database,
                                                      std::string_view clustering_id) {
  const std::string folder = std::string(kFolder) + std::string(clustering_id);
  BALEEN_ASSIGN_OR_RETURN(  // '0' is the character behind '/'.
      const auto rows,
      database.query("SELECT asset_id FROM artifact_index WHERE path >= $1 AND path < $2 AND "
                     "artifact_type = 'assignments' ORDER BY artifact_id DESC LIMIT 1",
                     folder + "/", folder + "0"));
  if (rows.empty() || clustering_id.empty()) return std::optional<ClusteringInfo>();
  BALEEN_ASSIGN_OR_RETURN(std::vector<ClusteringInfo> infos,
                          find_infos(database, rows.front().text(0), std::string(clustering_id)));
  if (infos.empty()) return std::optional<ClusteringInfo>();
  return std::optional<ClusteringInfo>(std::move(infos.front()));
}

Result<json::object> describe_clustering(store::Database& database,
                                         const store::DataRoot& root,
                                         const ClusteringInfo& info) {
  BALEEN_ASSIGN_OR_RETURN(const json::object document, read_clusters_document(root, info));
  BALEEN_ASSIGN_OR_RETURN(
      const auto runs,
      database.query("SELECT run_id FROM pipeline_jobs WHERE id = $1", info.assignments.job_id));
  BALEEN_ASSIGN_OR_RETURN(
      const auto actions,
      database.query("SELECT COUNT(*) FROM review_actions WHERE collection_id = $1 AND "
                     "clustering_id = $2 AND assignments_sha256 = $3 AND undone_at_us IS NULL",
                     info.collection_id, info.clustering_id, info.assignments.sha256));
  // Each table of additions holds all that came later: the fullest says how much that is.
  std::int64_t windows_added = 0, recordings_added = 0;
  for (const store::Artifact& table : info.additions) {
    if (table.created_at_us < info.assignments.created_at_us) continue;
    BALEEN_ASSIGN_OR_RETURN(const json::object added,
                            core::parse_json_object(table.document_json, "additions"));
    windows_added = std::max(windows_added, core::get_int(added, "windows"));
    recordings_added = std::max(recordings_added, core::get_int(added, "recordings"));
  }
  json::object described{
      {"clustering_id", info.clustering_id},
      {"collection_id", info.collection_id},
      {"created_at", core::rfc3339(info.assignments.created_at_us)},
      {"encoding_id", core::get_string(document, "encoding_id")},
      {"parameters", core::get_object(document, "parameters")},
      {"where", core::get_object(document, "where")},
      {"recordings", core::get_int(document, "recordings")},
      {"windows", core::get_int(document, "windows")},
      {"windows_left_out", core::get_int(document, "windows_left_out")},
      {"windows_added", windows_added},
      {"recordings_added", recordings_added},
      {"noise", core::get_int(document, "noise")},
      {"clusters", static_cast<std::int64_t>(core::get_array(document, "clusters").size())},
      {"n_actions", actions.front().integer(0)}};
  if (!runs.empty() && !runs.front().is_null(0)) described["run_id"] = runs.front().text(0);
  return described;
}

Result<json::object> read_clusters_document(const store::DataRoot& root,
                                            const ClusteringInfo& info) {
  if (info.clusters.path.empty())
    return fail(ErrorCode::artifact_corrupt, "{} has no clusters.json", info.assignments.path);
  BALEEN_ASSIGN_OR_RETURN(json::value document, core::read_json_file(root.at(info.clusters.path)));
  if (!document.is_object())
    return fail(ErrorCode::artifact_corrupt, "{} is no object", info.clusters.path);
  return std::move(document.get_object());
}

Result<ClusteringOrigin> origin_of(const store::DataRoot& root, const ClusteringInfo& info) {
  BALEEN_ASSIGN_OR_RETURN(const json::object document, read_clusters_document(root, info));
  const std::string metric =
      core::get_string(core::get_object(document, "parameters"), "metric", "cosine");
  return ClusteringOrigin{core::get_string(document, "encoding_id"), metric == "cosine"};
}

Result<std::filesystem::path> embeddings_path(store::Database& database,
                                              const store::DataRoot& root,
                                              const std::string& asset_id,
                                              const std::string& encoding_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto artifact,
      store::find_latest_artifact(database, asset_id, "embedding_set", alias_of(encoding_id)));
  if (artifact) return root.at(artifact->path);
  return fail(ErrorCode::input_not_found,
              "the embeddings of {} are gone since it was clustered: embed it again, or cluster "
              "again without it",
              asset_id);
}

Result<WindowTimes> read_window_times(const std::filesystem::path& embeddings) {
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file, formats::open_embeddings(embeddings));
  const auto n = static_cast<std::size_t>(file.reader.n_rows());
  WindowTimes times{std::vector<double>(n), std::vector<double>(n)};
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.start_s, 0, std::span(times.start_s)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.end_s, 0, std::span(times.end_s)));
  return times;
}

}  // namespace baleen::bioacoustics
