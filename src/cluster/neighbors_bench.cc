// Neighbours and maps as whole processes, for bench/cluster.py: makes data, reads .npy or raw float32, prints JSON.
//
//   bench_neighbors_bench generate KIND N D SEED FILE.f32     KIND: mixture, noisy, tight, spectrum, uniform, gaussian
//   bench_neighbors_bench knn FILE N D [--k K] [--threads T] [--metric cosine] [--exact] [--sample S] [--out PREFIX]
//   bench_neighbors_bench recall FILE N D INDICES.u32 [--k K] [--metric cosine] [--sample S]
//   bench_neighbors_bench umap FILE N D [--neighbors K] [--components C] [--threads T] [--epochs E] [--sample S] [--out F]
//   bench_neighbors_bench query FILE N D [--points M] [--threads T]   Search among M points: the file's, over and over.
//   bench_neighbors_bench trust FILE N D MAP.f32 [--components C] [--sample S]

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "cluster/knn.h"
#include "cluster/random.h"
#include "cluster/sketch_index.h"
#include "cluster/trustworthiness.h"
#include "cluster/umap.h"

namespace {

using namespace baleen::cluster;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

long peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

float gaussian(Random& random) {
  const float u = std::max(random.uniform(), 0x1p-24F);
  return std::sqrt(-2.0F * std::log(u)) * std::cos(6.2831853F * random.uniform());
}

/// Like embeddings: `n_clusters` of unequal size, each on a curved surface of few dimensions, lifted by random maps,
/// with a little noise in all dimensions.
struct Recipe {
  std::size_t n_clusters = 60;
  std::size_t n_intrinsic = 8;
  float spread = 1.0F;  // Of the centres.
  float extent = 0.6F;  // Of a cluster.
  float noise = 0.05F;  // In each dimension, of sqrt(n_intrinsic / d).
};

Matrix mixture(std::size_t n, std::size_t d, std::uint64_t seed, const Recipe& recipe) {
  Random random(seed);
  std::vector<float> centers(recipe.n_clusters * d);
  for (float& value : centers) value = recipe.spread * gaussian(random);
  const std::size_t n_maps = 2 * recipe.n_intrinsic;  // Linear and curved parts.
  std::vector<float> maps(recipe.n_clusters * n_maps * d);
  for (float& value : maps)
    value = recipe.extent * gaussian(random) / std::sqrt(static_cast<float>(recipe.n_intrinsic));
  std::vector<double> ends;
  double total = 0;
  for (std::size_t c = 0; c < recipe.n_clusters; ++c) {
    total += 1.0 / (1.0 + 0.2 * static_cast<double>(c));
    ends.push_back(total);
  }
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    Random own(seed, i + 1);
    const double draw = total * static_cast<double>(own.uniform());
    std::size_t c = 0;
    while (c + 1 < ends.size() && ends[c] <= draw) ++c;
    auto row = points.row(i);
    std::copy_n(centers.data() + c * d, d, row.begin());
    for (std::size_t m = 0; m < recipe.n_intrinsic; ++m) {
      const float z = gaussian(own);
      const float curved = std::sin(2 * z);
      const float* linear_map = maps.data() + (c * n_maps + 2 * m) * d;
      const float* curved_map = linear_map + d;
      for (std::size_t k = 0; k < d; ++k)
        row[k] += z * linear_map[k] + 0.5F * curved * curved_map[k];
    }
    for (float& value : row) value += recipe.noise * gaussian(own);
  }
  return points;
}

Matrix generate(const std::string& kind, std::size_t n, std::size_t d, std::uint64_t seed) {
  // Clusters far apart; ten times the noise; points independent in every dimension: no structure to be found.
  if (kind == "mixture") return mixture(n, d, seed, {});
  if (kind == "tight")
    return mixture(n, d, seed, {.n_clusters = 30, .extent = 0.02F, .noise = 0.002F});
  if (kind == "noisy")
    return mixture(n, d, seed, {.n_clusters = 60, .n_intrinsic = 16, .noise = 0.3F});
  Matrix points(n, d);
  if (kind ==
      "spectrum") {  // One normal distribution whose standard deviations fall as 1 / rank, turned at random.
    for (std::size_t i = 0; i < n; ++i) {
      Random random(seed, i);
      const auto row = points.row(i);
      for (std::size_t c = 0; c < d; ++c) row[c] = gaussian(random) / static_cast<float>(1 + c);
      for (std::size_t turn = 0; turn < 3;
           ++turn) {  // Of Givens rotations by 45 degrees, to partners far and near.
        for (std::size_t c = 0; c + 1 < d; ++c) {
          const std::size_t other = (c * 7919 + turn * 104729 + 1) % d;
          if (other == c) continue;
          const float a = row[c];
          const float b = row[other];
          row[c] = 0.70710678F * (a + b);
          row[other] = 0.70710678F * (a - b);
        }
      }
    }
    return points;
  }
  for (std::size_t i = 0; i < n; ++i) {
    Random random(seed, i);
    for (float& value : points.row(i))
      value = kind == "uniform" ? random.uniform() : gaussian(random);
  }
  return points;
}

/// A file of floats, mapped: raw, or .npy of little-endian float32 in C order.
MatrixView map_floats(const std::string& path, std::size_t n, std::size_t d) {
  const int fd = open(path.c_str(), O_RDONLY);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0) {
    std::fprintf(stderr, "cannot open %s\n", path.c_str());
    std::exit(2);
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  const void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  std::size_t offset = 0;
  if (path.ends_with(".npy")) {
    std::uint16_t length = 0;
    std::memcpy(&length, static_cast<const char*>(map) + 8, 2);
    offset = 10U + length;
  }
  if (map == MAP_FAILED || size < offset + n * d * sizeof(float)) {
    std::fprintf(stderr, "%s is shorter than %zu x %zu floats\n", path.c_str(), n, d);
    std::exit(2);
  }
  return {{reinterpret_cast<const float*>(static_cast<const char*>(map) + offset), n * d}, n, d};
}

template <typename T>
void write_values(const std::string& path, const std::vector<T>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(T)));
}

/// Options of the form --name value.
class Arguments {
 public:
  Arguments(int argc, char** argv, int first) {
    for (int i = first; i < argc; ++i) {
      const std::string name = argv[i];
      const bool has_value = i + 1 < argc && std::strncmp(argv[i + 1], "--", 2) != 0;
      values_[name] = has_value ? argv[++i] : "1";
    }
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
    const auto it = values_.find(name);
    return it == values_.end() ? otherwise : it->second;
  }
  [[nodiscard]] std::size_t number(const std::string& name, std::size_t otherwise) const {
    return std::stoul(text(name, std::to_string(otherwise)));
  }
  [[nodiscard]] double real(const std::string& name, double otherwise) const {
    return std::stod(text(name, std::to_string(otherwise)));
  }

 private:
  std::map<std::string, std::string> values_;
};

template <typename T>
T value_or_exit(baleen::Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

float distance_between(MatrixView points, std::size_t i, std::size_t j, Metric metric) {
  const auto a = points.row(i);
  const auto b = points.row(j);
  return metric == Metric::euclidean ? std::sqrt(squared_euclidean(a, b))
                                     : 1 - dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

/// The part of the true neighbours of n_sampled points that is among the k of `indices`.
double sampled_recall(MatrixView points,
                      const std::vector<std::uint32_t>& indices,
                      std::size_t k,
                      Metric metric,
                      std::size_t n_sampled) {
  std::size_t n_right = 0;
  for (std::size_t s = 0; s < n_sampled; ++s) {
    const std::size_t i = s * points.n_rows() / n_sampled;
    std::vector<float> distances;
    for (std::size_t j = 0; j < points.n_rows(); ++j) {
      if (j != i) distances.push_back(distance_between(points, i, j, metric));
    }
    std::nth_element(distances.begin(), distances.begin() + static_cast<long>(k) - 1,
                     distances.end());
    const float limit = distances[k - 1] * (1 + 1e-5F) + 1e-7F;
    for (std::size_t c = 0; c < k; ++c) {
      const std::uint32_t j = indices[i * k + c];
      n_right +=
          j != i && j < points.n_rows() && distance_between(points, i, j, metric) <= limit ? 1 : 0;
    }
  }
  return static_cast<double>(n_right) / static_cast<double>(n_sampled * k);
}

int run_recall(MatrixView points, const std::string& path, const Arguments& arguments) {
  const std::size_t k = arguments.number("--k", 15);
  std::vector<std::uint32_t> indices(points.n_rows() * k);
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(indices.data()),
            static_cast<std::streamsize>(4 * indices.size()));
  const Metric metric =
      arguments.text("--metric", "euclidean") == "cosine" ? Metric::cosine : Metric::euclidean;
  std::printf("{\"recall\": %.5f}\n",
              sampled_recall(points, indices, k, metric, arguments.number("--sample", 200)));
  return 0;
}

int run_knn(MatrixView points, const Arguments& arguments) {
  const NeighborOptions options{.k = arguments.number("--k", 15),
                                .metric = arguments.text("--metric", "euclidean") == "cosine"
                                              ? Metric::cosine
                                              : Metric::euclidean,
                                .seed = arguments.number("--seed", 42),
                                .n_threads = static_cast<int>(arguments.number("--threads", 1))};
  const bool is_exact = arguments.number("--exact", 0) != 0;
  const double cpu = cpu_seconds();
  const double wall = wall_seconds();
  const Neighbors found = value_or_exit(is_exact ? exact_neighbors(points, options)
                                                 : approximate_neighbors(points, options));
  const double cpu_used = cpu_seconds() - cpu;
  const double wall_used = wall_seconds() - wall;
  const long megabytes = peak_megabytes();
  const std::string out = arguments.text("--out", "");
  if (!out.empty()) {
    write_values(out + ".indices.u32", found.indices);
    write_values(out + ".distances.f32", found.distances);
  }
  const std::size_t n_sampled = arguments.number("--sample", 200);
  const double share =
      n_sampled == 0 ? -1
                     : sampled_recall(points, found.indices, found.k, options.metric, n_sampled);
  std::printf("{\"cpu_s\": %.3f, \"wall_s\": %.3f, \"peak_mb\": %ld, \"recall\": %.5f}\n", cpu_used,
              wall_used, megabytes, share);
  return 0;
}

double sampled_trustworthiness(MatrixView points, MatrixView map, const Arguments& arguments) {
  const std::size_t n_sampled = arguments.number("--sample", 1000);
  if (n_sampled == 0) return -1;
  return value_or_exit(trustworthiness(points, map, {.n_sampled = n_sampled}));
}

int run_umap(MatrixView points, const Arguments& arguments) {
  const UmapOptions options{.n_neighbors = arguments.number("--neighbors", 15),
                            .n_components = arguments.number("--components", 2),
                            .metric = arguments.text("--metric", "euclidean") == "cosine"
                                          ? Metric::cosine
                                          : Metric::euclidean,
                            .n_epochs = arguments.number("--epochs", 0),
                            .seed = arguments.number("--seed", 42),
                            .n_threads = static_cast<int>(arguments.number("--threads", 1))};
  const double wall = wall_seconds();
  const Matrix map = value_or_exit(umap(points, options));
  const double wall_used = wall_seconds() - wall;
  const double cpu_used = cpu_seconds();
  const long megabytes = peak_megabytes();
  const std::string out = arguments.text("--out", "");
  if (!out.empty()) {
    write_values(out, std::vector<float>(map.values().begin(), map.values().end()));
  }
  std::printf("{\"cpu_s\": %.3f, \"wall_s\": %.3f, \"peak_mb\": %ld, \"trustworthiness\": %.4f}\n",
              cpu_used, wall_used, megabytes,
              sampled_trustworthiness(points, map.view(), arguments));
  return 0;
}

/// Median wall time of a query by example. The index holds the file's sketches as often as it takes; the points
/// themselves are a sparse file, of which the candidates are read.
int run_query(MatrixView points, const Arguments& arguments) {
  const std::size_t n = arguments.number("--points", 1'000'000);
  const std::size_t d = points.n_columns();
  const auto codec = value_or_exit(SketchCodec::fit(points, Metric::cosine, 1, 2));
  const auto some = value_or_exit(codec.encode(points, 2));
  std::vector<std::byte> records(n * codec.record_bytes());
  for (std::size_t at = 0; at < records.size(); at += some.size()) {
    std::copy_n(some.begin(), std::min(some.size(), records.size() - at),
                records.begin() + static_cast<long>(at));
  }
  char name[] = "/tmp/neighbors_bench_XXXXXX";
  const int fd = mkstemp(name);
  unlink(name);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(n * d * sizeof(float))) != 0) return 2;
  const void* map = mmap(nullptr, n * d * sizeof(float), PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return 2;
  const MatrixView all({static_cast<const float*>(map), n * d}, n, d);
  std::vector<double> walls;
  std::vector<double> cpus;
  for (std::size_t q = 0; q < 15; ++q) {
    const MatrixView query(points.row(q * 997 % points.n_rows()), 1, d);
    const double cpu = cpu_seconds();
    const double wall = wall_seconds();
    value_or_exit(search(codec, records, all, query,
                         {.n_threads = static_cast<int>(arguments.number("--threads", 1))}));
    walls.push_back(wall_seconds() - wall);
    cpus.push_back(cpu_seconds() - cpu);
  }
  std::sort(walls.begin(), walls.end());
  std::sort(cpus.begin(), cpus.end());
  std::printf("{\"wall_ms\": %.1f, \"wall_ms_max\": %.1f, \"cpu_ms\": %.1f, \"index_mb\": %.1f}\n",
              1e3 * walls[walls.size() / 2], 1e3 * walls.back(), 1e3 * cpus[cpus.size() / 2],
              1e-6 * static_cast<double>(records.size()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "generate" && argc == 7) {
    const Matrix points =
        generate(argv[2], std::stoul(argv[3]), std::stoul(argv[4]), std::stoul(argv[5]));
    write_values(argv[6], std::vector<float>(points.values().begin(), points.values().end()));
    return 0;
  }
  if (argc >= 5) {
    const MatrixView points = map_floats(argv[2], std::stoul(argv[3]), std::stoul(argv[4]));
    if (command == "recall" && argc >= 6)
      return run_recall(points, argv[5], Arguments(argc, argv, 6));
    if (command == "trust" && argc >= 6) {
      const Arguments arguments(argc, argv, 6);
      const MatrixView map =
          map_floats(argv[5], points.n_rows(), arguments.number("--components", 2));
      std::printf("{\"trustworthiness\": %.4f}\n", sampled_trustworthiness(points, map, arguments));
      return 0;
    }
    const Arguments arguments(argc, argv, 5);
    if (command == "umap") return run_umap(points, arguments);
    if (command == "query") return run_query(points, arguments);
    if (command == "knn") return run_knn(points, arguments);
  }
  std::fprintf(stderr, "usage: see the head of neighbors_bench.cc\n");
  return 2;
}
