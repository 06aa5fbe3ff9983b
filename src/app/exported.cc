#include "app/exported.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "recipes/bioacoustics/open_review.h"
#include "store/annotations.h"
#include "store/assets.h"
#include "store/collections.h"

namespace baleen {
namespace {

namespace fs = std::filesystem;
using bioacoustics::OpenReview;
using bioacoustics::Review;

/// Recordings as they are met, each once.
class Recordings {
 public:
  Recordings(store::Database& database, const std::map<std::string, json::object>& metadata)
      : database_(database), metadata_(metadata) {}

  Result<ExportedRecording*> of(const std::string& asset_id) {
    if (const auto known = by_id_.find(asset_id); known != by_id_.end()) return &known->second;
    BALEEN_ASSIGN_OR_RETURN(const auto asset, store::find_asset(database_, asset_id));
    if (!asset) return fail(ErrorCode::not_found, "there is no asset '{}'", asset_id);
    ExportedRecording recording;
    recording.asset_id = asset_id;
    recording.content_hash = asset->content_hash;
    recording.file = {asset->original_filename, asset->duration_s, ""};
    if (const auto known = metadata_.find(asset_id); known != metadata_.end())
      recording.metadata = known->second;
    return &by_id_.emplace(asset_id, std::move(recording)).first->second;
  }

  /// By name, each with a name of its own and its annotations in the order of time.
  std::vector<ExportedRecording> take() && {
    std::vector<ExportedRecording> all;
    std::set<std::string> names;
    for (auto& [asset_id, recording] : by_id_) {
      std::string& name = recording.file.name;
      if (!names.insert(name).second) {
        const fs::path full(name);
        name = fmt::format("{}.{}{}", full.stem().string(), asset_id.substr(0, 8),
                           full.extension().string());
        names.insert(name);
      }
      for (formats::Annotation& annotation : recording.annotations) annotation.file = name;
      std::ranges::stable_sort(recording.annotations, {}, [](const formats::Annotation& a) {
        return std::pair(a.start_s, a.end_s);
      });
      all.push_back(std::move(recording));
    }
    std::ranges::stable_sort(all, {}, [](const ExportedRecording& r) { return r.file.name; });
    return all;
  }

 private:
  store::Database& database_;
  const std::map<std::string, json::object>& metadata_;
  std::map<std::string, ExportedRecording> by_id_;
};

/// The last window of a recording is padded: it ends where the recording does.
double end_in(const formats::AnnotatedFile& file, double start_s, double end_s) {
  return file.duration_s > start_s ? std::min(end_s, file.duration_s) : end_s;
}

Result<void> add_windows(const OpenReview& opened,
                         const ExportRequest& request,
                         Recordings& recordings,
                         Exported& exported) {
  const Review& review = opened.review();
  const bioacoustics::ClusteredWindows& windows = review.windows();
  const std::string source = "baleen: " + opened.info().assignments.path;
  for (std::size_t row = 0; row < windows.size(); ++row) {
    const std::string& asset_id = windows.recordings[windows.recording[row]].facts.asset_id;
    if (!request.asset_id.empty() && asset_id != request.asset_id) continue;
    BALEEN_ASSIGN_OR_RETURN(ExportedRecording* const recording, recordings.of(asset_id));
    const bool has_label = review.label_of(row) != Review::kNoLabel;
    const bool is_noise = review.cluster_of(row) == bioacoustics::kNoCluster && !has_label;
    if (is_noise && !request.is_with_noise) {
      ++exported.n_noise_left_out;
      continue;
    }
    formats::Annotation annotation;
    annotation.start_s = windows.start_s[row];
    annotation.end_s = end_in(recording->file, windows.start_s[row], windows.end_s[row]);
    annotation.label = bioacoustics::reviewed_name(review, row);
    annotation.is_manual = has_label;
    if (!has_label) annotation.confidence = windows.probability[row];
    annotation.source = source;
    recording->annotations.push_back(std::move(annotation));
    ++exported.n_windows;
  }
  return {};
}

Result<void> add_annotations(store::Database& database,
                             const ExportRequest& request,
                             Recordings& recordings,
                             Exported& exported) {
  BALEEN_ASSIGN_OR_RETURN(auto annotations,
                          store::annotations_of_collection(database, request.collection_id));
  for (store::StoredAnnotation& stored : annotations) {
    if (!request.asset_id.empty() && stored.asset_id != request.asset_id) continue;
    BALEEN_ASSIGN_OR_RETURN(ExportedRecording* const recording, recordings.of(stored.asset_id));
    formats::Annotation annotation;
    annotation.start_s = stored.start_s;
    annotation.end_s = stored.end_s;
    annotation.low_hz = stored.low_hz;
    annotation.high_hz = stored.high_hz;
    annotation.label = std::move(stored.label);
    annotation.confidence = stored.confidence;
    annotation.is_manual = stored.is_by_person;
    annotation.source = std::move(stored.source);
    recording->annotations.push_back(std::move(annotation));
    ++exported.n_annotations;
  }
  return {};
}

}  // namespace

Result<Exported> gather_for_export(store::Database& database,
                                   const store::DataRoot& root,
                                   const ExportRequest& request) {
  BALEEN_ASSIGN_OR_RETURN(const auto members, store::list_members(database, request.collection_id));
  std::map<std::string, json::object> metadata;
  for (const store::CollectionMember& member : members)
    metadata.emplace(member.asset_id, member.metadata.to_json());
  if (!request.asset_id.empty() && !metadata.contains(request.asset_id)) {
    return fail(ErrorCode::not_found, "the collection has no recording '{}'", request.asset_id);
  }
  Exported exported;
  Recordings recordings(database, metadata);
  if (request.has_clusters) {
    const Result<OpenReview> opened = bioacoustics::reviewed_assignments(
        database, root, request.collection_id, request.clustering_id);
    const bool may_be_absent = !request.is_clustering_needed && request.clustering_id.empty();
    if (!opened.ok() && !may_be_absent) return opened.error();
    if (!opened.ok() && opened.error().code != ErrorCode::input_not_found) return opened.error();
    if (opened.ok()) {
      exported.clusters_path = opened->info().clusters.path;
      exported.clustering_id = opened->info().clustering_id;
      BALEEN_RETURN_IF_ERROR(add_windows(*opened, request, recordings, exported));
    }
  }
  if (request.has_annotations)
    BALEEN_RETURN_IF_ERROR(add_annotations(database, request, recordings, exported));
  exported.recordings = std::move(recordings).take();
  return exported;
}

}  // namespace baleen
