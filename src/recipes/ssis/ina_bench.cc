/// What segmentation costs on a recording, in CPU seconds per hour of audio, and how well it agrees with the
/// evaluation of every patch.
///
///   BALEEN_INA=ina_smn.onnx BALEEN_AUDIO=16kHz_mono_s16.raw build/src/recipes/ssis/bench_ina_bench

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/clock.h"
#include "core/process.h"
#include "recipes/ssis/ina_segmenter.h"

namespace baleen::ssis {
namespace {

class RawFile : public SampleSource16k {
 public:
  explicit RawFile(const std::string& path) : file_(path, std::ios::binary) {}
  Result<std::size_t> read(std::span<float> samples) override {
    block_.resize(samples.size());
    file_.read(reinterpret_cast<char*>(block_.data()),
               static_cast<std::streamsize>(block_.size() * sizeof(std::int16_t)));
    const auto n = static_cast<std::size_t>(file_.gcount()) / sizeof(std::int16_t);
    for (std::size_t i = 0; i < n; ++i) samples[i] = static_cast<float>(block_[i]) / 32768.0F;
    n_samples += n;
    return n;
  }
  Result<void> rewind() override {
    file_.clear();
    file_.seekg(0);
    n_samples = 0;
    return {};
  }
  std::size_t n_samples = 0;

 private:
  std::ifstream file_;
  std::vector<std::int16_t> block_;
};

std::vector<int> labels_of(const std::vector<SmnSegment>& segments) {
  std::vector<int> labels;
  for (const SmnSegment& segment : segments)
    labels.resize(static_cast<std::size_t>(std::lround(segment.end_s * 50.0)),
                  static_cast<int>(segment.label));
  return labels;
}

struct Measured {
  std::vector<int> labels;
  double cpu_s = 0.0;
  double audio_h = 0.0;
  InaStats stats;
  std::string error;
};

Measured measure(const InaOptions& options) {
  Measured measured;
  const char* model = std::getenv("BALEEN_INA");
  const char* audio = std::getenv("BALEEN_AUDIO");
  if (model == nullptr || audio == nullptr) {
    measured.error = "set BALEEN_INA and BALEEN_AUDIO";
    return measured;
  }
  Result<ml::Session> session = ml::Session::open(model, {});
  if (!session.ok()) {
    measured.error = session.error().message;
    return measured;
  }
  Result<InaSegmenter> segmenter = InaSegmenter::create(std::move(session).value(), options);
  RawFile file(audio);
  const double begin_s = core::process_cpu_s();
  const auto segments = segmenter->segment(file, {});
  measured.cpu_s = core::process_cpu_s() - begin_s;
  measured.audio_h = static_cast<double>(file.n_samples) / 16000.0 / 3600.0;
  measured.stats = segmenter->stats();
  if (segments.ok())
    measured.labels = labels_of(*segments);
  else
    measured.error = segments.error().message;
  return measured;
}

void segmentation(benchmark::State& state) {
  InaOptions dense_options;
  dense_options.decoder.stride = 1;
  static const Measured dense =
      std::getenv("BALEEN_INA_NO_DENSE") == nullptr ? measure(dense_options) : Measured{};
  Measured sparse;
  for ([[maybe_unused]] auto _ : state) {
    InaOptions options;
    options.decoder.stride = static_cast<std::size_t>(state.range(0));
    options.decoder.margin = static_cast<double>(state.range(1));
    options.decoder.steepness = static_cast<double>(state.range(2)) / 100.0;
    sparse = measure(options);
  }
  if (!sparse.error.empty()) return state.SkipWithError(sparse.error.c_str());
  std::size_t n_equal = 0;
  for (std::size_t i = 0; i < sparse.labels.size() && i < dense.labels.size(); ++i)
    n_equal += sparse.labels[i] == dense.labels[i] ? 1 : 0;
  state.counters["agreement_%"] =
      100.0 * static_cast<double>(n_equal) / static_cast<double>(dense.labels.size());
  state.counters["evaluated_%"] = 100.0 * static_cast<double>(sparse.stats.n_evaluated) /
                                  static_cast<double>(sparse.stats.n_patches);
  state.counters["active_%"] = 100.0 * static_cast<double>(sparse.stats.n_active) /
                               static_cast<double>(sparse.stats.n_patches);
  state.counters["cpu_s_per_h"] = sparse.cpu_s / sparse.audio_h;
  state.counters["dense_s_per_h"] = dense.cpu_s / sparse.audio_h;
  state.counters["rss_mb"] = static_cast<double>(core::peak_rss_bytes()) / 1e6;
}
const InaDecoderOptions kDefaults;
BENCHMARK(segmentation)
    ->ArgNames({"stride", "margin", "steepness_%"})
    ->Args({static_cast<std::int64_t>(kDefaults.stride),
            static_cast<std::int64_t>(kDefaults.margin),
            static_cast<std::int64_t>(100 * kDefaults.steepness)})
    ->Args({32, 100, 20})
    ->Args({32, 50, 40})
    ->Args({32, 200, 0})
    ->Iterations(1)
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace baleen::ssis
