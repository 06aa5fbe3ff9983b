#pragma once

/// The log-mel spectrogram of the feature pack, streaming: equal to librosa within 1e-3 dB for samples of
/// 16 bits, as normalized.wav holds (largest difference in 20 minutes of recordings: 0.0008 dB). Of samples
/// between those steps, one value in 16,000 is off by more, up to 0.0035 dB: the difference that whitens a
/// frame is then no longer exact.
///
///   power_to_db(melspectrogram(y, sr=22050, n_fft=1024, win_length=551, hop_length=220, n_mels=64,
///                              power=2.0, center=True, pad_mode='constant'),
///               ref=1.0, amin=1e-10, top_db=None)
///
/// Slaney's mel scale and normalisation, periodic Hann. Row f is centred on sample f·hop_length;
/// n samples give 1 + n/hop_length rows. Golden: tests/golden/log_mel/ORIGIN.md.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "dsp/frame_stream.h"
#include "dsp/mel_spectrum.h"

namespace baleen::dsp {

struct LogMelOptions {
  Hertz sample_rate{22050};
  int n_fft = 1024;      ///< Samples.
  int win_length = 551;  ///< Samples, at most n_fft.
  int hop_length = 220;  ///< Samples.
  int n_mels = 64;
  double fmin_hz = 0.0;
  double fmax_hz = 0.0;  ///< 0: half the sample rate.
  double amin = 1e-10;   ///< Power floor; 1e-10 is -100 dB.
};

/// One stream. Movable; not thread-safe: one object per thread.
class LogMel {
 public:
  /// `invalid_argument` for sizes, rates or frequencies that make no spectrogram.
  [[nodiscard]] static Result<LogMel> create(const LogMelOptions& options);

  /// Appends the rows that got complete, in dB: row-major, n_mels values each. Rows may come later
  /// than they could, but neither their number nor their bits depend on how the samples are chunked.
  /// A frame with a NaN sample gives a row of NaN.
  void push(std::span<const float> samples, std::vector<float>& out);
  /// Appends the remaining rows, the last of them centred within hop_length samples of the end.
  /// Only `reset` may follow.
  void finish(std::vector<float>& out);
  void reset();

  /// Rows that `n_samples` samples give in all.
  [[nodiscard]] std::int64_t row_count(std::int64_t n_samples) const;
  [[nodiscard]] const LogMelOptions& options() const { return options_; }

 private:
  LogMel(const LogMelOptions& options, FrameStream stream, MelSpectrum spectrum);

  LogMelOptions options_;
  FrameStream stream_;
  MelSpectrum spectrum_;
};

}  // namespace baleen::dsp
