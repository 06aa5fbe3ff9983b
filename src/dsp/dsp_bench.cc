// Nanoseconds of processor time per row of each front end, for every instruction set of this machine:
//   bench_dsp_bench --benchmark_filter=LogMel
// The samples come from the first-level caches: 0.5 s are pushed over and over.

#include <benchmark/benchmark.h>
#include <hwy/targets.h>

#include <cmath>
#include <string>
#include <vector>

#include "dsp/dct_embedding.h"
#include "dsp/frame_energy.h"
#include "dsp/ina_frontend.h"
#include "dsp/log_mel.h"
#include "dsp/yamnet_frontend.h"

namespace baleen::dsp {
namespace {

/// Noise that falls by 6 dB an octave, as recordings do.
std::vector<float> pink_noise(std::size_t n_samples) {
  std::vector<float> samples(n_samples);
  std::uint32_t state = 1;
  float level = 0.0F;
  for (float& sample : samples) {
    state = 1664525U * state + 1013904223U;
    level = 0.97F * level + static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-34F;
    sample = level;
  }
  return samples;
}

void report(benchmark::State& state, double rows, double seconds_per_row) {
  state.counters["row"] =
      benchmark::Counter(rows, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["audio_s/s"] =
      benchmark::Counter(rows * seconds_per_row, benchmark::Counter::kIsRate);
}

void bench_log_mel(benchmark::State& state, std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  LogMel log_mel = LogMel::create({}).value();
  const std::vector<float> samples = pink_noise(11025);
  std::vector<float> rows;
  double n_rows = 0;
  for (auto _ : state) {
    rows.clear();
    log_mel.push(samples, rows);
    benchmark::DoNotOptimize(rows.data());
    n_rows += static_cast<double>(rows.size()) / 64.0;
  }
  report(state, n_rows, 220.0 / 22050.0);
  hwy::SetSupportedTargetsForTest(0);
}

void bench_yamnet(benchmark::State& state, std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  YamnetFrontend frontend = YamnetFrontend::create().value();
  const std::vector<float> samples = pink_noise(8000);
  std::vector<float> rows;
  double n_rows = 0;
  for (auto _ : state) {
    rows.clear();
    frontend.push(samples, rows);
    benchmark::DoNotOptimize(rows.data());
    n_rows += static_cast<double>(rows.size()) / 64.0;
  }
  report(state, n_rows, 0.01);
  hwy::SetSupportedTargetsForTest(0);
}

void bench_ina(benchmark::State& state, std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  InaFrontend frontend = InaFrontend::create().value();
  const std::vector<float> samples = pink_noise(8000);
  std::vector<float> rows;
  std::vector<float> log_energy;
  double n_rows = 0;
  for (auto _ : state) {
    rows.clear();
    log_energy.clear();
    frontend.push(samples, rows, log_energy);
    benchmark::DoNotOptimize(rows.data());
    n_rows += static_cast<double>(log_energy.size());
  }
  report(state, n_rows, 0.01);
  hwy::SetSupportedTargetsForTest(0);
}

void bench_frame_energy(benchmark::State& state) {
  FrameEnergy energy = FrameEnergy::create({}).value();
  const std::vector<float> samples = pink_noise(11025);
  std::vector<float> rows;
  double n_rows = 0;
  for (auto _ : state) {
    rows.clear();
    energy.push(samples, rows);
    benchmark::DoNotOptimize(rows.data());
    n_rows += static_cast<double>(rows.size());
  }
  report(state, n_rows, 220.0 / 22050.0);
}
BENCHMARK(bench_frame_energy);

void bench_dct_embedding(benchmark::State& state) {
  DctEmbedding embedding;
  std::vector<float> rows(50 * 64);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = -40.0F + static_cast<float>(i % 17);
  std::vector<float> out;
  double n_patches = 0;
  for (auto _ : state) {
    out.clear();
    embedding.push(rows, out);
    benchmark::DoNotOptimize(out.data());
    n_patches += static_cast<double>(out.size()) / 1024.0;
  }
  report(state, n_patches, 0.5);
}
BENCHMARK(bench_dct_embedding);

const bool kRegistered = [] {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    const std::string suffix = std::string("/") + hwy::TargetName(target);
    benchmark::RegisterBenchmark(("LogMel" + suffix).c_str(), bench_log_mel, target);
    benchmark::RegisterBenchmark(("YamnetFrontend" + suffix).c_str(), bench_yamnet, target);
    benchmark::RegisterBenchmark(("InaFrontend" + suffix).c_str(), bench_ina, target);
  }
  return true;
}();

}  // namespace
}  // namespace baleen::dsp
