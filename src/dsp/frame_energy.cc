#include "dsp/frame_energy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace baleen::dsp {
namespace {

constexpr std::int64_t kEndUnknown = std::numeric_limits<std::int64_t>::max();

/// Σ x² in a fixed order: eight running sums, so that they need not wait for each other.
double sum_of_squares(std::span<const float> samples) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= samples.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double sample = samples[i + lane];
      sums[lane] += sample * sample;
    }
  }
  for (std::size_t lane = 0; i < samples.size(); ++i, ++lane) {
    const double sample = samples[i];
    sums[lane] += sample * sample;
  }
  double sum = 0.0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

Result<FrameEnergy> FrameEnergy::create(const FrameEnergyOptions& options) {
  if (options.sample_rate.value < 1 || options.window_samples < 1 || options.hop_samples < 1) {
    return fail(ErrorCode::invalid_argument, "frame energy: {} Hz, window {}, hop {} samples",
                options.sample_rate.value, options.window_samples, options.hop_samples);
  }
  return FrameEnergy(options);
}

FrameEnergy::FrameEnergy(const FrameEnergyOptions& options)
    : options_(options),
      stream_(static_cast<std::size_t>(options.window_samples),
              static_cast<std::size_t>(options.hop_samples),
              0),
      end_sample_(kEndUnknown) {}

void FrameEnergy::push(std::span<const float> samples, std::vector<float>& out) {
  stream_.push(samples, [&](const float* block, std::size_t n_frames) {
    append_levels(block, n_frames, out);
  });
}

void FrameEnergy::finish(std::vector<float>& out) {
  end_sample_ = stream_.sample_count();
  stream_.finish(row_count(end_sample_), [&](const float* block, std::size_t n_frames) {
    append_levels(block, n_frames, out);
  });
}

void FrameEnergy::reset() {
  stream_.reset();
  end_sample_ = kEndUnknown;
}

void FrameEnergy::append_levels(const float* samples,
                                std::size_t n_frames,
                                std::vector<float>& out) {
  for (std::size_t f = 0; f < n_frames; ++f) {
    const std::size_t n = samples_of_frame(stream_.frame_count() + static_cast<std::int64_t>(f));
    const float* frame = samples + f * static_cast<std::size_t>(options_.hop_samples);
    const double mean_square = sum_of_squares({frame, n}) / static_cast<double>(n);
    const auto level_dbfs = static_cast<float>(10.0 * std::log10(mean_square));
    out.push_back(level_dbfs < kFloorDbfs ? kFloorDbfs : level_dbfs);  // Keeps NaN.
  }
}

std::size_t FrameEnergy::samples_of_frame(std::int64_t f) const {
  const std::int64_t begin = f * options_.hop_samples;
  return static_cast<std::size_t>(
      std::min<std::int64_t>(options_.window_samples, end_sample_ - begin));
}

std::int64_t FrameEnergy::row_count(std::int64_t n_samples) const {
  return (n_samples + options_.hop_samples - 1) / options_.hop_samples;
}

double FrameEnergy::time_s(std::int64_t f) const {
  const double middle =
      static_cast<double>(f) * options_.hop_samples + 0.5 * options_.window_samples;
  return middle / options_.sample_rate.value;
}

}  // namespace baleen::dsp
