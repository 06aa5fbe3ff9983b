// From points to labels as a whole process: neighbours, noise, UMAP, HDBSCAN*. What bench/hdbscan.py calls.
//   bench_cluster_program POINTS.npy [--k 15] [--noise T] [--components 5] [--min-cluster-size 50] [--min-samples 5]
//                         [--threads N] [--cosine] [--labels OUT.i32] [--scores OUT.f32]
// POINTS.npy: float32, C order. --noise 0 keeps all points.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "cluster/hdbscan.h"
#include "cluster/knn.h"
#include "cluster/noise.h"
#include "cluster/npy.h"
#include "cluster/umap.h"

namespace baleen::cluster {
namespace {

double cpu_s() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

template <class T>
T need(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
  std::exit(1);
}

template <class T>
void write(const char* path, const std::vector<T>& values) {
  std::FILE* const out = std::fopen(path, "wb");
  if (out == nullptr) std::exit(2);
  std::fwrite(values.data(), sizeof(T), values.size(), out);
  std::fclose(out);
}

int run(int argc, char** argv) {
  const char* points_path = nullptr;
  const char* labels_path = nullptr;
  const char* scores_path = nullptr;
  NeighborOptions near;
  NoiseOptions noise;
  UmapOptions map;
  map.min_dist = 0;
  map.n_components = 5;
  HdbscanOptions density{.min_cluster_size = 50, .min_samples = 5};
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto next = [&] { return ++i < argc ? argv[i] : "0"; };
    const auto number = [&] { return std::strtoull(next(), nullptr, 10); };
    if (word == "--k") {
      near.k = number();
    } else if (word == "--noise") {
      noise.threshold = std::atof(next());
    } else if (word == "--components") {
      map.n_components = number();
    } else if (word == "--min-cluster-size") {
      density.min_cluster_size = number();
    } else if (word == "--min-samples") {
      density.min_samples = number();
    } else if (word == "--threads") {
      near.n_threads = map.n_threads = density.n_threads = std::atoi(next());
    } else if (word == "--cosine") {
      near.metric = map.metric = Metric::cosine;
    } else if (word == "--labels") {
      labels_path = next();
    } else if (word == "--scores") {
      scores_path = next();
    } else {
      points_path = argv[i];
    }
  }
  const Matrix points = read_npy(points_path);
  map.n_neighbors = near.k + 1;
  const double t0 = cpu_s();
  Neighbors neighbors = need(approximate_neighbors(points.view(), near));
  const double t1 = cpu_s();
  const NoiseScores scores = find_noise(neighbors, noise);
  if (scores_path != nullptr) write(scores_path, scores.score);
  const Matrix projected = need(umap(points.view(), map));
  const double t2 = cpu_s();
  const Hdbscan model = need(Hdbscan::fit(projected.view(), density));
  std::vector<std::int32_t> labels = model.clustering().labels;
  if (noise.threshold > 0) remove_noise(scores, labels);
  if (labels_path != nullptr) write(labels_path, labels);
  std::printf(
      "{\"neighbors_s\": %.2f, \"umap_s\": %.2f, \"hdbscan_s\": %.2f, \"rejected\": %zu, "
      "\"clusters\": %zu}\n",
      t1 - t0, t2 - t1, cpu_s() - t2, scores.n_noise, model.clustering().clusters.size());
  return 0;
}

}  // namespace
}  // namespace baleen::cluster

int main(int argc, char** argv) { return baleen::cluster::run(argc, argv); }
