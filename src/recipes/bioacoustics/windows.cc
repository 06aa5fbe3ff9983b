#include "recipes/bioacoustics/windows.h"

#include <algorithm>
#include <cmath>

namespace baleen::bioacoustics {
namespace {

constexpr double kLongestS = 3600;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

Result<WindowPlan> WindowPlan::create(double window_s, double hop_s, Hertz rate) {
  const auto is_possible = [&](double seconds) {
    return seconds > 0 && seconds <= kLongestS && std::llround(seconds * rate.value) >= 1;
  };
  if (!is_possible(window_s) || !is_possible(hop_s)) {
    return fail(
        ErrorCode::invalid_argument,
        "windows of {} s every {} s at {} Hz; both want at least a sample and at most an hour",
        window_s, hop_s, rate.value);
  }
  return WindowPlan{std::llround(window_s * rate.value), std::llround(hop_s * rate.value)};
}

std::int64_t WindowPlan::count(std::int64_t n_samples) const {
  if (n_samples <= 0) return 0;
  const std::int64_t behind_first = std::max<std::int64_t>(0, n_samples - window_samples);
  // Where the hop is longer than a window, none begins behind the end.
  return std::min(1 + divide_up(behind_first, hop_samples), divide_up(n_samples, hop_samples));
}

std::int64_t WindowPlan::padding(std::int64_t window, std::int64_t n_samples) const {
  return std::clamp<std::int64_t>(begin(window) + window_samples - n_samples, 0, window_samples);
}

std::size_t WindowCutter::push(std::span<const float> samples, std::vector<float>& windows) {
  const auto n_skipped =
      static_cast<std::size_t>(std::min<std::int64_t>(n_to_skip_, std::ssize(samples)));
  n_to_skip_ -= static_cast<std::int64_t>(n_skipped);
  samples_.insert(samples_.end(), samples.begin() + static_cast<std::ptrdiff_t>(n_skipped),
                  samples.end());
  return cut(windows);
}

std::size_t WindowCutter::cut(std::vector<float>& windows) {
  std::size_t n = 0;
  std::int64_t begin = 0;
  while (begin + plan_.window_samples <= std::ssize(samples_)) {
    windows.insert(windows.end(), samples_.begin() + begin,
                   samples_.begin() + begin + plan_.window_samples);
    begin += plan_.hop_samples;
    ++n;
  }
  const std::int64_t n_gone = std::min<std::int64_t>(begin, std::ssize(samples_));
  samples_.erase(samples_.begin(), samples_.begin() + n_gone);
  n_to_skip_ += begin - n_gone;
  n_cut_ += static_cast<std::int64_t>(n);
  return n;
}

std::size_t WindowCutter::finish(std::int64_t n_windows, std::vector<float>& windows) {
  std::size_t n = 0;
  for (; n_cut_ < n_windows; ++n_cut_, ++n) {
    const std::int64_t n_there = std::min<std::int64_t>(plan_.window_samples, std::ssize(samples_));
    windows.insert(windows.end(), samples_.begin(), samples_.begin() + n_there);
    windows.resize(windows.size() + static_cast<std::size_t>(plan_.window_samples - n_there));
    samples_.erase(
        samples_.begin(),
        samples_.begin() + std::min<std::int64_t>(plan_.hop_samples, std::ssize(samples_)));
  }
  return n;
}

}  // namespace baleen::bioacoustics
