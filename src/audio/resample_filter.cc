#include "audio/resample_filter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>

namespace baleen::audio {
namespace {

// FilterShape::steep. With f = half of the lower rate: the -6 dB point in f (where frequencies above f
// would alias, and where there are none), the filter's reach in half periods of f on either side, and the
// Kaiser window's shape for 100 dB.
constexpr double kCutoffDown = 0.95;
constexpr double kCutoffUp = 0.97;
constexpr int kReach = 32;
constexpr double kKaiserBeta = 10.06;

// FilterShape::ffmpeg: the defaults of libswresample's options cutoff, filter_size and kaiser_beta.
constexpr double kFfmpegCutoff = 0.97;
constexpr double kFfmpegTaps = 32;
constexpr double kFfmpegKaiserBeta = 9;

/// The modified Bessel function of order 0, by its power series (converges for all x).
double bessel_i0(double x) {
  const double quarter = x * x / 4;
  double term = 1;
  double sum = 1;
  for (int k = 1; term > sum * 1e-17; ++k) {
    term *= quarter / (static_cast<double>(k) * k);
    sum += term;
  }
  return sum;
}

}  // namespace

LowPass::LowPass(double ratio, FilterShape shape)
    : kaiser_beta_(kKaiserBeta),
      cutoff_(ratio < 1 ? 0.5 * ratio * kCutoffDown : 0.5 * kCutoffUp),
      half_width_(kReach / std::min(1.0, ratio)),
      window_scale_(1 / bessel_i0(kKaiserBeta)) {
  if (shape == FilterShape::ffmpeg) {
    const double factor = std::min(1.0, ratio * kFfmpegCutoff);
    kaiser_beta_ = kFfmpegKaiserBeta;
    cutoff_ = 0.5 * factor;
    half_width_ = std::ceil(kFfmpegTaps / factor) / 2;
    window_scale_ = 1 / bessel_i0(kFfmpegKaiserBeta);
  }
}

double LowPass::operator()(double t) const {
  const double edge = t / half_width_;
  if (std::abs(edge) >= 1) return 0;
  const double window = bessel_i0(kaiser_beta_ * std::sqrt(1 - edge * edge)) * window_scale_;
  const double angle = 2 * std::numbers::pi * cutoff_ * t;
  const double sinc = std::abs(angle) < 1e-9 ? 1 : std::sin(angle) / angle;
  return 2 * cutoff_ * sinc * window;
}

std::vector<float> polyphase_taps(const LowPass& filter,
                                  std::int64_t n_phases,
                                  std::size_t n_taps,
                                  bool with_end) {
  const std::int64_t n_rows = n_phases + (with_end ? 1 : 0);
  std::vector<float> taps;
  taps.reserve(static_cast<std::size_t>(n_rows) * n_taps);
  std::vector<double> row(n_taps);
  for (std::int64_t phase = 0; phase < n_rows; ++phase) {
    const double position = static_cast<double>(phase) / static_cast<double>(n_phases);
    for (std::size_t k = 0; k < n_taps; ++k) {
      const double input = static_cast<double>(k) - static_cast<double>(n_taps) / 2 + 1;
      row[k] = filter(position - input);
    }
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (const double tap : row) taps.push_back(static_cast<float>(tap / sum));
  }
  return taps;
}

}  // namespace baleen::audio
