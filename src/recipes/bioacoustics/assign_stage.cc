// assign: recordings that came after a clustering → additions to its assignments.

#include <algorithm>
#include <map>

#include "core/sha256.h"
#include "recipes/bioacoustics/assigning.h"
#include "recipes/bioacoustics/assignments.h"
#include "recipes/bioacoustics/cluster_model.h"
#include "recipes/bioacoustics/collection_windows.h"
#include "recipes/bioacoustics/stages.h"

namespace baleen::bioacoustics {
namespace {

/// The rows of what was clustered, in its order, and those that are new.
struct Split {
  std::vector<std::size_t> old_rows, new_rows;
};

/// INPUT_NOT_FOUND where something that was clustered is not there as it was.
Result<Split> split(const ClusterModel& model, const CollectionWindows& windows) {
  std::map<std::string_view, std::vector<std::size_t>> rows;
  for (std::size_t row = 0; row < windows.n(); ++row)
    rows[windows.recordings[windows.recording[row]].asset_id].push_back(row);
  Split found;
  for (const ClusterModel::Recording& recording : model.recordings) {
    const auto at = rows.find(recording.asset_id);
    const std::int64_t n = at == rows.end() ? 0 : std::ssize(at->second);
    if (n != recording.n_windows) {
      return fail(ErrorCode::input_not_found,
                  "recording {} was clustered with {} windows and has {} now: cluster the "
                  "collection again",
                  recording.asset_id, recording.n_windows, n);
    }
    if (n == 0) continue;
    found.old_rows.insert(found.old_rows.end(), at->second.begin(), at->second.end());
    rows.erase(at);
  }
  for (const auto& [asset_id, of_one] : rows)
    found.new_rows.insert(found.new_rows.end(), of_one.begin(), of_one.end());
  return found;
}

/// Vectors in the order of a split.
cluster::Matrix in_order(const CollectionWindows& windows, const Split& split) {
  const auto size = static_cast<std::size_t>(windows.size);
  cluster::Matrix vectors(windows.n(), size);
  std::size_t at = 0;
  for (const auto* rows : {&split.old_rows, &split.new_rows}) {
    for (const std::size_t row : *rows) {
      const auto vector = std::span(windows.vectors).subspan(row * size, size);
      std::ranges::copy(vector, vectors.row(at++).begin());
    }
  }
  return vectors;
}

/// Of each row of a split; deployments that were clustered keep their numbers, others get the next ones.
std::vector<std::uint32_t> deployments_of(const ClusterModel& model,
                                          const CollectionWindows& windows,
                                          const Split& split) {
  std::vector<std::uint32_t> numbers;
  for (const ClusterModel::Recording& recording : model.recordings)
    numbers.insert(numbers.end(), static_cast<std::size_t>(recording.n_windows),
                   recording.deployment);
  std::vector<std::string> names = model.deployments;
  for (const std::size_t row : split.new_rows) {
    const std::string& name = windows.recordings[windows.recording[row]].deployment;
    const auto found = std::ranges::find(names, name);
    numbers.push_back(static_cast<std::uint32_t>(found - names.begin()));
    if (found == names.end()) names.push_back(name);
  }
  return numbers;
}

Result<void> write_table(const std::filesystem::path& path,
                         const CollectionWindows& windows,
                         const Split& split,
                         const AssignedWindows& assigned,
                         const std::string& model_sha256) {
  std::vector<std::string_view> asset_ids;
  std::vector<std::int32_t> row_index;
  std::vector<float> x, y;
  for (std::size_t i = 0; i < split.new_rows.size(); ++i) {
    const std::size_t row = split.new_rows[i];
    asset_ids.push_back(windows.recordings[windows.recording[row]].asset_id);
    row_index.push_back(windows.row_index[row]);
    x.push_back(assigned.map.row(i)[0]);
    y.push_back(assigned.map.row(i)[1]);
  }
  return write_assignments(
      path,
      {asset_ids, row_index, assigned.labels, assigned.probabilities, assigned.outlier_scores, x, y,
       assigned.noise.reason, assigned.noise.nearest_label, assigned.noise.missing},
      model_sha256);
}

class AssignStage final : public engine::Stage {
 public:
  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    const std::filesystem::path& model_path = request.input("cluster_model").path;
    BALEEN_ASSIGN_OR_RETURN(const ClusterModel model, read_cluster_model(model_path));
    BALEEN_ASSIGN_OR_RETURN(const std::string model_sha256, core::sha256_file(model_path));
    const json::object& where = core::get_object(request.params, "where");
    BALEEN_ASSIGN_OR_RETURN(
        const CollectionWindows windows,
        read_collection_windows(request, model.params.min_fill, [&](const RecordingFacts& facts) {
          return matches(facts.metadata, where) ||
                 std::ranges::any_of(model.recordings, [&](const auto& recording) {
                   return recording.asset_id == facts.asset_id;
                 });
        }));
    progress(0.1);
    BALEEN_ASSIGN_OR_RETURN(const Split rows, split(model, windows));
    BALEEN_ASSIGN_OR_RETURN(
        const AssignedWindows assigned,
        assign_vectors(model.fitted, model.params, in_order(windows, rows),
                       deployments_of(model, windows, rows), request.n_threads));
    const engine::StageOutputSlot& table = request.output("additions");
    BALEEN_RETURN_IF_ERROR(write_table(table.temporary, windows, rows, assigned, model_sha256));
    const auto n_recordings = std::ssize(windows.recordings) - std::ssize(model.recordings);
    const auto n_noise = std::ranges::count(assigned.labels, cluster::kNoise);
    engine::StageOutcome outcome;
    outcome.metrics = {{"recordings", n_recordings},
                       {"windows", static_cast<std::int64_t>(rows.new_rows.size())},
                       {"noise", n_noise}};
    outcome.artifacts.push_back({"additions", table.temporary, "", core::to_json(outcome.metrics)});
    return outcome;
  }
};

}  // namespace

std::unique_ptr<engine::Stage> make_assign_stage() { return std::make_unique<AssignStage>(); }

}  // namespace baleen::bioacoustics
