// Speed of writing and reading feature packs, in bytes of float32 per second of CPU time.
//
// Real spectrograms: BALEEN_BENCH_MEL=/path/to/rows.f32 (float32, 64 columns, no header); otherwise
// made-up ones, which compress alike.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

#include "formats/feature_pack.h"

namespace baleen::formats {
namespace {

FeaturePackInfo info(std::int64_t n_frames, std::int64_t n_embeddings) {
  FeaturePackInfo info;
  info.asset_id = "bench";
  info.computed_at = "2026-11-20T09:27:09.123Z";
  info.n_frames = n_frames;
  info.n_embeddings = n_embeddings;
  return info;
}

/// A random walk per band around a falling spectrum, in decibels.
std::vector<float> made_up_mel(std::size_t n_frames) {
  std::mt19937 random(1);
  std::normal_distribution<float> step(0.0F, 3.0F);
  std::vector<float> level(64, 0.0F);
  std::vector<float> rows;
  rows.reserve(n_frames * 64);
  for (std::size_t i = 0; i < n_frames; ++i)
    for (std::size_t band = 0; band < 64; ++band) {
      level[band] = 0.95F * level[band] + step(random);
      rows.push_back(-15.0F - 0.5F * static_cast<float>(band) + level[band]);
    }
  return rows;
}

const std::vector<float>& mel() {
  static const std::vector<float> rows = [] {
    const char* path = std::getenv("BALEEN_BENCH_MEL");
    if (path == nullptr) return made_up_mel(60'000);
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<float> values(static_cast<std::size_t>(file.tellg()) / 256 * 64);
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
    return values;
  }();
  return rows;
}

/// Half zeros, as behind a rectifier, or none.
std::vector<float> made_up_embeddings(std::size_t n, bool is_rectified) {
  std::mt19937 random(2);
  std::normal_distribution<float> value(0.0F, 1.0F);
  std::vector<float> rows(n * 1024);
  for (float& x : rows) {
    x = value(random);
    if (is_rectified) x = std::max(0.0F, x);
  }
  return rows;
}

constexpr const char* kPath = "/tmp/baleen_feature_pack_bench.h5";

void write_melspec(benchmark::State& state) {
  const auto n = static_cast<std::int64_t>(mel().size() / 64);
  std::int64_t size_bytes = 0;
  for (auto _ : state) {
    auto writer = FeaturePackWriter::create(kPath, info(n, 0));
    (void)writer->append_melspec(mel());
    size_bytes = writer->finish()->size_bytes;
  }
  state.SetBytesProcessed(state.iterations() * n * 256);
  state.counters["file_bytes"] = static_cast<double>(size_bytes);
  std::remove(kPath);
}
BENCHMARK(write_melspec)->Unit(benchmark::kMillisecond);

void write_embeddings(benchmark::State& state) {
  const std::vector<float> rows = made_up_embeddings(2000, state.range(0) != 0);
  std::int64_t size_bytes = 0;
  for (auto _ : state) {
    auto writer = FeaturePackWriter::create(kPath, info(0, 2000));
    (void)writer->append_embeddings(rows);
    size_bytes = writer->finish()->size_bytes;
  }
  state.SetBytesProcessed(state.iterations() * 2000 * 4096);
  state.counters["file_bytes"] = static_cast<double>(size_bytes);
}
BENCHMARK(write_embeddings)->ArgName("rectified")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void read_embeddings(benchmark::State& state) {
  {
    auto writer = FeaturePackWriter::create(kPath, info(0, 2000));
    (void)writer->append_embeddings(made_up_embeddings(2000, true));
    (void)writer->finish();
  }
  auto reader = FeaturePackReader::open(kPath);
  std::vector<float> rows(120 * 1024);
  for (auto _ : state)
    for (std::int64_t first = 0; first + 120 <= 2000; first += 120)
      (void)reader->read_embeddings(first, 120, rows);
  state.SetBytesProcessed(state.iterations() * 16 * 120 * 4096);
  std::remove(kPath);
}
BENCHMARK(read_embeddings)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baleen::formats
