#include <benchmark/benchmark.h>

#include <random>

#include "dsp/bat_frontend.h"

namespace baleen::dsp {
namespace {

/// CPU seconds for a second of sound at 256 kHz: a window of 1 s.
void spectrogram_of_a_second(benchmark::State& state) {
  std::mt19937 random(1);
  std::vector<float> samples(256'000);
  for (float& v : samples) v = static_cast<float>(random() % 2000) / 20'000.0F - 0.05F;
  BatFrontend frontend = BatFrontend::create(BatFrontend::options_256k()).value();
  std::vector<float> out(frontend.row_count() * frontend.column_count(samples.size()));
  for (auto _ : state) {
    frontend.process(samples, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(spectrogram_of_a_second)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baleen::dsp
