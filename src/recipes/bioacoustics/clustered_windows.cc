// The windows of a clustering, and of what was added to it, read from their tables.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/clusterings.h"
#include "recipes/bioacoustics/deployment_clock.h"
#include "store/assets.h"
#include "store/collections.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kRowsAtOnce = 65'536;
/// What ties additions to the clustering that they were made for.
constexpr std::string_view kModelKey = "model_sha256";

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
      RecordingFacts& facts = known.recordings_[artifact.asset_id].facts;
      const Result<json::object> in_time = in_true_time(document->get_object(), facts.metadata);
      facts.start_local =
          core::get_string(in_time.ok() ? *in_time : document->get_object(), "start_local");
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

/// Some rows of a table.
struct Portion {
  std::vector<std::string> asset_id;
  std::vector<std::int32_t> row_index, label;
  std::vector<double> probability, outlier_score;
  std::vector<float> x, y;

  Result<void> read(formats::AssignmentsFile& file, std::size_t begin, std::size_t count) {
    const auto part = [&](int column, auto& values) {
      values.resize(count);
      return file.reader.read(column, static_cast<std::int64_t>(begin), std::span(values));
    };
    BALEEN_RETURN_IF_ERROR(part(file.asset_id, asset_id));
    BALEEN_RETURN_IF_ERROR(part(file.row_index, row_index));
    BALEEN_RETURN_IF_ERROR(part(file.label, label));
    BALEEN_RETURN_IF_ERROR(part(file.probability, probability));
    BALEEN_RETURN_IF_ERROR(part(file.outlier_score, outlier_score));
    BALEEN_RETURN_IF_ERROR(part(file.x, x));
    return part(file.y, y);
  }
};

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

/// Puts table behind table, recording behind recording.
class Gatherer {
 public:
  Gatherer(store::Database& database,
           const store::DataRoot& root,
           const std::string& encoding_id,
           Known known)
      : database_(database), root_(root), encoding_id_(encoding_id), known_(std::move(known)) {}

  /// Without the recordings that an earlier table has.
  Result<void> add(formats::AssignmentsFile& file) {
    for (const ReviewedRecording& recording : windows_.recordings)
      earlier_.insert(recording.facts.asset_id);
    const auto n = static_cast<std::size_t>(file.reader.n_rows());
    reserve(windows_, windows_.size() + n);
    Portion portion;
    is_skipped_ = true;
    asset_id_.clear();
    for (std::size_t begin = 0; begin < n; begin += kRowsAtOnce) {
      const std::size_t count = std::min(kRowsAtOnce, n - begin);
      BALEEN_RETURN_IF_ERROR(portion.read(file, begin, count));
      for (std::size_t i = 0; i < count; ++i)
        BALEEN_RETURN_IF_ERROR(add_row(portion, i, begin + i));
    }
    BALEEN_RETURN_IF_ERROR(add_times());
    ++n_tables_;
    return {};
  }
  /// A table of which nothing is wanted.
  void skip() { ++n_tables_; }
  std::shared_ptr<ClusteredWindows> take() {
    windows_.find_hours();
    return std::make_shared<ClusteredWindows>(std::move(windows_));
  }

 private:
  Result<void> add_row(const Portion& portion, std::size_t i, std::size_t row_of_table) {
    if (asset_id_ != portion.asset_id[i]) {
      BALEEN_RETURN_IF_ERROR(add_times());
      asset_id_ = portion.asset_id[i];
      is_skipped_ = earlier_.contains(asset_id_);
      if (!is_skipped_) BALEEN_RETURN_IF_ERROR(begin_recording(row_of_table));
    }
    if (is_skipped_) return {};
    windows_.recording.push_back(static_cast<std::uint32_t>(windows_.recordings.size() - 1));
    windows_.row_index.push_back(portion.row_index[i]);
    windows_.cluster.push_back(std::max(portion.label[i], kNoCluster));
    windows_.probability.push_back(static_cast<float>(portion.probability[i]));
    windows_.outlier_score.push_back(static_cast<float>(portion.outlier_score[i]));
    windows_.x.push_back(portion.x[i]);
    windows_.y.push_back(portion.y[i]);
    return {};
  }

  Result<void> begin_recording(std::size_t row_of_table) {
    BALEEN_ASSIGN_OR_RETURN(ReviewedRecording recording, known_.of(database_, asset_id_));
    recording.table = n_tables_;
    recording.table_offset =
        static_cast<std::int64_t>(row_of_table) - static_cast<std::int64_t>(windows_.size());
    windows_.recordings.push_back(std::move(recording));
    BALEEN_ASSIGN_OR_RETURN(embeddings_,
                            embeddings_path(database_, root_, asset_id_, encoding_id_));
    return {};
  }

  /// Sets when the windows are whose recording has just ended.
  Result<void> add_times() {
    if (windows_.start_s.size() == windows_.size()) return {};
    BALEEN_ASSIGN_OR_RETURN(const WindowTimes times, read_window_times(embeddings_));
    for (std::size_t row = windows_.start_s.size(); row < windows_.size(); ++row) {
      const auto at = static_cast<std::size_t>(windows_.row_index[row]);
      if (windows_.row_index[row] < 0 || at >= times.start_s.size()) {
        return fail(ErrorCode::artifact_corrupt, "{} has no window {}",
                    embeddings_.filename().string(), windows_.row_index[row]);
      }
      windows_.start_s.push_back(times.start_s[at]);
      windows_.end_s.push_back(times.end_s[at]);
    }
    return {};
  }

  store::Database& database_;
  const store::DataRoot& root_;
  const std::string encoding_id_;
  Known known_;
  ClusteredWindows windows_;
  std::set<std::string> earlier_;
  std::string asset_id_;  // Of the row before.
  bool is_skipped_ = true;
  std::filesystem::path embeddings_;
  std::uint32_t n_tables_ = 0;
};

}  // namespace

Result<std::shared_ptr<const ClusteredWindows>> read_clustered_windows(store::Database& database,
                                                                       const store::DataRoot& root,
                                                                       const ClusteringInfo& info) {
  BALEEN_ASSIGN_OR_RETURN(const json::object document, read_clusters_document(root, info));
  BALEEN_ASSIGN_OR_RETURN(Known known, Known::read(database, root, info.collection_id));
  Gatherer gatherer(database, root, core::get_string(document, "encoding_id"), std::move(known));
  BALEEN_ASSIGN_OR_RETURN(formats::AssignmentsFile file,
                          formats::open_assignments(root.at(info.assignments.path)));
  BALEEN_RETURN_IF_ERROR(gatherer.add(file));
  const std::string model(file.reader.find_metadata(kModelKey).value_or(""));
  for (const store::Artifact& table : info.additions) {
    BALEEN_ASSIGN_OR_RETURN(formats::AssignmentsFile added,
                            formats::open_assignments(root.at(table.path)));
    if (model.empty() || added.reader.find_metadata(kModelKey) != model) {
      gatherer.skip();
    } else {
      BALEEN_RETURN_IF_ERROR(gatherer.add(added));
    }
  }
  const std::shared_ptr<ClusteredWindows> windows = gatherer.take();
  for (const json::value& cluster : core::get_array(document, "clusters")) {
    windows->persistence.push_back(
        cluster.is_object() ? core::get_double(cluster.get_object(), "persistence") : 0);
  }
  return std::shared_ptr<const ClusteredWindows>(windows);
}

Result<std::optional<WhyNoise>> read_why_noise(const store::DataRoot& root,
                                               const ClusteringInfo& info,
                                               const ClusteredWindows& windows,
                                               std::size_t row) {
  const ReviewedRecording& recording = windows.recordings[windows.recording[row]];
  const store::Artifact& table =
      recording.table == 0 ? info.assignments : info.additions[recording.table - 1];
  BALEEN_ASSIGN_OR_RETURN(formats::ParquetReader reader,
                          formats::ParquetReader::open(root.at(table.path)));
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
  const std::int64_t at = static_cast<std::int64_t>(row) + recording.table_offset;
  BALEEN_RETURN_IF_ERROR(reader.read(reason_column, at, std::span(&reason, 1)));
  BALEEN_RETURN_IF_ERROR(reader.read(nearest_column, at, std::span(&why.nearest_cluster, 1)));
  BALEEN_RETURN_IF_ERROR(reader.read(missing_column, at, std::span(&why.missing, 1)));
  // The numbers of the file: docs/formats/embeddings_parquet.md.
  why.reason = reason == 1 ? "alone" : reason == 2 ? "loose" : "";
  return std::optional<WhyNoise>(why);
}

}  // namespace baleen::bioacoustics
