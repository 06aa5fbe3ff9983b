// Linear probes as a whole process, for bench/linear_probe.py: reads raw float32, prints JSON.
//
//   bench_linear_probe_bench learn FILE.f32 N D LABELS.u8 RECORDINGS.u32 [C]   Quality out of fold, and CPU seconds.
//   bench_linear_probe_bench score N D                                         CPU seconds to score N vectors.

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "cluster/linear_probe.h"

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

template <typename T>
std::vector<T> read(const char* path, std::size_t n) {
  std::vector<T> values(n);
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(n * sizeof(T)));
  return values;
}

int learn(char** argv, const char* c) {
  const std::size_t n = std::strtoull(argv[1], nullptr, 10),
                    d = std::strtoull(argv[2], nullptr, 10);
  const Matrix x(read<float>(argv[0], n * d), n, d);
  const auto labels = read<std::uint8_t>(argv[3], n);
  const auto recordings = read<std::uint32_t>(argv[4], n);
  ProbeOptions options;
  if (c != nullptr) options.logistic.c = std::atof(c);
  const double begin_s = cpu_seconds();
  const auto probe = learn_probe(x.view(), labels, recordings, options);
  if (!probe.ok()) {
    std::fprintf(stderr, "%s\n", probe.error().to_string().c_str());
    return 1;
  }
  std::printf(
      "{\"average_precision\": %.6f, \"roc_auc\": %.6f, \"precision\": %.4f, \"low\": %.4f, "
      "\"high\": %.4f, \"recall\": %.4f, \"folds\": %zu, \"cpu_s\": %.4f}\n",
      probe->average_precision, probe->roc_auc, probe->threshold.precision, probe->precision_95.low,
      probe->precision_95.high, probe->threshold.recall, probe->n_folds, cpu_seconds() - begin_s);
  return 0;
}

int score(std::size_t n, std::size_t d) {
  std::vector<float> values(n * d);
  std::uint32_t state = 1;
  for (float& value : values) {
    state = 1664525U * state + 1013904223U;
    value = static_cast<float>(state >> 8U) * 0x1p-24F;
  }
  const Matrix x(std::move(values), n, d);
  const LinearModel model{std::vector<float>(d, 0.01F), -1};
  const double begin_s = cpu_seconds();
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += model.score(x.row(i));
  std::printf("{\"cpu_s\": %.4f, \"sum\": %g}\n", cpu_seconds() - begin_s, sum);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "learn" && argc >= 7) return learn(argv + 2, argc > 7 ? argv[7] : nullptr);
  if (verb == "score" && argc == 4)
    return score(std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10));
  std::fprintf(stderr, "learn FILE N D LABELS RECORDINGS [C] | score N D\n");
  return 2;
}
