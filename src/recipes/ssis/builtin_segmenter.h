#pragma once

/// Segmentation by the built-in classifier: log-mel rows in, labelled stretches out, in the same
/// form as the INA network's. Used where that network is not installed.
///
///   BuiltinSegmenter segmenter;
///   segmenter.push(rows);                                   // any number of rows, again and again
///   std::vector<SmnSegment> segments = segmenter.finish(n_samples);
///
/// Every half second gets probabilities of speech, music and noise from the 2.5 s around it;
/// a Viterbi search with a price on every change picks the labels; and stretches whose level is
/// below the recording's own threshold become no_energy. Memory: 12 bytes per half second for the
/// probabilities, 25 for the levels, then 5 more to decide: 7 MB for 24 hours.

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "dsp/clip_features.h"
#include "recipes/ssis/smn_segment.h"

namespace baleen::ssis {

struct BuiltinSegmenterOptions {
  float change_cost = 4.0F;  ///< Price of a change of label, in nats of probability.
  float silence_dbfs = -70;  ///< Anything below is no_energy, whatever the recording.
  float silence_below_mean_db =
      15;                   ///< And so is what lies this far below the mean level (as INA's).
  double hangover_s = 0.2;  ///< Around each sounding row that still counts as sounding.
};

/// Not thread-safe; one object per recording.
class BuiltinSegmenter {
 public:
  explicit BuiltinSegmenter(const BuiltinSegmenterOptions& options = {}) : options_(options) {}

  /// Log-mel rows, shape (n, 64), dB as of dsp/log_mel.h at 22050 Hz with a hop of 220 samples.
  void push(std::span<const float> rows);

  /// The segments: sorted, gapless, covering [0, n_samples/22050); empty for no samples. The object
  /// is then ready for the next recording.
  [[nodiscard]] std::vector<SmnSegment> finish(std::int64_t n_samples);

 private:
  void take_windows();
  [[nodiscard]] std::vector<bool> sounding_rows() const;
  [[nodiscard]] std::vector<std::uint8_t> best_labels(const std::vector<bool>& sounding) const;

  BuiltinSegmenterOptions options_;
  dsp::ClipFeatures features_;
  std::vector<dsp::ClipFeatureWindow> windows_;     ///< Scratch.
  std::deque<std::array<float, 3>> probabilities_;  ///< Of speech, music, noise; one per 50 rows.
  std::deque<std::uint8_t> levels_;  ///< One per two rows: the louder level, dBFS + 140.
};

}  // namespace baleen::ssis
