#pragma once

/// The front end of INA's speech/music/noise network, streaming: 16 kHz samples to 21 log band
/// energies and one log energy per frame of 25 ms, every 10 ms.
///
/// Pre-emphasis 0.97 inside each frame (its first sample is its own predecessor); the log energy is
/// taken there; then symmetric Hann over 400 samples, FFT 512, power, 24 bands of 100 to 8000 Hz
/// (sidekit_mel_bank) of which the first 21 are kept, natural logarithm. Exact silence gives
/// -infinity, which the network's caller needs to see. Padding to 68 frames, normalisation of the
/// patches and decoding are the caller's.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "dsp/frame_stream.h"
#include "dsp/mel_spectrum.h"

namespace baleen::dsp {

/// One stream. Movable; not thread-safe: one object per thread.
class InaFrontend {
 public:
  static constexpr Hertz kSampleRate{16000};
  static constexpr std::int64_t kBandCount = 21;
  static constexpr std::int64_t kFrameSamples = 400;
  static constexpr std::int64_t kHopSamples = 160;

  [[nodiscard]] static Result<InaFrontend> create();

  /// Appends the frames that got complete: 21 values to `rows` (row-major) and one to `log_energy`
  /// for each. Neither their number nor their bits depend on how the samples are chunked. A frame
  /// with a NaN sample gives NaN in both.
  void push(std::span<const float> samples,
            std::vector<float>& rows,
            std::vector<float>& log_energy);
  /// Appends the frames held back so far; samples that fill no frame are dropped, as upstream does.
  /// Only `reset` may follow.
  void finish(std::vector<float>& rows, std::vector<float>& log_energy);
  void reset();

  /// Frames that n_samples samples give in all; 0 for less than 400.
  [[nodiscard]] static std::int64_t row_count(std::int64_t n_samples);

 private:
  explicit InaFrontend(MelSpectrum spectrum);

  FrameStream stream_;
  MelSpectrum spectrum_;
};

}  // namespace baleen::dsp
