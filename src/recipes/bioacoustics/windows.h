#pragma once

/// How a recording is cut into windows, and a cutter for samples that arrive in pieces.

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace baleen::bioacoustics {

/// Windows of one length that begin every `hop`. Enough of them to cover every sample (where the hop is not longer
/// than a window); the last one is filled up with zeros.
struct WindowPlan {
  std::int64_t window_samples = 0;
  std::int64_t hop_samples = 0;

  /// INVALID_ARGUMENT unless both are at least one sample and at most an hour.
  [[nodiscard]] static Result<WindowPlan> create(double window_s, double hop_s, Hertz rate);

  /// Windows of a recording of so many samples; none of an empty one.
  [[nodiscard]] std::int64_t count(std::int64_t n_samples) const;
  [[nodiscard]] std::int64_t begin(std::int64_t window) const { return window * hop_samples; }
  /// Zeros at the end of a window.
  [[nodiscard]] std::int64_t padding(std::int64_t window, std::int64_t n_samples) const;
};

/// Whether a window is left out where windows are compared: it holds less sound than this part of it, and the rest is
/// padding, which is alike everywhere. The first window of a recording always counts: a short call may be all there is.
[[nodiscard]] constexpr bool is_mostly_padding(std::int64_t window,
                                               double sound_s,
                                               double window_s,
                                               double min_fill) {
  return window > 0 && sound_s < min_fill * window_s;
}

/// Cuts a stream that begins where window `first` begins.
class WindowCutter {
 public:
  explicit WindowCutter(const WindowPlan& plan) : plan_(plan) {}

  /// Appends each window that got complete, window_samples values each, and returns how many.
  std::size_t push(std::span<const float> samples, std::vector<float>& windows);
  /// The same for those that the end of the recording leaves incomplete, zeros behind.
  /// @param n_windows  How many there must be since the beginning of this stream.
  std::size_t finish(std::int64_t n_windows, std::vector<float>& windows);

 private:
  std::size_t cut(std::vector<float>& windows);

  WindowPlan plan_;
  std::vector<float> samples_;  // From where the next window begins.
  std::int64_t n_to_skip_ = 0;  // Before it begins: where the hop is longer than a window.
  std::int64_t n_cut_ = 0;
};

}  // namespace baleen::bioacoustics
