// cluster: embeddings of a collection → clusters.json, assignments.parquet and the model for what comes later.

#include <algorithm>

#include "core/file.h"
#include "core/process.h"
#include "core/sha256.h"
#include "formats/document.h"
#include "recipes/bioacoustics/assignments.h"
#include "recipes/bioacoustics/cluster_model.h"
#include "recipes/bioacoustics/clustering.h"
#include "recipes/bioacoustics/collection_windows.h"
#include "recipes/bioacoustics/coverage.h"
#include "recipes/bioacoustics/metadata.h"
#include "recipes/bioacoustics/stages.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kExemplarsMax = 10;

json::object describe_window(const CollectionWindows& windows, std::size_t row) {
  return {{"asset_id", windows.recordings[windows.recording[row]].asset_id},
          {"row_index", windows.row_index[row]},
          {"start_s", windows.start_s[row]},
          {"end_s", windows.end_s[row]}};
}

json::array describe_clusters(const CollectionWindows& windows, const cluster::Clustering& found) {
  std::vector<MetadataSummary> summaries(found.clusters.size());
  for (std::size_t row = 0; row < found.labels.size(); ++row) {
    if (found.labels[row] == cluster::kNoise) continue;
    summaries[static_cast<std::size_t>(found.labels[row])].add(
        windows.recordings[windows.recording[row]], windows.start_s[row]);
  }
  json::array list;
  for (std::size_t label = 0; label < found.clusters.size(); ++label) {
    const cluster::ClusterInfo& info = found.clusters[label];
    json::array exemplars;
    for (const std::uint32_t row : info.exemplars) {
      if (exemplars.size() == kExemplarsMax) break;
      exemplars.push_back(describe_window(windows, row));
    }
    list.push_back({{"label", static_cast<std::int64_t>(label)},
                    {"size", static_cast<std::int64_t>(info.size)},
                    {"persistence", info.persistence},
                    {"stability", info.stability},
                    {"exemplars", std::move(exemplars)},
                    {"metadata_summary", summaries[label].to_json()}});
  }
  return list;
}

Result<void> write_table(const std::filesystem::path& path,
                         const CollectionWindows& windows,
                         const ClusteringResult& result,
                         const std::string& model_sha256) {
  const cluster::Clustering& found = result.clusters;
  std::vector<std::string_view> asset_ids;
  std::vector<float> x, y;
  for (std::size_t row = 0; row < windows.n(); ++row) {
    asset_ids.push_back(windows.recordings[windows.recording[row]].asset_id);
    x.push_back(result.map.row(row)[0]);
    y.push_back(result.map.row(row)[1]);
  }
  const std::vector<double> probabilities(found.probabilities.begin(), found.probabilities.end());
  const std::vector<double> outlier_scores(found.outlier_scores.begin(),
                                           found.outlier_scores.end());
  return write_assignments(
      path,
      {asset_ids, windows.row_index, found.labels, probabilities, outlier_scores, x, y,
       result.noise.reason, result.noise.nearest_label, result.noise.missing},
      model_sha256);
}

/// What was fitted is moved into it.
ClusterModel model_of(const engine::StageRequest& request,
                      const CollectionWindows& windows,
                      const CollectionWindows::Deployments& deployments,
                      const ClusteringParams& params,
                      ClusteringResult& result) {
  ClusterModel model;
  model.encoding_id = core::get_string(request.params, "encoding_id");
  model.params = params;
  model.deployments = deployments.names;
  for (const RecordingFacts& facts : windows.recordings) {
    const auto name = std::ranges::find(model.deployments, facts.deployment);
    model.recordings.push_back(
        {facts.asset_id, static_cast<std::uint32_t>(name - model.deployments.begin()), 0});
  }
  for (const std::uint32_t recording : windows.recording) ++model.recordings[recording].n_windows;
  model.fitted = std::move(result.fitted);
  model.fitted.map = result.map;
  return model;
}

class ClusterStage final : public engine::Stage {
 public:
  Result<void> warm_up(const engine::StageRequest&) override {
    formats::prepare_schema("clusters.v1");
    return {};
  }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    BALEEN_ASSIGN_OR_RETURN(
        const ClusteringParams params,
        ClusteringParams::from_json(core::get_object(request.params, "clustering")));
    BALEEN_ASSIGN_OR_RETURN(CollectionWindows windows,
                            read_collection_windows(request, params.min_fill));
    const std::size_t n = windows.n();
    const CollectionWindows::Deployments deployments = windows.deployments();
    cluster::Matrix vectors(std::move(windows.vectors), n, static_cast<std::size_t>(windows.size));
    BALEEN_ASSIGN_OR_RETURN(ClusteringResult result,
                            cluster_vectors(std::move(vectors), windows.recording, params,
                                            request.n_threads, progress, deployments.of_rows));

    const std::string version(core::version());
    const auto n_noise = std::ranges::count(result.clusters.labels, cluster::kNoise);
    json::object document = formats::begin_document(
        "clusters.v1", {request.asset_id, request.computed_at, version, version});
    document["encoding_id"] = core::get_string(request.params, "encoding_id");
    document["parameters"] = params.resolve(n).to_json();
    document["where"] = core::get_object(request.params, "where");
    document["recordings"] = static_cast<std::int64_t>(windows.recordings.size());
    document["windows"] = static_cast<std::int64_t>(n);
    document["windows_left_out"] = windows.n_left_out;
    document["noise"] = static_cast<std::int64_t>(n_noise);
    document["deployments"] = describe_coverage(windows);
    document["clusters"] = describe_clusters(windows, result.clusters);
    document["assignments_uri"] = request.output("assignments").final_path;
    BALEEN_RETURN_IF_ERROR(formats::validate("clusters.v1", document));

    engine::StageOutcome outcome;
    const engine::StageOutputSlot& clusters = request.output("clusters_v1");
    BALEEN_RETURN_IF_ERROR(
        core::write_file_synced(clusters.temporary, core::to_pretty_json(document)));
    const engine::StageOutputSlot& table = request.output("assignments");
    const engine::StageOutputSlot& model = request.output("cluster_model");
    BALEEN_RETURN_IF_ERROR(write_cluster_model(
        model.temporary, model_of(request, windows, deployments, params.resolve(n), result)));
    BALEEN_ASSIGN_OR_RETURN(const std::string model_sha256, core::sha256_file(model.temporary));
    BALEEN_RETURN_IF_ERROR(write_table(table.temporary, windows, result, model_sha256));
    outcome.metrics = {{"windows", static_cast<std::int64_t>(n)},
                       {"windows_left_out", windows.n_left_out},
                       {"recordings", static_cast<std::int64_t>(windows.recordings.size())},
                       {"clusters", static_cast<std::int64_t>(result.clusters.clusters.size())},
                       {"noise", static_cast<std::int64_t>(n_noise)}};
    document.erase("computed_at");
    outcome.artifacts.push_back({"clusters_v1", clusters.temporary,
                                 core::sha256_hex(core::to_canonical_json(document)), ""});
    outcome.artifacts.push_back({"assignments", table.temporary, "", ""});
    outcome.artifacts.push_back(
        {"cluster_model", model.temporary, "",
         core::to_json(
             json::object{{"job", core::get_string(request.payload, "job")},
                          {"alias", request.feature_spec_alias},
                          {"encoding_id", core::get_string(request.params, "encoding_id")},
                          {"where", core::get_object(request.params, "where")}})});
    return outcome;
  }
};

}  // namespace

std::unique_ptr<engine::Stage> make_cluster_stage() { return std::make_unique<ClusterStage>(); }

}  // namespace baleen::bioacoustics
