// usage: fuzz_cluster_model_seed FOLDER: writes small cluster models, as seeds for the fuzzer.
#include "core/check.h"
#include "recipes/bioacoustics/cluster_model.h"

using namespace baleen;
using bioacoustics::ClusteringParams;
using bioacoustics::ClusterModel;

namespace {

constexpr std::size_t kWindows = 24, kDimensions = 4, kKinds = 2;

/// Two kinds of sounds, in turn.
cluster::Matrix sounds() {
  cluster::Matrix vectors(kWindows, kDimensions);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < kWindows; ++i) {
    for (std::size_t d = 0; d < kDimensions; ++d) {
      state = state * 1'664'525 + 1'013'904'223;
      vectors.row(i)[d] = 0.2F * static_cast<float>(state >> 8) / 16'777'216;
    }
    vectors.row(i)[i % kKinds] += 1;
  }
  return vectors;
}

void write(const std::filesystem::path& path, bool has_reduction, std::uint32_t n_deployments) {
  ClusteringParams params;
  params.has_reduction = has_reduction;
  params.n_maps = 1;
  params.n_components = 2;
  std::vector<std::uint32_t> recordings(kWindows), deployments(kWindows);
  for (std::size_t i = 0; i < kWindows; ++i) {
    recordings[i] = i < kWindows / 2 ? 0 : 1;
    deployments[i] = recordings[i] % n_deployments;
  }
  bioacoustics::ClusteringResult result =
      cluster_vectors(
          sounds(), recordings, params, 1, [](double) {}, deployments)
          .value();
  ClusterModel model{"test",
                     params.resolve(kWindows),
                     {{"a", 0, kWindows / 2}, {"b", 1 % n_deployments, kWindows / 2}},
                     {"reef", ""},
                     std::move(result.fitted)};
  model.fitted.map = std::move(result.map);
  BALEEN_CHECK(write_cluster_model(path, model).ok());
}

}  // namespace

int main(int argc, char** argv) {
  BALEEN_CHECK(argc == 2);
  const std::filesystem::path folder = argv[1];
  write(folder / "reduced", true, 2);
  write(folder / "plain", false, 2);
  write(folder / "alone", true, 1);
  return 0;
}
