#include "dsp/bat_frontend.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dsp/window.h"

namespace baleen::dsp {
namespace {

constexpr double kTimeExpansion = 10;
constexpr double kOverlap = 0.75;
constexpr double kSampleScale = 32'768;    // It was trained on integers.
constexpr std::ptrdiff_t kBlurRadius = 4;  // Of a Gaussian of sigma 1, cut off at 4 sigma.
constexpr std::size_t kTaps = 2 * kBlurRadius + 2;

/// The weight of a neighbour at this distance.
double blur_weight(std::ptrdiff_t distance) {
  if (distance < -kBlurRadius || distance > kBlurRadius) return 0;
  double sum = 0;
  for (std::ptrdiff_t d = -kBlurRadius; d <= kBlurRadius; ++d)
    sum += std::exp(-0.5 * static_cast<double>(d * d));
  return std::exp(-0.5 * static_cast<double>(distance * distance)) / sum;
}

}  // namespace

Result<BatFrontend> BatFrontend::create(const BatFrontendOptions& options) {
  const double rate_hz = std::floor(options.sample_rate.value / kTimeExpansion);
  const auto n_fft = static_cast<std::size_t>(std::max(0.0, options.slice_scale_s * rate_hz));
  const auto begin = static_cast<std::size_t>(std::max(0, options.bin_begin) + 1);
  const auto end = static_cast<std::size_t>(std::max(0, options.bin_end) + 1);
  const std::vector<double> window = symmetric_hann(n_fft);
  double window_power = 0;
  for (const double value : window) window_power += value * value;
  Result<BandPower> power = BandPower::create(window, begin, end);
  if (!power.ok() || end - begin < 4) {
    return fail(ErrorCode::invalid_argument,
                "a bat spectrogram of bins {} to {} cannot be made of frames of {} samples ({} Hz)",
                options.bin_begin, options.bin_end, n_fft, options.sample_rate.value);
  }
  const auto overlap = static_cast<std::size_t>(kOverlap * static_cast<double>(n_fft));
  const double log_scale = 2 / rate_hz / window_power * kSampleScale * kSampleScale;
  return BatFrontend(std::move(*power), n_fft - overlap, log_scale);
}

BatFrontend::BatFrontend(BandPower power, std::size_t hop, double log_scale)
    : power_(std::move(power)),
      hop_(hop),
      log_scale_(static_cast<float>(log_scale)),
      rows_(make_taps(power_.bin_count(), (power_.bin_count() + 1) / 2)) {}

std::vector<BatFrontend::Tap> BatFrontend::make_taps(std::size_t n_in, std::size_t n_out) {
  std::vector<Tap> taps(n_out);
  for (std::size_t j = 0; j < n_out; ++j) {
    // The corners of both grids lie on each other (scipy.ndimage.zoom).
    const double at =
        n_out < 2 ? 0 : static_cast<double>(j * (n_in - 1)) / static_cast<double>(n_out - 1);
    const auto whole = static_cast<std::ptrdiff_t>(at);
    const double fraction = at - static_cast<double>(whole);
    taps[j].first = whole - kBlurRadius;
    for (std::size_t t = 0; t < kTaps; ++t) {
      const std::ptrdiff_t distance = static_cast<std::ptrdiff_t>(t) - kBlurRadius;
      taps[j].weight[t] = static_cast<float>((1 - fraction) * blur_weight(distance) +
                                             fraction * blur_weight(distance - 1));
    }
  }
  return taps;
}

std::size_t BatFrontend::frame_count(std::size_t n_samples) const {
  return n_samples < frame_samples() ? 0 : 1 + (n_samples - frame_samples()) / hop_;
}

std::size_t BatFrontend::column_count(std::size_t n_samples) const {
  const std::size_t n_frames = frame_count(n_samples);
  return n_frames < 2 ? 0 : (n_frames + 1) / 2;
}

/// Logarithms, minus what is there all the time.
void BatFrontend::denoise(std::size_t n_frames) {
  const std::size_t stride = power_.row_stride();
  std::vector<double> sums(stride);
  for (std::size_t f = 0; f < n_frames; ++f) {
    for (std::size_t b = 0; b < stride; ++b) {
      float& value = spectrum_[f * stride + b];
      value = std::log1p(log_scale_ * value);
      sums[b] += value;
    }
  }
  means_.resize(stride);
  for (std::size_t b = 0; b < stride; ++b)
    means_[b] = static_cast<float>(sums[b] / static_cast<double>(n_frames));
  for (std::size_t f = 0; f < n_frames; ++f) {
    float* const row = &spectrum_[f * stride];
    for (std::size_t b = 0; b < stride; ++b) row[b] = std::max(0.0F, row[b] - means_[b]);
  }
}

void BatFrontend::process(std::span<const float> window, std::span<float> spectrogram) {
  const std::size_t n_frames = frame_count(window.size());
  const std::size_t n_columns = column_count(window.size());
  const std::size_t stride = power_.row_stride();
  const std::size_t n_bins = power_.bin_count();
  BALEEN_CHECK(n_columns > 0 && spectrogram.size() == row_count() * n_columns);
  spectrum_.resize(n_frames * stride);
  power_.process(window, hop_, n_frames, spectrum_);
  denoise(n_frames);

  const auto clamped = [](std::ptrdiff_t i, std::size_t n) {
    return static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(i, 0, static_cast<std::ptrdiff_t>(n) - 1));
  };
  const std::vector<Tap> columns = make_taps(n_frames, n_columns);
  std::vector<float> blurred(stride);
  column_.resize(n_bins + 2 * kTaps);  // With its ends repeated.
  for (std::size_t j = 0; j < n_columns; ++j) {
    std::ranges::fill(blurred, 0.0F);
    for (std::size_t t = 0; t < kTaps; ++t) {
      const std::size_t f = clamped(columns[j].first + static_cast<std::ptrdiff_t>(t), n_frames);
      const float* const row = &spectrum_[f * stride];
      const float weight = columns[j].weight[t];
      for (std::size_t b = 0; b < stride; ++b) blurred[b] += weight * row[b];
    }
    // From high to low frequencies.
    std::reverse_copy(blurred.begin(), blurred.begin() + static_cast<std::ptrdiff_t>(n_bins),
                      column_.begin() + kTaps);
    std::fill_n(column_.begin(), kTaps, column_[kTaps]);
    std::fill_n(column_.end() - kTaps, kTaps, column_[kTaps + n_bins - 1]);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const float* const neighbours =
          &column_[static_cast<std::size_t>(rows_[r].first + std::ptrdiff_t{kTaps})];
      float sum = 0;
      for (std::size_t t = 0; t < kTaps; ++t) sum += rows_[r].weight[t] * neighbours[t];
      spectrogram[r * n_columns + j] = sum;
    }
  }
}

}  // namespace baleen::dsp
