/// Time per patch against the batch size. Wants a model: BALEEN_YAMNET=/path/to/yamnet.onnx.

#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>

#include "core/process.h"
#include "ml/yamnet.h"

namespace baleen::ml {
namespace {

void forward_pass(benchmark::State& state) {
  const char* path = std::getenv("BALEEN_YAMNET");
  if (path == nullptr) return state.SkipWithError("set BALEEN_YAMNET to a model file");
  Result<Session> session = Session::open(path, {});
  if (!session.ok()) return state.SkipWithError(session.error().message.c_str());
  const std::int64_t n = state.range(0);
  const std::vector<float> patches(static_cast<std::size_t>(n) * Yamnet::kPatchValues, -3.0F);
  std::vector<float> embeddings(static_cast<std::size_t>(n) * Yamnet::kEmbeddingValues);
  const InputTensor input{"log_mel_patches", {n, 96, 64}, std::span<const float>(patches)};
  const OutputTensor output{"embeddings", {n, 1024}, embeddings};
  for ([[maybe_unused]] auto _ : state) {
    if (!session->run({&input, 1}, {&output, 1}).ok()) return state.SkipWithError("run failed");
  }
  state.SetItemsProcessed(state.iterations() * n);
  state.counters["s_per_patch"] =
      benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsIterationInvariantRate |
                                                     benchmark::Counter::kInvert);
  state.counters["peak_rss_mb"] = static_cast<double>(core::peak_rss_bytes()) / 1e6;
}
BENCHMARK(forward_pass)
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->Arg(8)
    ->Arg(16)
    ->Arg(32)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baleen::ml
