#pragma once

/// Cuts a stream of samples into overlapping frames, however the samples arrive.
///
/// Internal to the front ends of this room. Frames are handed on in blocks, as one contiguous run of
/// samples: frame f of a block begins at samples[f·hop]. Behind the run lie kSlackSamples readable
/// floats, so that a vector kernel may read past the end (and ignore what it read).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace baleen::dsp {

class FrameStream {
 public:
  static constexpr std::size_t kBlockFrames = 64;   ///< At most this many frames at a time.
  static constexpr std::size_t kSlackSamples = 64;  ///< Readable behind each block.

  /// @param pad_front  Zeros in front of the first sample.
  FrameStream(std::size_t frame_length, std::size_t hop_length, std::size_t pad_front)
      : frame_length_(frame_length), hop_length_(hop_length), pad_front_(pad_front) {
    const std::size_t block_samples =
        (kBlockFrames - 1) * hop_length_ + std::max(frame_length_, hop_length_);
    buffer_.resize(std::max(block_samples, pad_front_ + 1));
    block_samples_ = buffer_.size();
    buffer_.resize(block_samples_ + kSlackSamples);
    reset();
  }

  void reset() {
    std::fill(buffer_.begin(), buffer_.end(), 0.0F);
    filled_ = pad_front_;
    n_samples_ = 0;
    n_frames_ = 0;
  }

  /// Samples pushed since the last reset.
  [[nodiscard]] std::int64_t sample_count() const { return n_samples_; }
  /// Frames handed on since the last reset.
  [[nodiscard]] std::int64_t frame_count() const { return n_frames_; }

  /// Calls on_block(const float* samples, std::size_t n_frames) for every block that got full.
  template <typename OnBlock>
  void push(std::span<const float> samples, const OnBlock& on_block) {
    n_samples_ += static_cast<std::int64_t>(samples.size());
    while (!samples.empty()) {
      const std::size_t n = std::min(samples.size(), block_samples_ - filled_);
      std::copy_n(samples.data(), n, buffer_.data() + filled_);
      filled_ += n;
      samples = samples.subspan(n);
      if (filled_ == block_samples_) hand_on(kBlockFrames, on_block);
    }
  }

  /// Appends zeros until `n_frames_total` frames (counted from the start) exist, and hands on the
  /// rest. Frames beyond that number are never made. Only `reset` may follow.
  template <typename OnBlock>
  void finish(std::int64_t n_frames_total, const OnBlock& on_block) {
    while (n_frames_ < n_frames_total) {
      const auto n = static_cast<std::size_t>(
          std::min<std::int64_t>(kBlockFrames, n_frames_total - n_frames_));
      std::fill(buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.end(), 0.0F);
      filled_ = std::max(filled_, (n - 1) * hop_length_ + std::max(frame_length_, hop_length_));
      hand_on(n, on_block);
    }
  }

 private:
  template <typename OnBlock>
  void hand_on(std::size_t n_frames, const OnBlock& on_block) {
    on_block(static_cast<const float*>(buffer_.data()), n_frames);
    n_frames_ += static_cast<std::int64_t>(n_frames);
    const std::size_t used = n_frames * hop_length_;
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(used),
              buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
    filled_ -= used;
  }

  std::size_t frame_length_;
  std::size_t hop_length_;
  std::size_t pad_front_;
  std::size_t block_samples_ = 0;
  std::size_t filled_ = 0;  ///< Samples in buffer_, the first of which opens the next frame.
  std::int64_t n_samples_ = 0;
  std::int64_t n_frames_ = 0;
  std::vector<float> buffer_;
};

}  // namespace baleen::dsp
