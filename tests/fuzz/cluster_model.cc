// A cluster model from anywhere: read, written again as the same, and used for windows that come later; or
// ARTIFACT_CORRUPT.
#include "recipes/bioacoustics/cluster_model.h"

#include "core/file.h"
#include "fuzz/input.h"
#include "recipes/bioacoustics/assigning.h"

using namespace baleen;
using bioacoustics::ClusterModel;

namespace {

constexpr std::size_t kNew = 3;
/// Of more an input would be about the time that they take.
constexpr std::size_t kWindowsMax = 200, kDimensionsMax = 16;

/// Vectors as many as were clustered, and some new ones.
cluster::Matrix some_vectors(std::size_t n, std::size_t d) {
  cluster::Matrix vectors(n, d);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < n; ++i) {
    for (float& value : vectors.row(i)) {
      state = state * 1'664'525 + 1'013'904'223;
      value = static_cast<float>(state >> 8) / 16'777'216 - 0.5F;
    }
  }
  return vectors;
}

void check_assigning(const ClusterModel& model) {
  const std::size_t n_old = model.fitted.map.n_rows();
  const std::size_t d = model.fitted.normalization.center_of_all.size();
  if (n_old > kWindowsMax || d > kDimensionsMax) return;
  std::vector<std::uint32_t> deployments;
  for (const ClusterModel::Recording& recording : model.recordings) {
    BALEEN_CHECK(recording.deployment < model.deployments.size());
    deployments.insert(deployments.end(), static_cast<std::size_t>(recording.n_windows),
                       recording.deployment);
  }
  BALEEN_CHECK(deployments.size() == n_old);
  deployments.resize(n_old + kNew, static_cast<std::uint32_t>(model.deployments.size()));
  const auto assigned = bioacoustics::assign_vectors(
      model.fitted, model.params, some_vectors(n_old + kNew, d > 0 ? d : 3), deployments, 1);
  BALEEN_CHECK(fuzz::is_value_or(
      assigned, {ErrorCode::artifact_corrupt, ErrorCode::embedding_dimensions_differ,
                 ErrorCode::embedding_not_finite}));
  BALEEN_CHECK(!assigned.ok() || assigned->labels.size() == kNew);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  static fuzz::Folder folder;
  file.set(fuzz::text_of(data, size));
  const Result<ClusterModel> model = bioacoustics::read_cluster_model(file.path());
  BALEEN_CHECK(fuzz::is_value_or(model, {ErrorCode::artifact_corrupt}));
  if (!model.ok()) return 0;
  const std::filesystem::path path = folder.path() / "model", again = folder.path() / "again";
  BALEEN_CHECK(bioacoustics::write_cluster_model(path, *model).ok());
  const Result<ClusterModel> written = bioacoustics::read_cluster_model(path);
  BALEEN_CHECK(written.ok());
  BALEEN_CHECK(bioacoustics::write_cluster_model(again, *written).ok());
  // The parser of JSON may be off by the last bit of a double.
  if (written->params.to_json() == model->params.to_json())
    BALEEN_CHECK(core::read_text_file(path).value() == core::read_text_file(again).value());
  check_assigning(*model);
  return 0;
}
