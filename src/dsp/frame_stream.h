#pragma once

/// Cuts a stream of samples into overlapping frames, however the samples arrive.
///
/// Internal to the front ends of this room. Frames are handed on in blocks of 16 (the last has fewer),
/// several at a time where many samples come at once, as one contiguous run of samples: frame f begins
/// at samples[f·hop]. Behind the run of full blocks lie `slack_samples` readable floats, so that a vector
/// kernel may read past the end (and ignore what it read).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace baleen::dsp {

class FrameStream {
 public:
  static constexpr std::size_t kBlockFrames = 16;
  static constexpr std::size_t kRunBlocks = 16;  ///< At most this many blocks at a time.

  /// @param pad_front  Zeros in front of the first sample.
  FrameStream(std::size_t frame_length,
              std::size_t hop_length,
              std::size_t pad_front,
              std::size_t slack_samples = 0)
      : frame_length_(frame_length),
        hop_length_(hop_length),
        pad_front_(pad_front),
        slack_samples_(slack_samples) {
    block_samples_ = std::max(
        (kBlockFrames - 1) * hop_length_ + std::max(frame_length_, hop_length_), pad_front_ + 1);
    buffer_.assign(block_samples_ + slack_samples_, 0.0F);
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

  /// Calls on_block(const float* samples, std::size_t n_frames) when blocks got full. Where many samples
  /// come at once, blocks are handed on where they lie.
  template <typename OnBlock>
  void push(std::span<const float> samples, const OnBlock& on_block) {
    n_samples_ += static_cast<std::int64_t>(samples.size());
    const std::size_t block_end = block_samples_ + slack_samples_;
    if (samples.size() >= 2 * block_end) {
      samples = samples.subspan(hand_on_held_frames(samples, on_block));
      while (samples.size() >= block_end) {
        const std::size_t more = (samples.size() - block_end) / (kBlockFrames * hop_length_);
        const std::size_t n_frames = kBlockFrames * std::min(kRunBlocks, 1 + more);
        on_block(samples.data(), n_frames);
        n_frames_ += static_cast<std::int64_t>(n_frames);
        samples = samples.subspan(n_frames * hop_length_);
      }
    }
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
  /// Fills up the block in the buffer with the first of `samples`, which must suffice, and hands it on; again
  /// if frames still begin among the samples that were held. Blocks that are not full would cost as much.
  /// @return  How far into `samples` the next frame begins; the buffer is left empty.
  template <typename OnBlock>
  std::size_t hand_on_held_frames(std::span<const float> samples, const OnBlock& on_block) {
    std::size_t n_taken = 0;
    while (filled_ > n_taken) {  // The last n_taken of those held are the caller's too.
      const std::size_t n = block_samples_ - filled_;
      std::copy_n(samples.data() + n_taken, n, buffer_.data() + filled_);
      filled_ += n;
      n_taken += n;
      hand_on(kBlockFrames, on_block);
    }
    const std::size_t begin = n_taken - filled_;
    filled_ = 0;
    return begin;
  }

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
  std::size_t slack_samples_;
  std::size_t block_samples_ = 0;
  std::size_t filled_ = 0;  ///< Samples in buffer_, the first of which opens the next frame.
  std::int64_t n_samples_ = 0;
  std::int64_t n_frames_ = 0;
  std::vector<float> buffer_;
};

}  // namespace baleen::dsp
