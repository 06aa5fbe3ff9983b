#include "dsp/peaks.h"

#include <algorithm>

namespace baleen::dsp {

Peak peak_of(std::span<const std::int16_t> samples) {
  std::int16_t min = samples[0];
  std::int16_t max = samples[0];
  for (const std::int16_t sample : samples) {  // Eight at a time, once compiled.
    min = std::min(min, sample);
    max = std::max(max, sample);
  }
  return {min, max};
}

void PeakStream::push(std::span<const std::int16_t> samples, std::vector<Peak>& peaks) {
  while (!samples.empty()) {
    const std::size_t n =
        std::min(samples.size(), static_cast<std::size_t>(samples_per_peak_ - n_in_block_));
    const Peak here = peak_of(samples.first(n));
    block_ = n_in_block_ == 0 ? here : join(block_, here);
    n_in_block_ += static_cast<std::int64_t>(n);
    if (n_in_block_ == samples_per_peak_) finish(peaks);
    samples = samples.subspan(n);
  }
}

void PeakStream::finish(std::vector<Peak>& peaks) {
  if (n_in_block_ == 0) return;
  peaks.push_back(block_);
  n_in_block_ = 0;
}

}  // namespace baleen::dsp
