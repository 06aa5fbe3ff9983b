#include "dsp/log_mel.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "dsp/window.h"

namespace baleen::dsp {
namespace {

Result<void> validate(const LogMelOptions& options, double fmax_hz) {
  if (options.sample_rate.value <= 0) {
    return fail(ErrorCode::invalid_argument, "log-mel: sample rate {} Hz",
                options.sample_rate.value);
  }
  if (options.win_length < 1 || options.win_length > options.n_fft || options.hop_length < 1) {
    return fail(ErrorCode::invalid_argument, "log-mel: n_fft {}, win_length {}, hop_length {}",
                options.n_fft, options.win_length, options.hop_length);
  }
  if (options.n_mels < 1 || !(options.fmin_hz >= 0.0) || !(options.fmin_hz < fmax_hz) ||
      !(fmax_hz <= options.sample_rate.value / 2.0)) {
    return fail(ErrorCode::invalid_argument, "log-mel: {} bands from {} to {} Hz at {} Hz",
                options.n_mels, options.fmin_hz, fmax_hz, options.sample_rate.value);
  }
  if (!(options.amin > 0.0)) {
    return fail(ErrorCode::invalid_argument, "log-mel: power floor {}", options.amin);
  }
  return {};
}

}  // namespace

Result<LogMel> LogMel::create(const LogMelOptions& options) {
  const double fmax_hz = options.fmax_hz == 0.0 ? options.sample_rate.value / 2.0 : options.fmax_hz;
  BALEEN_RETURN_IF_ERROR(validate(options, fmax_hz));
  MelSpectrumOptions spectrum_options;
  spectrum_options.n_fft = options.n_fft;
  spectrum_options.hop_length = options.hop_length;
  spectrum_options.window = periodic_hann(static_cast<std::size_t>(options.win_length));
  spectrum_options.bank = slaney_mel_bank({.sample_rate = options.sample_rate,
                                           .n_fft = options.n_fft,
                                           .n_mels = options.n_mels,
                                           .fmin_hz = options.fmin_hz,
                                           .fmax_hz = fmax_hz});
  spectrum_options.log_scale = 10.0 / std::numbers::ln10;
  spectrum_options.log_floor = options.amin;
  spectrum_options.is_precise = true;
  BALEEN_ASSIGN_OR_RETURN(MelSpectrum spectrum, MelSpectrum::create(spectrum_options));

  // librosa centres the window in n_fft and pads n_fft/2 zeros on both sides.
  const int window_offset = (options.n_fft - options.win_length) / 2;
  FrameStream stream(
      static_cast<std::size_t>(options.win_length), static_cast<std::size_t>(options.hop_length),
      static_cast<std::size_t>(options.n_fft / 2 - window_offset), spectrum.slack_samples());
  return LogMel(options, std::move(stream), std::move(spectrum));
}

LogMel::LogMel(const LogMelOptions& options, FrameStream stream, MelSpectrum spectrum)
    : options_(options), stream_(std::move(stream)), spectrum_(std::move(spectrum)) {}

void LogMel::push(std::span<const float> samples, std::vector<float>& out) {
  stream_.push(samples, RowAppender{spectrum_, out});
}

void LogMel::finish(std::vector<float>& out) {
  stream_.finish(row_count(stream_.sample_count()), RowAppender{spectrum_, out});
}

void LogMel::reset() { stream_.reset(); }

std::int64_t LogMel::row_count(std::int64_t n_samples) const {
  return 1 + n_samples / options_.hop_length;
}

}  // namespace baleen::dsp
