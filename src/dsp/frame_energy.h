#pragma once

/// Short-time level of a signal, streaming: for silence detection and for the preview.
///
/// Frame f is the samples [f·hop_samples, f·hop_samples + window_samples), cut off at the end of the
/// signal (a cut frame is averaged over the samples that it has); n samples give ceil(n/hop) values.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "dsp/frame_stream.h"

namespace baleen::dsp {

struct FrameEnergyOptions {
  Hertz sample_rate{22050};
  int window_samples = 551;  ///< 25 ms
  int hop_samples = 220;     ///< 10 ms
};

/// One stream. Movable; not thread-safe: one object per thread.
class FrameEnergy {
 public:
  /// What digital silence reads, and anything below it.
  static constexpr float kFloorDbfs = -120.0F;

  /// `invalid_argument` unless rate, window and hop are positive.
  [[nodiscard]] static Result<FrameEnergy> create(const FrameEnergyOptions& options);

  /// Appends the levels of the frames that got complete, in dBFS: 20·log10(rms), where the RMS of a
  /// full-scale square wave is 1 (a full-scale sine reads -3.01). Neither their number nor their
  /// bits depend on how the samples are chunked. A frame with a NaN sample gives NaN.
  void push(std::span<const float> samples, std::vector<float>& out);
  /// Appends the remaining levels. Only `reset` may follow.
  void finish(std::vector<float>& out);
  void reset();

  /// Levels that n_samples samples give in all.
  [[nodiscard]] std::int64_t row_count(std::int64_t n_samples) const;
  /// The middle of (an uncut) frame f, in seconds.
  [[nodiscard]] double time_s(std::int64_t f) const;

 private:
  explicit FrameEnergy(const FrameEnergyOptions& options);
  void append_levels(const float* samples, std::size_t n_frames, std::vector<float>& out);
  [[nodiscard]] std::size_t samples_of_frame(std::int64_t f) const;

  FrameEnergyOptions options_;
  FrameStream stream_;
  std::int64_t end_sample_ = 0;  ///< Where the signal ends, once that is known.
};

}  // namespace baleen::dsp
