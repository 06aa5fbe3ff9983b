#include "dsp/mel_spectrum.h"

#include <cmath>
#include <utility>

namespace baleen::dsp {

Result<MelSpectrum> MelSpectrum::create(MelSpectrumOptions options) {
  BALEEN_ASSIGN_OR_RETURN(RealFft fft, RealFft::create(static_cast<std::size_t>(options.n_fft)));
  return MelSpectrum(std::move(options), std::move(fft));
}

MelSpectrum::MelSpectrum(MelSpectrumOptions options, RealFft fft)
    : options_(std::move(options)),
      fft_(std::move(fft)),
      signal_(fft_.size()),
      bins_(fft_.bin_count()),
      levels_(fft_.bin_count()) {}

void MelSpectrum::process(const float* samples, std::size_t n_frames, float* rows) {
  for (std::size_t f = 0; f < n_frames; ++f) {
    process_frame(samples + f * static_cast<std::size_t>(options_.hop_length),
                  rows + f * band_count());
  }
}

void MelSpectrum::process_frame(const float* frame, float* row) {
  double previous = frame[0];
  for (std::size_t n = 0; n < options_.window.size(); ++n) {
    const double sample = frame[n];
    signal_[n] = options_.window[n] * (sample - options_.pre_emphasis * previous);
    previous = sample;
  }
  fft_.process(signal_, bins_);
  for (std::size_t k = 0; k < bins_.size(); ++k) {
    const double power = std::norm(bins_[k]);
    levels_[k] = options_.spectrum == Spectrum::power ? power : std::sqrt(power);
  }
  for (std::size_t m = 0; m < options_.bank.size(); ++m) {
    const MelBand& band = options_.bank[m];
    double sum = 0.0;
    for (std::size_t i = 0; i < band.weights.size(); ++i) {
      sum += band.weights[i] * levels_[band.first_bin + i];
    }
    const double level = sum + options_.log_offset;
    const double floored = level < options_.log_floor ? options_.log_floor : level;  // Keeps NaN.
    row[m] = static_cast<float>(options_.log_scale * std::log(floored));
  }
}

}  // namespace baleen::dsp
