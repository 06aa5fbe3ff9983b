#pragma once

/// YAMNet's front end, streaming: 16 kHz samples to log-mel rows, 96 of which make a patch.
///
/// Frames of 400 samples every 160, periodic Hann, FFT 512, magnitude, 64 HTK mel bands from 125 to
/// 7500 Hz (tf.signal.linear_to_mel_weight_matrix), ln(mel + 0.001).
///
/// Patches are started every 0.5 s (50 rows), where upstream starts them every 0.48 s; the padding is
/// upstream's otherwise: zeros up to 15600 samples (one patch), then up to 15600 + k·8000, so every
/// sample lies in a patch and no patch is padded by more than it must. Patch k is rows
/// [50k, 50k + 96) and begins at k·0.5 s.

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
class YamnetFrontend {
 public:
  static constexpr Hertz kSampleRate{16000};
  static constexpr std::int64_t kBandCount = 64;
  static constexpr std::int64_t kPatchRows = 96;
  static constexpr std::int64_t kPatchHopRows = 50;       ///< 0.5 s
  static constexpr std::int64_t kPatchSamples = 15600;    ///< What 96 rows see: 95·160 + 400.
  static constexpr std::int64_t kPatchHopSamples = 8000;  ///< 0.5 s

  [[nodiscard]] static Result<YamnetFrontend> create();

  /// Appends the rows that got complete: row-major, 64 values each. Neither their number nor their
  /// bits depend on how the samples are chunked. A frame with a NaN sample gives a row of NaN.
  void push(std::span<const float> samples, std::vector<float>& out);
  /// Pads with zeros and appends the rows up to the end of the last patch. Only `reset` may follow.
  void finish(std::vector<float>& out);
  void reset();

  /// Patches of a recording; at least one.
  [[nodiscard]] static std::int64_t patch_count(std::int64_t n_samples);
  /// Rows that push and finish append in all: those of patch_count(n_samples) patches.
  [[nodiscard]] static std::int64_t row_count(std::int64_t n_samples);

 private:
  explicit YamnetFrontend(MelSpectrum spectrum);

  FrameStream stream_;
  MelSpectrum spectrum_;
};

}  // namespace baleen::dsp
