#pragma once

/// Where a recording has energy at all: the first half of INA's segmentation, streaming.
///
/// A frame (25 ms, every 10 ms) is loud if its log energy is above the mean of all finite ones plus ln 0.03.
/// A two-state Viterbi smooths that: changing between quiet and active costs 150·ln 10, staying quiet 5, and
/// disagreeing with a frame -ln 1e-10. A decision falls as soon as no later frame can change it, usually
/// within half a second.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace baleen::ssis {

class InaActivity {
 public:
  /// Only after this many undecided frames (10 minutes) is a decision taken early.
  static constexpr std::size_t kPendingFramesMax = 60'000;

  /// @param threshold  Natural logarithm of an energy; NaN where no frame is loud.
  explicit InaActivity(double threshold) : threshold_(threshold) {}

  /// Appends to `active` a 1 or 0 for every frame that got decided; frames come in order.
  void push(std::span<const float> log_energy, std::vector<std::uint8_t>& active);
  /// Decides the rest; nothing may follow.
  void finish(std::vector<std::uint8_t>& active);

 private:
  void push_frame(bool is_loud, std::vector<std::uint8_t>& active);
  void decide(std::uint8_t last_state, std::size_t n_frames, std::vector<std::uint8_t>& active);

  double threshold_;
  bool is_first_ = true;
  std::array<double, 2> score_{};  // Best path that ends quiet, active.
  /// For each undecided frame but the last: where the paths that are quiet (bit 0) and active (bit 1)
  /// in the frame after it come from.
  std::vector<std::uint8_t> came_from_;
};

/// Mean over the finite values of the log energies of a whole recording, for the threshold. Takes samples,
/// not frames, because a first pass needs nothing but this: about 1 ns a sample.
class InaLoudness {
 public:
  void push(std::span<const float> samples);
  /// Frames of 400 samples every 160 so far.
  [[nodiscard]] std::int64_t frame_count() const { return n_frames_; }
  /// Mean of the finite log energies plus ln 0.03; NaN if there is none.
  [[nodiscard]] double threshold() const;

 private:
  // A frame is five blocks of 80 samples, a hop two.
  static constexpr std::size_t kBlockSamples = 80;
  static constexpr std::size_t kFrameBlocks = 5;
  struct Block {
    double first = 0.0;         ///< First sample.
    double first_energy = 0.0;  ///< Of the first sample's pre-emphasised value.
    double other_energy = 0.0;  ///< Of all the others'.
  };
  void push_block();
  void push_frame();

  std::array<float, kBlockSamples> samples_{};
  std::size_t filled_ = 0;
  float previous_ = 0.0F;  // Last sample of the block before.
  std::array<Block, kFrameBlocks> blocks_{};
  std::int64_t n_blocks_ = 0;
  std::int64_t n_frames_ = 0;
  std::int64_t n_finite_ = 0;
  double sum_ = 0.0;
};

}  // namespace baleen::ssis
