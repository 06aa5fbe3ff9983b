#include "dsp/yamnet_frontend.h"

#include <utility>

#include "dsp/window.h"

namespace baleen::dsp {
namespace {

constexpr int kFrameLength = 400;
constexpr int kHopLength = 160;
constexpr int kFftLength = 512;

}  // namespace

Result<YamnetFrontend> YamnetFrontend::create() {
  MelSpectrumOptions options;
  options.n_fft = kFftLength;
  options.hop_length = kHopLength;
  options.window = periodic_hann(kFrameLength);
  options.spectrum = Spectrum::magnitude;
  options.bank = tensorflow_mel_bank({.sample_rate = kSampleRate,
                                      .n_fft = kFftLength,
                                      .n_mels = static_cast<int>(kBandCount),
                                      .fmin_hz = 125.0,
                                      .fmax_hz = 7500.0});
  options.log_offset = 0.001;
  BALEEN_ASSIGN_OR_RETURN(MelSpectrum spectrum, MelSpectrum::create(options));
  return YamnetFrontend(std::move(spectrum));
}

YamnetFrontend::YamnetFrontend(MelSpectrum spectrum)
    : stream_(kFrameLength, kHopLength, 0, spectrum.slack_samples()),
      spectrum_(std::move(spectrum)) {}

void YamnetFrontend::push(std::span<const float> samples, std::vector<float>& out) {
  stream_.push(samples, RowAppender{spectrum_, out});
}

void YamnetFrontend::finish(std::vector<float>& out) {
  stream_.finish(row_count(stream_.sample_count()), RowAppender{spectrum_, out});
}

void YamnetFrontend::reset() { stream_.reset(); }

std::int64_t YamnetFrontend::patch_count(std::int64_t n_samples) {
  if (n_samples <= kPatchSamples) return 1;
  return 1 + (n_samples - kPatchSamples + kPatchHopSamples - 1) / kPatchHopSamples;
}

std::int64_t YamnetFrontend::row_count(std::int64_t n_samples) {
  return kPatchRows + (patch_count(n_samples) - 1) * kPatchHopRows;
}

}  // namespace baleen::dsp
