#pragma once

/// The loudness of a recording over time, small enough to keep for 24 hours (4.3 MB): RMS of 20 ms
/// steps, in half decibels. Gathered while the samples stream by.

#include <cstdint>
#include <span>
#include <vector>

#include "core/units.h"
#include "recipes/ssis/segments.h"

namespace baleen::ssis {

/// A stretch of low energy, in steps: [begin, end).
struct Pause {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Not thread-safe. The result does not depend on how the samples are portioned.
class PreviewEnergy {
 public:
  static constexpr Millis kStep = 20;
  static constexpr double kFloorDbfs =
      -110.0;  ///< The lowest level; digital silence lies there too.
  static constexpr double kResolutionDb = 0.5;

  /// `rate` at least 50 Hz. `n_samples` is a hint: memory is taken once for so many.
  explicit PreviewEnergy(Hertz rate, std::int64_t n_samples = 0);

  /// The next samples of one channel, 16 bits.
  void push(std::span<const std::int16_t> samples);
  /// The same with full scale ±1; beyond it they are cut, NaN counts as full scale.
  void push(std::span<const float> samples);
  /// Closes the last step, however short. Nothing may be pushed afterwards.
  void finish();

  [[nodiscard]] std::int64_t step_count() const {
    return static_cast<std::int64_t>(levels_.size());
  }
  /// RMS of a step in dB relative to full scale; a square wave at full scale has 0.
  [[nodiscard]] double level_dbfs(std::int64_t step) const;
  /// RMS of a step, full scale 1; 0 at the floor.
  [[nodiscard]] double rms(std::int64_t step) const;

  /// The level below which `fraction` (0 to 1) of the steps lie.
  [[nodiscard]] double percentile_dbfs(double fraction) const;
  /// Below this level a step counts as low: 30 dB under the loud steps (95th percentile), or just above
  /// the noise floor (10th percentile + 3 dB) if that is higher, but never within 10 dB of the loud ones.
  [[nodiscard]] double pause_threshold_dbfs() const;
  /// Runs of low steps longer than `minimum`, in order.
  [[nodiscard]] std::vector<Pause> pauses(Millis minimum) const;

  /// Variance of the RMS over steps [begin, end), divided by the square of its mean (dimensionless).
  [[nodiscard]] double relative_variance(std::int64_t begin, std::int64_t end) const;

 private:
  void close_step();
  [[nodiscard]] std::int64_t step_end(std::int64_t step) const;  // In samples.

  Hertz rate_;
  std::vector<std::uint8_t> levels_;
  std::int64_t n_pushed_ = 0;        // Samples.
  std::int64_t sum_of_squares_ = 0;  // Of the open step, of 16-bit samples: exact.
  std::int64_t n_in_step_ = 0;
};

}  // namespace baleen::ssis
