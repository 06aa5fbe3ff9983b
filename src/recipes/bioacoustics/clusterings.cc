#include "recipes/bioacoustics/clusterings.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/clock.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/encoding.h"
#include "store/assets.h"
#include "store/collections.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kRowsAtOnce = 65'536;
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
  }
  return infos;
}

Result<json::object> read_document(const store::DataRoot& root, const ClusteringInfo& info) {
  if (info.clusters.path.empty())
    return fail(ErrorCode::artifact_corrupt, "{} has no clusters.json", info.assignments.path);
  BALEEN_ASSIGN_OR_RETURN(json::value document, core::read_json_file(root.at(info.clusters.path)));
  if (!document.is_object())
    return fail(ErrorCode::artifact_corrupt, "{} is no object", info.clusters.path);
  return std::move(document.get_object());
}

/// What is known of recordings, by asset.
class Known {
 public:
  static Result<Known> read(store::Database& database,
                            const store::DataRoot& root,
                            const std::string& collection_id) {
    Known known;
    BALEEN_ASSIGN_OR_RETURN(const auto members, store::list_members(database, collection_id));
    for (const store::CollectionMember& member : members) {
      known.recordings_[member.asset_id] = {{member.asset_id, member.metadata.to_json(), ""},
                                            member.filename};
    }
    BALEEN_ASSIGN_OR_RETURN(const auto artifacts, store::find_latest_artifacts_of_members(
                                                      database, collection_id, "recording_v1", ""));
    for (const store::Artifact& artifact : artifacts) {
      Result<json::value> document = core::read_json_file(root.at(artifact.path));
      if (!document.ok() || !document->is_object()) continue;  // Its hours are unknown, then.
      known.recordings_[artifact.asset_id].facts.start_local =
          core::get_string(document->get_object(), "start_local");
    }
    return known;
  }

  /// Also one that has left the collection since.
  Result<ReviewedRecording> of(store::Database& database, const std::string& asset_id) {
    if (const auto found = recordings_.find(asset_id); found != recordings_.end())
      return found->second;
    BALEEN_ASSIGN_OR_RETURN(const auto asset, store::find_asset(database, asset_id));
    if (!asset) return fail(ErrorCode::input_not_found, "recording {} is gone", asset_id);
    BALEEN_ASSIGN_OR_RETURN(const auto metadata, store::find_metadata(database, asset_id));
    return ReviewedRecording{{asset_id, metadata.to_json(), ""}, asset->original_filename};
  }

 private:
  std::map<std::string, ReviewedRecording> recordings_;
};

std::vector<float> to_floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

/// One portion of the table.
struct Portion {
  std::vector<std::string> asset_id;
  std::vector<double> probability, outlier_score;
};

Result<void> read_portion(formats::AssignmentsFile& file,
                          std::size_t begin,
                          std::size_t count,
                          Portion& portion,
                          ClusteredWindows& windows) {
  portion.asset_id.resize(count);
  portion.probability.resize(count);
  portion.outlier_score.resize(count);
  const auto at = static_cast<std::int64_t>(begin);
  const auto part = [&](auto& values) {
    values.resize(begin + count);
    return std::span(values).subspan(begin, count);
  };
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.asset_id, at, std::span(portion.asset_id)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.probability, at, std::span(portion.probability)));
  BALEEN_RETURN_IF_ERROR(
      file.reader.read(file.outlier_score, at, std::span(portion.outlier_score)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.row_index, at, part(windows.row_index)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.label, at, part(windows.cluster)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.x, at, part(windows.x)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.y, at, part(windows.y)));
  const std::vector<float> probability = to_floats(portion.probability);
  const std::vector<float> outlier_score = to_floats(portion.outlier_score);
  windows.probability.insert(windows.probability.end(), probability.begin(), probability.end());
  windows.outlier_score.insert(windows.outlier_score.end(), outlier_score.begin(),
                               outlier_score.end());
  return {};
}

void reserve(ClusteredWindows& windows, std::size_t n) {
  windows.recording.reserve(n);
  windows.row_index.reserve(n);
  windows.start_s.reserve(n);
  windows.end_s.reserve(n);
  windows.cluster.reserve(n);
  windows.probability.reserve(n);
  windows.outlier_score.reserve(n);
  windows.x.reserve(n);
  windows.y.reserve(n);
}

/// Sets when the windows from `begin` on are, all of one recording.
Result<void> add_times(const std::filesystem::path& embeddings, ClusteredWindows& windows) {
  BALEEN_ASSIGN_OR_RETURN(const WindowTimes times, read_window_times(embeddings));
  for (std::size_t row = windows.start_s.size(); row < windows.recording.size(); ++row) {
    const auto at = static_cast<std::size_t>(windows.row_index[row]);
    if (windows.row_index[row] < 0 || at >= times.start_s.size()) {
      return fail(ErrorCode::artifact_corrupt, "{} has no window {}",
                  embeddings.filename().string(), windows.row_index[row]);
    }
    windows.start_s.push_back(times.start_s[at]);
    windows.end_s.push_back(times.end_s[at]);
  }
  return {};
}

}  // namespace

store::ReviewKey ClusteringInfo::key() const {
  return {collection_id, clustering_id, assignments.sha256};
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
  BALEEN_ASSIGN_OR_RETURN(const json::object document, read_document(root, info));
  BALEEN_ASSIGN_OR_RETURN(
      const auto runs,
      database.query("SELECT run_id FROM pipeline_jobs WHERE id = $1", info.assignments.job_id));
  BALEEN_ASSIGN_OR_RETURN(
      const auto actions,
      database.query("SELECT COUNT(*) FROM review_actions WHERE collection_id = $1 AND "
                     "clustering_id = $2 AND assignments_sha256 = $3 AND undone_at_us IS NULL",
                     info.collection_id, info.clustering_id, info.assignments.sha256));
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
      {"noise", core::get_int(document, "noise")},
      {"clusters", static_cast<std::int64_t>(core::get_array(document, "clusters").size())},
      {"n_actions", actions.front().integer(0)}};
  if (!runs.empty() && !runs.front().is_null(0)) described["run_id"] = runs.front().text(0);
  return described;
}

Result<ClusteringOrigin> origin_of(const store::DataRoot& root, const ClusteringInfo& info) {
  BALEEN_ASSIGN_OR_RETURN(const json::object document, read_document(root, info));
  const std::string metric =
      core::get_string(core::get_object(document, "parameters"), "metric", "cosine");
  return ClusteringOrigin{core::get_string(document, "encoding_id"), metric == "cosine"};
}

Result<std::shared_ptr<const ClusteredWindows>> read_clustered_windows(store::Database& database,
                                                                       const store::DataRoot& root,
                                                                       const ClusteringInfo& info) {
  BALEEN_ASSIGN_OR_RETURN(const json::object document, read_document(root, info));
  const std::string encoding_id = core::get_string(document, "encoding_id");
  BALEEN_ASSIGN_OR_RETURN(Known known, Known::read(database, root, info.collection_id));
  BALEEN_ASSIGN_OR_RETURN(formats::AssignmentsFile file,
                          formats::open_assignments(root.at(info.assignments.path)));
  auto windows = std::make_shared<ClusteredWindows>();
  const auto n = static_cast<std::size_t>(file.reader.n_rows());
  reserve(*windows, n);
  std::filesystem::path embeddings;
  Portion portion;
  for (std::size_t begin = 0; begin < n; begin += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, n - begin);
    BALEEN_RETURN_IF_ERROR(read_portion(file, begin, count, portion, *windows));
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& asset_id = portion.asset_id[i];
      const bool is_next =
          windows->recordings.empty() || windows->recordings.back().facts.asset_id != asset_id;
      if (is_next) {
        if (!windows->recordings.empty()) BALEEN_RETURN_IF_ERROR(add_times(embeddings, *windows));
        BALEEN_ASSIGN_OR_RETURN(ReviewedRecording recording, known.of(database, asset_id));
        windows->recordings.push_back(std::move(recording));
        BALEEN_ASSIGN_OR_RETURN(embeddings, embeddings_path(database, root, asset_id, encoding_id));
      }
      windows->recording.push_back(static_cast<std::uint32_t>(windows->recordings.size() - 1));
    }
  }
  if (n > 0) BALEEN_RETURN_IF_ERROR(add_times(embeddings, *windows));
  for (const json::value& cluster : core::get_array(document, "clusters")) {
    windows->persistence.push_back(
        cluster.is_object() ? core::get_double(cluster.get_object(), "persistence") : 0);
  }
  windows->find_hours();
  return std::shared_ptr<const ClusteredWindows>(std::move(windows));
}

Result<std::optional<WhyNoise>> read_why_noise(const store::DataRoot& root,
                                               const ClusteringInfo& info,
                                               std::size_t row) {
  BALEEN_ASSIGN_OR_RETURN(formats::ParquetReader reader,
                          formats::ParquetReader::open(root.at(info.assignments.path)));
  const bool tells = std::ranges::any_of(
      reader.schema(), [](const auto& column) { return column.name == "noise_reason"; });
  if (!tells) return std::optional<WhyNoise>();
  using formats::ParquetType;
  BALEEN_ASSIGN_OR_RETURN(const int reason_column,
                          reader.column("noise_reason", ParquetType::int32));
  BALEEN_ASSIGN_OR_RETURN(const int nearest_column,
                          reader.column("nearest_label", ParquetType::int32));
  BALEEN_ASSIGN_OR_RETURN(const int missing_column, reader.column("missing", ParquetType::float64));
  std::int32_t reason = 0;
  WhyNoise why;
  const auto at = static_cast<std::int64_t>(row);
  BALEEN_RETURN_IF_ERROR(reader.read(reason_column, at, std::span(&reason, 1)));
  BALEEN_RETURN_IF_ERROR(reader.read(nearest_column, at, std::span(&why.nearest_cluster, 1)));
  BALEEN_RETURN_IF_ERROR(reader.read(missing_column, at, std::span(&why.missing, 1)));
  // The numbers of the file: docs/formats/embeddings_parquet.md.
  why.reason = reason == 1 ? "alone" : reason == 2 ? "loose" : "";
  return std::optional<WhyNoise>(why);
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
