#pragma once

/// The outline of a waveform: the least and the greatest sample of each block.

#include <cstdint>
#include <span>
#include <vector>

namespace baleen::dsp {

struct Peak {
  std::int16_t min = 0;
  std::int16_t max = 0;
  friend bool operator==(const Peak&, const Peak&) = default;
};

/// Of a whole, non-empty span.
[[nodiscard]] Peak peak_of(std::span<const std::int16_t> samples);
/// Of two spans behind each other.
[[nodiscard]] constexpr Peak join(const Peak& a, const Peak& b) {
  return {a.min < b.min ? a.min : b.min, a.max > b.max ? a.max : b.max};
}

/// Takes samples in any portions; the peaks do not depend on them.
class PeakStream {
 public:
  explicit PeakStream(std::int64_t samples_per_peak) : samples_per_peak_(samples_per_peak) {}

  /// Appends the peaks of the blocks that are now complete.
  void push(std::span<const std::int16_t> samples, std::vector<Peak>& peaks);
  /// Appends the peak of the last, shorter block, if there is one.
  void finish(std::vector<Peak>& peaks);

 private:
  std::int64_t samples_per_peak_;
  std::int64_t n_in_block_ = 0;
  Peak block_;
};

}  // namespace baleen::dsp
