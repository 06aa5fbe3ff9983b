#include <benchmark/benchmark.h>

#include <random>

#include "dsp/clip_features.h"

namespace baleen::dsp {
namespace {

/// Nanoseconds a row, windows included; an hour of audio has 360,819 rows.
void push_rows(benchmark::State& state) {
  std::mt19937 random(1);
  std::vector<float> rows(6000 * kClipMelBands);
  for (float& v : rows) v = static_cast<float>(random() % 6000) / 100.0F - 60.0F;
  ClipFeatures features;
  std::vector<ClipFeatureWindow> windows;
  for (auto _ : state) {
    windows.clear();
    features.push(rows, windows);
    benchmark::DoNotOptimize(windows.data());
  }
  state.SetItemsProcessed(state.iterations() * 6000);
}
BENCHMARK(push_rows)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baleen::dsp
