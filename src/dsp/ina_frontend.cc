#include "dsp/ina_frontend.h"

#include <cmath>
#include <utility>

#include "dsp/window.h"

namespace baleen::dsp {
namespace {

constexpr int kFftLength = 512;
constexpr int kBandsOfTheBank = 24;
constexpr double kPreEmphasis = 0.97;

/// ln Σ y² of one pre-emphasised frame.
float log_energy_of(const float* frame) {
  double previous = frame[0];
  double energy = 0.0;
  for (std::int64_t i = 0; i < InaFrontend::kFrameSamples; ++i) {
    const double sample = frame[i];
    const double emphasised = sample - kPreEmphasis * previous;
    energy += emphasised * emphasised;
    previous = sample;
  }
  return static_cast<float>(std::log(energy));
}

struct FrameAppender {
  RowAppender append_rows;
  std::vector<float>& log_energy;

  void operator()(const float* samples, std::size_t n_frames) const {
    append_rows(samples, n_frames);
    for (std::size_t f = 0; f < n_frames; ++f) {
      log_energy.push_back(log_energy_of(samples + f * InaFrontend::kHopSamples));
    }
  }
};

}  // namespace

Result<InaFrontend> InaFrontend::create() {
  MelSpectrumOptions options;
  options.n_fft = kFftLength;
  options.hop_length = kHopSamples;
  options.window = symmetric_hann(kFrameSamples);
  options.pre_emphasis = kPreEmphasis;
  options.bank = sidekit_mel_bank({.sample_rate = kSampleRate,
                                   .n_fft = kFftLength,
                                   .n_mels = kBandsOfTheBank,
                                   .fmin_hz = 100.0,
                                   .fmax_hz = 8000.0});
  options.bank.resize(kBandCount);
  BALEEN_ASSIGN_OR_RETURN(MelSpectrum spectrum, MelSpectrum::create(options));
  return InaFrontend(std::move(spectrum));
}

InaFrontend::InaFrontend(MelSpectrum spectrum)
    : stream_(kFrameSamples, kHopSamples, 0, spectrum.slack_samples()),
      spectrum_(std::move(spectrum)) {}

void InaFrontend::push(std::span<const float> samples,
                       std::vector<float>& rows,
                       std::vector<float>& log_energy) {
  stream_.push(samples, FrameAppender{{spectrum_, rows}, log_energy});
}

void InaFrontend::finish(std::vector<float>& rows, std::vector<float>& log_energy) {
  stream_.finish(row_count(stream_.sample_count()), FrameAppender{{spectrum_, rows}, log_energy});
}

void InaFrontend::reset() { stream_.reset(); }

std::int64_t InaFrontend::row_count(std::int64_t n_samples) {
  if (n_samples < kFrameSamples) return 0;
  return 1 + (n_samples - kFrameSamples) / kHopSamples;
}

}  // namespace baleen::dsp
