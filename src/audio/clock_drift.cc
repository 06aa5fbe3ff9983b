#include "audio/clock_drift.h"

#include <algorithm>
#include <cmath>

namespace baleen::audio {
namespace {

/// The segment that holds `value` by `field`: its two points. There are at least two.
std::pair<ClockPoint, ClockPoint> segment_of(const std::vector<ClockPoint>& points,
                                             std::int64_t ClockPoint::*field,
                                             std::int64_t value) {
  const auto behind = std::upper_bound(
      points.begin() + 1, points.end() - 1, value,
      [field](std::int64_t time, const ClockPoint& point) { return time < point.*field; });
  return {*(behind - 1), *behind};
}

/// Long double, because microseconds since 1970 times microseconds of a season need more than 64 bits.
std::int64_t interpolate(const std::vector<ClockPoint>& points,
                         std::int64_t ClockPoint::*from,
                         std::int64_t ClockPoint::*to,
                         std::int64_t value) {
  if (points.size() == 1) return value - points[0].*from + points[0].*to;
  const auto [a, b] = segment_of(points, from, value);
  const auto slope =
      static_cast<long double>(b.*to - a.*to) / static_cast<long double>(b.*from - a.*from);
  return a.*to + std::llround(static_cast<long double>(value - a.*from) * slope);
}

double ppm_of(const ClockPoint& a, const ClockPoint& b) {
  const auto recorder = static_cast<double>(b.recorder_us - a.recorder_us);
  const auto true_time = static_cast<double>(b.true_us - a.true_us);
  return (recorder / true_time - 1) * 1e6;
}

}  // namespace

Result<ClockCorrection> ClockCorrection::create(std::span<const ClockPoint> points) {
  std::vector<ClockPoint> sorted(points.begin(), points.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const ClockPoint& a, const ClockPoint& b) { return a.recorder_us < b.recorder_us; });
  if (sorted.empty())
    return fail(ErrorCode::invalid_argument,
                "no comparison of the recorder's clock with true time");
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const ClockPoint& a = sorted[i - 1];
    const ClockPoint& b = sorted[i];
    if (a.recorder_us == b.recorder_us || a.true_us >= b.true_us)
      return fail(ErrorCode::invalid_argument,
                  "comparisons {} and {} of the clock: recorder and true time must both ascend",
                  i - 1, i);
    if (std::abs(ppm_of(a, b)) > kDriftPpmMax)
      return fail(ErrorCode::invalid_argument,
                  "comparisons {} and {} of the clock: {:.0f} ppm is no drift; the clock was set "
                  "between them, or one is wrong (at most {} ppm)",
                  i - 1, i, ppm_of(a, b), kDriftPpmMax);
  }
  return ClockCorrection(std::move(sorted));
}

std::int64_t ClockCorrection::to_true_us(std::int64_t recorder_us) const {
  return interpolate(points_, &ClockPoint::recorder_us, &ClockPoint::true_us, recorder_us);
}

std::int64_t ClockCorrection::to_recorder_us(std::int64_t true_us) const {
  return interpolate(points_, &ClockPoint::true_us, &ClockPoint::recorder_us, true_us);
}

double ClockCorrection::drift_ppm(std::int64_t recorder_us) const {
  if (points_.size() == 1) return 0;
  const auto [a, b] = segment_of(points_, &ClockPoint::recorder_us, recorder_us);
  return ppm_of(a, b);
}

double ClockCorrection::true_rate_hz(double nominal_rate_hz, std::int64_t recorder_us) const {
  return nominal_rate_hz * (1 + drift_ppm(recorder_us) * 1e-6);
}

}  // namespace baleen::audio
