#pragma once

/// The second half of INA's segmentation: speech, music or noise for every 20 ms of an active stretch, without
/// asking the network 50 times a second.
///
/// The reference evaluates every patch and runs a Viterbi over ln(probabilities) in which a change of label
/// costs 80·ln 10. That cost makes labels last half a second and more, and neighbouring patches share 97 % of
/// their input, so nearly all evaluations confirm what is known. Here the network sees every 32nd patch first;
/// log-probabilities in between are interpolated. Then, in rounds, a gap is halved where the outcome could
/// depend on it: where the label changes, and where the best path through another label is worse by less
/// than the gap could hide (its length times how steeply the log-probabilities move there). It ends when no
/// such gap is left: changes then lie between two evaluated neighbours. A budget, shared by the whole
/// recording, bounds the refinement of audio that is uncertain everywhere; the most urgent gaps come first.
///
/// Streaming: a window of patches is decoded when it is full, decided up to where all survivors agree, and
/// moved on. Output does not depend on how the patches arrive.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/result.h"

namespace baleen::ssis {

constexpr std::size_t kInaLabels = 3;  ///< speech, music, noise
using InaLogProbs = std::array<float, kInaLabels>;

struct InaDecoderOptions {
  double change_cost_decades = 80.0;  ///< "viterbi_arg" of inaSpeechSegmenter, in factors of 10.
  /// Distance of the patches evaluated first; 1 evaluates every patch, as the reference does.
  std::size_t stride = 32;
  /// A gap of g patches is halved if the margin (nats) is below margin·g/32·(1 + steepness·change).
  double margin = 100.0;
  double steepness = 0.4;
  /// Refinement may evaluate this share of the patches seen so far, and refine_patches_free besides.
  double refine_fraction_max = 0.065;
  double refine_patches_free = 512.0;
  std::size_t window_patches = 8193;
};

struct InaLabelRun {
  std::size_t label = 0;
  std::int64_t n_patches = 0;
  double prob_sum = 0.0;  ///< Of the label's (interpolated) probability over the patches.
};

class InaLabelDecoder {
 public:
  /// Fills `out` with the log-probabilities of the patches named, which are ascending.
  using Evaluate = std::function<Result<void>(std::span<const std::int64_t> patches,
                                              std::span<InaLogProbs> out)>;

  InaLabelDecoder(const InaDecoderOptions& options, Evaluate evaluate);

  /// The patch after the last one; `is_usable` is false where the network cannot be asked (digital silence
  /// inside): all labels are then equally likely. Appends what got decided to `runs`.
  [[nodiscard]] Result<void> push(bool is_usable, std::vector<InaLabelRun>& runs);
  /// Ends the active stretch: decides the rest.
  [[nodiscard]] Result<void> finish_stretch(std::vector<InaLabelRun>& runs);
  /// Leaves out patches that are not active; only between stretches.
  void skip(std::int64_t n_patches);

  /// Index of the first patch that is not decided yet: earlier ones are never asked for again.
  [[nodiscard]] std::int64_t undecided_from() const { return begin_; }
  [[nodiscard]] std::int64_t evaluated_count() const { return n_evaluated_; }
  [[nodiscard]] std::int64_t active_count() const { return n_active_; }

 private:
  struct Gap {  // Between two neighbouring evaluated patches of the window.
    std::size_t begin;
    std::size_t end;
    double urgency;  // Below 1: to be halved; the smaller the sooner.
  };
  using Scores = std::array<double, kInaLabels>;

  [[nodiscard]] Result<void> decode(bool is_end, std::vector<InaLabelRun>& runs);
  [[nodiscard]] Result<void> evaluate(std::vector<std::size_t> positions);
  [[nodiscard]] Result<void> evaluate_grid();
  [[nodiscard]] Result<bool> refine();
  void interpolate();
  void compute_scores();
  [[nodiscard]] double margin_at(std::size_t i) const;
  [[nodiscard]] double urgency_of(std::size_t begin, std::size_t end) const;
  [[nodiscard]] std::size_t previous_label(std::size_t i, std::size_t label) const;
  [[nodiscard]] std::size_t decided_end() const;
  void emit(std::size_t n, std::size_t last_label, std::vector<InaLabelRun>& runs);

  InaDecoderOptions options_;
  Evaluate evaluate_;
  double change_cost_;

  // The window: patches [begin_, begin_ + size) of the recording.
  std::int64_t begin_ = 0;
  std::int64_t stretch_begin_ = 0;
  int entry_label_ = -1;  // Label of the patch before the window, in the same stretch.
  std::vector<InaLogProbs> log_probs_;
  std::vector<std::uint8_t> is_usable_;
  std::vector<std::uint8_t> is_known_;
  std::vector<std::size_t>
      known_;  // Positions of the known ones, ascending; made by interpolate().
  std::vector<Scores> forward_;
  std::vector<Scores> backward_;

  std::int64_t n_active_ = 0;
  std::int64_t n_evaluated_ = 0;
  std::int64_t n_refined_ = 0;
};

}  // namespace baleen::ssis
