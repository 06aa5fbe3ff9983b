#include "recipes/ssis/wav_source_16k.h"

#include <algorithm>

namespace baleen::ssis {
namespace {

constexpr std::size_t kBlockSamples = 65536;
constexpr Hertz kRate{16000};

}  // namespace

WavSource16k::WavSource16k(const audio::WavReader& wav, audio::Resampler resampler)
    : wav_(&wav), resampler_(std::move(resampler)), block_(kBlockSamples) {}

Result<WavSource16k> WavSource16k::create(const audio::WavReader& wav) {
  BALEEN_ASSIGN_OR_RETURN(
      audio::Resampler resampler,
      audio::Resampler::create(wav.sample_rate(), kRate, audio::FilterShape::ffmpeg));
  return WavSource16k(wav, std::move(resampler));
}

Result<std::size_t> WavSource16k::read(std::span<float> samples) {
  while (ready_begin_ == ready_.size() && !is_flushed_) {
    ready_.clear();
    ready_begin_ = 0;
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, wav_->read(position_, std::span<float>(block_)));
    position_ += static_cast<std::int64_t>(n);
    if (n == 0) {
      resampler_.flush(ready_);
      is_flushed_ = true;
    } else {
      resampler_.process(std::span(block_).first(n), ready_);
    }
  }
  const std::size_t n = std::min(samples.size(), ready_.size() - ready_begin_);
  std::copy_n(ready_.begin() + static_cast<std::ptrdiff_t>(ready_begin_), n, samples.begin());
  ready_begin_ += n;
  next_ += static_cast<std::int64_t>(n);
  return n;
}

Result<void> WavSource16k::rewind() {
  seek(0);
  return {};
}

void WavSource16k::seek(std::int64_t sample) {
  position_ = resampler_.start_at(sample);
  ready_.clear();
  ready_begin_ = 0;
  next_ = sample;
  is_flushed_ = false;
}

}  // namespace baleen::ssis
