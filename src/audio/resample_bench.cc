#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "audio/resample.h"
#include "audio/resample_kernels.h"

// Seconds of audio per second, in the blocks that decoders deliver.

namespace baleen::audio {
namespace {

constexpr std::size_t kBlock = 1152;

void resample(benchmark::State& state) {
  const auto from = static_cast<std::int32_t>(state.range(0));
  const auto to = static_cast<std::int32_t>(state.range(1));
  Result<Resampler> resampler = Resampler::create(Hertz{from}, Hertz{to});
  BALEEN_CHECK(resampler.ok());
  const std::vector<float> in(kBlock, 0.1F);
  std::vector<float> out;
  for (auto _ : state) {
    out.clear();
    resampler->process(in, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["audio_s_per_s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * kBlock / from, benchmark::Counter::kIsRate);
}
BENCHMARK(resample)
    ->Args({44100, 22050})
    ->Args({48000, 22050})
    ->Args({22050, 16000})
    ->Args({96000, 22050})
    ->Args({441000, 22050})
    ->Args({8000, 22050})
    ->Args({47999, 22050});

void create(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        Resampler::create(Hertz{static_cast<std::int32_t>(state.range(0))}, Hertz{22050}));
  }
}
BENCHMARK(create)->Arg(44100)->Arg(48000)->Arg(441000)->Arg(47999);

void quantise(benchmark::State& state) {
  const std::vector<float> in(kBlock, 0.1F);
  std::vector<std::int16_t> out(kBlock);
  for (auto _ : state) {
    benchmark::DoNotOptimize(quantise_kernel(in.data(), in.size(), out.data()));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBlock));
}
BENCHMARK(quantise);

}  // namespace
}  // namespace baleen::audio
