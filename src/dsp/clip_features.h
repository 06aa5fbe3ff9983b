#pragma once

/// Texture features of sound, for telling speech, music and noise apart: streaming, one vector per
/// half second, from log-mel rows that the caller has already (so they cost next to nothing).
///
///   ClipFeatures features;
///   std::vector<ClipFeatureWindow> windows;
///   features.push(rows, windows);   // any number of rows at a time: the result does not depend on it
///   features.finish(windows);
///
/// Each block of 50 rows gets one window that looks 1 s (100 rows) back and 1 s ahead. Every
/// value is a difference or ratio of levels, so the gain of a recording does not matter as long as
/// the sound stays within 60 dB above the floor of the log-mel.
///
/// What is measured, over the rows that are not silent: cepstrum (mean, spread, speed), spectral flux,
/// peakiness and flatness, how long the fine structure of the spectrum stays where it is (notes do,
/// voices glide, noise never repeats), modulation spectra of five bands (speech peaks near 4 Hz),
/// the distribution of levels, and the periodicity of onsets.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dsp/clip_features_row.h"

namespace baleen::dsp {

inline constexpr std::size_t kClipBlockRows = 50;    ///< Hop between windows: 0.499 s.
inline constexpr std::size_t kClipMarginRows = 100;  ///< Context on each side of the block.
inline constexpr std::size_t kClipFeatureCount = 141;

struct ClipFeatureWindow {
  std::int64_t block_begin_row = 0;  ///< The block that this window describes: [begin, end).
  std::int64_t block_end_row = 0;
  float level_dbfs = -200;  ///< RMS of the loudest row of the whole window, 0 = full-scale square.
  std::array<float, kClipBlockRows> row_level_dbfs{};  ///< Of the block's rows; the rest is unused.
  float active_fraction = 0;  ///< Share of the rows that the statistics were taken over.
  std::array<float, kClipFeatureCount> values{};
};

/// Not thread-safe; one object per recording.
class ClipFeatures {
 public:
  /// Takes rows, shape (n, 64) row-major, dB as of dsp/log_mel.h; appends the windows that are ready.
  void push(std::span<const float> rows, std::vector<ClipFeatureWindow>& windows);
  /// Appends the remaining windows (none if there was no row) and makes the object ready for reuse.
  void finish(std::vector<ClipFeatureWindow>& windows);
  void reset();

  /// Names of the values, for tools and documentation: "cepstrum_3.mean", "mod_b2_4hz", ...
  [[nodiscard]] static std::vector<std::string> names();

 private:
  void emit(std::vector<ClipFeatureWindow>& windows);

  ClipRowAnalyser analyser_;
  std::vector<ClipRowValues> rows_;      ///< From the first block that the next window reaches.
  std::vector<ClipFineSums> fine_sums_;  ///< One per block of rows_.
  std::int64_t n_rows_ = 0;
  std::int64_t next_block_ = 0;
};

}  // namespace baleen::dsp
