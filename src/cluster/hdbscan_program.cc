// HDBSCAN* of a file, as a whole process: what bench/hdbscan.py measures.
//   bench_hdbscan_program POINTS.npy [--min-cluster-size N] [--min-samples N] [--leaf] [--threads N] [--labels OUT.i32]
// POINTS.npy: float32, C order, two dimensions.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "cluster/hdbscan.h"
#include "cluster/npy.h"

namespace baleen::cluster {
namespace {

double cpu_s() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

int run(int argc, char** argv) {
  const char* points_path = nullptr;
  const char* labels_path = nullptr;
  HdbscanOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto next = [&] { return ++i < argc ? argv[i] : "0"; };
    if (word == "--min-cluster-size") {
      options.min_cluster_size = std::strtoull(next(), nullptr, 10);
    } else if (word == "--min-samples") {
      options.min_samples = std::strtoull(next(), nullptr, 10);
    } else if (word == "--threads") {
      options.n_threads = std::atoi(next());
    } else if (word == "--epsilon") {
      options.cluster_selection_epsilon = std::atof(next());
    } else if (word == "--leaf") {
      options.selection = ClusterSelection::leaf;
    } else if (word == "--labels") {
      labels_path = next();
    } else {
      points_path = argv[i];
    }
  }
  if (points_path == nullptr) die("usage: bench_hdbscan_program POINTS.npy [options]");
  const Matrix points = read_npy(points_path);
  const double read_s = cpu_s();
  const Result<Hdbscan> model = Hdbscan::fit(points.view(), options);
  if (!model.ok()) die(model.error().to_string());
  const Clustering& found = model->clustering();
  std::size_t n_noise = 0;
  for (const std::int32_t label : found.labels) n_noise += label == kNoise ? 1 : 0;
  std::printf("{\"fit_cpu_s\": %.3f, \"clusters\": %zu, \"noise\": %zu}\n", cpu_s() - read_s,
              found.clusters.size(), n_noise);
  if (labels_path != nullptr) {
    std::FILE* const out = std::fopen(labels_path, "wb");
    if (out == nullptr) die(std::string(labels_path) + ": cannot be written");
    std::fwrite(found.labels.data(), sizeof(std::int32_t), found.labels.size(), out);
    std::fclose(out);
  }
  return 0;
}

}  // namespace
}  // namespace baleen::cluster

int main(int argc, char** argv) { return baleen::cluster::run(argc, argv); }
