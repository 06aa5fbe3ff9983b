#pragma once

/// The clock of a recorder against true time: pure functions of a deployment's comparisons (at its start and recovery,
/// from GPS, or from sounds of known time).

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"

namespace baleen::audio {

/// Both in microseconds since 1970; the recorder's may be local time if all that is corrected is, too.
struct ClockPoint {
  std::int64_t recorder_us = 0;
  std::int64_t true_us = 0;
  bool operator==(const ClockPoint&) const = default;
};

/// Piecewise linear between the points; before the first and behind the last the nearest segment goes on. One point is
/// a constant offset. Monotonic, exact at the points. Immutable.
class ClockCorrection {
 public:
  /// No quartz drifts more than this; more is a clock that was set, or a comparison that is wrong.
  static constexpr double kDriftPpmMax = 2000;

  /// The points in any order. INVALID_ARGUMENT for none, for two at one time, for true times that do not ascend with
  /// the recorder's, and for a drift beyond kDriftPpmMax.
  static Result<ClockCorrection> create(std::span<const ClockPoint> points);

  [[nodiscard]] std::int64_t to_true_us(std::int64_t recorder_us) const;
  /// The inverse, within a microsecond.
  [[nodiscard]] std::int64_t to_recorder_us(std::int64_t true_us) const;
  /// How much too fast the recorder's clock runs at that time, in parts per million: 0 for one point.
  [[nodiscard]] double drift_ppm(std::int64_t recorder_us) const;
  /// What samples per second are, if the same quartz makes them and the clock.
  [[nodiscard]] double true_rate_hz(double nominal_rate_hz, std::int64_t recorder_us) const;

 private:
  explicit ClockCorrection(std::vector<ClockPoint> points) : points_(std::move(points)) {}
  std::vector<ClockPoint> points_;  // At least one, ascending in both.
};

}  // namespace baleen::audio
