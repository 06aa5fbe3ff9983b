#include "recipes/bioacoustics/embedder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "dsp/bat_frontend.h"
#include "dsp/dct_embedding.h"
#include "dsp/log_mel.h"
#include "dsp/yamnet_frontend.h"

namespace baleen::bioacoustics {
namespace {

/// Means of consecutive vectors: what a recording's patches have in common.
void average(std::span<const float> vectors, std::span<float> mean) {
  const std::size_t n = vectors.size() / mean.size();
  for (std::size_t d = 0; d < mean.size(); ++d) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += vectors[i * mean.size() + d];
    mean[d] = static_cast<float>(sum / static_cast<double>(n));
  }
}

/// Sines and cosines of the window's place: cheap, the same everywhere, and different for each window.
class StubEmbedder final : public Embedder {
 public:
  explicit StubEmbedder(std::int64_t window_samples) : window_samples_(window_samples) {}
  [[nodiscard]] std::size_t size() const override { return 16; }
  Result<void> embed(std::span<float> windows, std::int64_t first, std::span<float> out) override {
    const std::size_t n = windows.size() / static_cast<std::size_t>(window_samples_);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t d = 0; d < size(); d += 2) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(d + 2) *
                             static_cast<double>(first + static_cast<std::int64_t>(i)) / 97;
        out[i * size() + d] = static_cast<float>(std::sin(angle));
        out[i * size() + d + 1] = static_cast<float>(std::cos(angle));
      }
    }
    return {};
  }

 private:
  std::int64_t window_samples_;
};

/// The built-in embedding (dsp/dct_embedding.h) of the patches of a window, averaged and of length 1 again.
class BuiltinEmbedder final : public Embedder {
 public:
  BuiltinEmbedder(dsp::LogMel log_mel, std::int64_t window_samples)
      : log_mel_(std::move(log_mel)), window_samples_(static_cast<std::size_t>(window_samples)) {}
  [[nodiscard]] std::size_t size() const override { return dsp::DctEmbedding::kSize; }

  Result<void> embed(std::span<float> windows, std::int64_t, std::span<float> out) override {
    for (std::size_t i = 0; i * window_samples_ < windows.size(); ++i)
      embed_one(windows.subspan(i * window_samples_, window_samples_),
                out.subspan(i * size(), size()));
    return {};
  }

 private:
  void embed_one(std::span<const float> window, std::span<float> out) {
    rows_.clear();
    patches_.clear();
    log_mel_.reset();
    dct_.reset();
    log_mel_.push(window, rows_);
    log_mel_.finish(rows_);
    dct_.push(rows_, patches_);
    if (patches_.empty()) dct_.finish(patches_);  // Shorter than one patch.
    average(patches_, out);
    double power = 0;
    for (const float value : out) power += double{value} * value;
    const double gain = power > 0 ? 1 / std::sqrt(power) : 0;
    for (float& value : out) value = static_cast<float>(value * gain);
  }

  dsp::LogMel log_mel_;
  dsp::DctEmbedding dct_;
  std::size_t window_samples_;
  std::vector<float> rows_, patches_;
};

class WaveformEmbedder final : public Embedder {
 public:
  WaveformEmbedder(ml::EmbeddingNetwork& network, double peak, std::int64_t window_samples)
      : network_(network), peak_(peak), input_shape_{window_samples} {}
  [[nodiscard]] std::size_t size() const override { return network_.size(); }

  Result<void> embed(std::span<float> windows, std::int64_t, std::span<float> out) override {
    const auto window_samples = static_cast<std::size_t>(input_shape_.front());
    for (std::size_t at = 0; peak_ > 0 && at < windows.size(); at += window_samples)
      ml::scale_to_peak(windows.subspan(at, window_samples), peak_);
    return network_.embed(windows, input_shape_, out);
  }

 private:
  ml::EmbeddingNetwork& network_;
  double peak_;
  std::vector<std::int64_t> input_shape_;
};

/// YAMNet hears patches of 0.96 s: the vector of a window is the mean of its patches.
class YamnetEmbedder final : public Embedder {
 public:
  YamnetEmbedder(ml::EmbeddingNetwork& network,
                 dsp::YamnetFrontend frontend,
                 std::int64_t window_samples)
      : network_(network),
        frontend_(std::move(frontend)),
        window_samples_(static_cast<std::size_t>(window_samples)) {}
  [[nodiscard]] std::size_t size() const override { return network_.size(); }

  Result<void> embed(std::span<float> windows, std::int64_t, std::span<float> out) override {
    patches_.clear();
    for (std::size_t at = 0; at < windows.size(); at += window_samples_)
      append_patches(windows.subspan(at, window_samples_));
    vectors_.resize(patches_.size() / kPatchValues * size());
    BALEEN_RETURN_IF_ERROR(network_.embed(patches_, kPatchShape, vectors_));
    const std::size_t n = windows.size() / window_samples_;
    const std::size_t values = vectors_.size() / std::max<std::size_t>(n, 1);
    for (std::size_t i = 0; i < n; ++i)
      average(std::span<const float>(vectors_).subspan(i * values, values),
              out.subspan(i * size(), size()));
    return {};
  }

 private:
  static constexpr std::size_t kPatchValues =
      dsp::YamnetFrontend::kPatchRows * dsp::YamnetFrontend::kBandCount;
  static constexpr std::array<std::int64_t, 2> kPatchShape = {dsp::YamnetFrontend::kPatchRows,
                                                              dsp::YamnetFrontend::kBandCount};

  void append_patches(std::span<const float> window) {
    constexpr std::size_t kHopValues =
        dsp::YamnetFrontend::kPatchHopRows * dsp::YamnetFrontend::kBandCount;
    rows_.clear();
    frontend_.reset();
    frontend_.push(window, rows_);
    frontend_.finish(rows_);
    for (std::size_t at = 0; at + kPatchValues <= rows_.size(); at += kHopValues)
      patches_.insert(patches_.end(), rows_.begin() + static_cast<std::ptrdiff_t>(at),
                      rows_.begin() + static_cast<std::ptrdiff_t>(at + kPatchValues));
  }

  ml::EmbeddingNetwork& network_;
  dsp::YamnetFrontend frontend_;
  std::size_t window_samples_;
  std::vector<float> rows_, patches_, vectors_;
};

/// Each window is one spectrogram; the network makes a vector of every 8 frames of it, which are pooled.
class BatEmbedder final : public Embedder {
 public:
  /// The network's rows say which of the two front ends it was trained with.
  static Result<std::unique_ptr<Embedder>> create(ml::EmbeddingNetwork& network,
                                                  const ml::ModelCard& card,
                                                  std::int64_t window_samples) {
    const std::vector<std::int64_t>& shape = card.inputs.front().shape;
    dsp::BatFrontendOptions options = dsp::BatFrontend::options_256k();
    if (shape.size() == 4 && shape[2] == kRows192k) options = dsp::BatFrontend::options_192k();
    options.sample_rate = Hertz{static_cast<std::int32_t>(card.sample_rate_hz)};
    BALEEN_ASSIGN_OR_RETURN(dsp::BatFrontend frontend, dsp::BatFrontend::create(options));
    if (shape.size() != 4 || shape[2] != static_cast<std::int64_t>(frontend.row_count())) {
      return fail(ErrorCode::model_invalid, "'{}' takes [{}], and a bat spectrogram has {} rows",
                  card.name, fmt::join(shape, ","), frontend.row_count());
    }
    const std::size_t columns = frontend.column_count(static_cast<std::size_t>(window_samples));
    if (columns == 0) {
      return fail(ErrorCode::invalid_argument,
                  "a window of {} samples is shorter than two frames of a bat spectrogram, {} "
                  "samples; ask for a longer one",
                  window_samples, frontend.frame_samples() + frontend.hop_samples());
    }
    return std::unique_ptr<Embedder>(
        new BatEmbedder(network, std::move(frontend), window_samples, columns));
  }

  [[nodiscard]] std::size_t size() const override { return network_.size(); }

  Result<void> embed(std::span<float> windows, std::int64_t, std::span<float> out) override {
    const std::size_t values = frontend_.row_count() * columns_;
    const std::size_t n = windows.size() / window_samples_;
    // As many as the network takes at once: spectrograms of long windows are large.
    const std::size_t batch =
        std::clamp<std::size_t>(ml::EmbeddingNetwork::kBatchBytesMax / (values * sizeof(float)), 1,
                                std::max<std::size_t>(n, 1));
    spectrograms_.resize(batch * values);
    const std::array<std::int64_t, 3> shape = {1, static_cast<std::int64_t>(frontend_.row_count()),
                                               static_cast<std::int64_t>(columns_)};
    for (std::size_t first = 0; first < n; first += batch) {
      const std::size_t count = std::min(batch, n - first);
      const auto spectrograms = std::span(spectrograms_).first(count * values);
      for (std::size_t i = 0; i < count; ++i)
        frontend_.process(windows.subspan((first + i) * window_samples_, window_samples_),
                          spectrograms.subspan(i * values, values));
      BALEEN_RETURN_IF_ERROR(
          network_.embed(spectrograms, shape, out.subspan(first * size(), count * size())));
    }
    return {};
  }

 private:
  static constexpr std::int64_t kRows192k = 115;

  BatEmbedder(ml::EmbeddingNetwork& network,
              dsp::BatFrontend frontend,
              std::int64_t window_samples,
              std::size_t columns)
      : network_(network),
        frontend_(std::move(frontend)),
        window_samples_(static_cast<std::size_t>(window_samples)),
        columns_(columns) {}

  ml::EmbeddingNetwork& network_;
  dsp::BatFrontend frontend_;
  std::size_t window_samples_;
  std::size_t columns_;
  std::vector<float> spectrograms_;
};

}  // namespace

Result<std::unique_ptr<Embedder>> make_embedder(const Encoding& encoding,
                                                ml::EmbeddingNetwork* network,
                                                const ml::ModelCard* card) {
  const std::int64_t window_samples =
      std::llround(encoding.window_s * static_cast<double>(encoding.sample_rate_hz));
  std::unique_ptr<Embedder> embedder;
  if (encoding.kind == EmbedderKind::stub) {
    embedder = std::make_unique<StubEmbedder>(window_samples);
  } else if (encoding.kind == EmbedderKind::builtin) {
    BALEEN_ASSIGN_OR_RETURN(dsp::LogMel log_mel, dsp::LogMel::create({}));
    embedder = std::make_unique<BuiltinEmbedder>(std::move(log_mel), window_samples);
  } else if (card->embedding->frontend == "waveform") {
    embedder = std::make_unique<WaveformEmbedder>(*network, card->embedding->peak, window_samples);
  } else if (card->embedding->frontend == "yamnet_patches") {
    BALEEN_ASSIGN_OR_RETURN(dsp::YamnetFrontend frontend, dsp::YamnetFrontend::create());
    embedder = std::make_unique<YamnetEmbedder>(*network, std::move(frontend), window_samples);
  } else if (card->embedding->frontend == "batdetect_spectrogram") {
    BALEEN_ASSIGN_OR_RETURN(embedder, BatEmbedder::create(*network, *card, window_samples));
  } else {
    return fail(ErrorCode::not_supported, "the front end '{}' of '{}' is not built yet",
                card->embedding->frontend, card->name);
  }
  return embedder;
}

}  // namespace baleen::bioacoustics
