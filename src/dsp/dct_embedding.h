#pragma once

/// The built-in embedding: 1024 numbers that describe the shape of 0.96 s of a log-mel spectrogram.
///
/// The fallback where no network is installed: deterministic, without weights, documented in
/// docs/formats/builtin1024.md. A patch of 96 rows by 64 mels (those of LogMel's defaults) is started
/// every 0.5 s; its two-dimensional DCT is cut to the 32 by 32 lowest orders, the overall level is
/// taken out, and the vector scaled to length 1. Gain does not change it (as long as nothing sinks
/// below -80 dB), silence is the unit vector of component 0.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace baleen::dsp {

/// One stream of rows. Movable; not thread-safe: one object per thread.
class DctEmbedding {
 public:
  static constexpr std::int64_t kSize = 1024;     ///< Time order · 32 + mel order.
  static constexpr std::int64_t kPatchRows = 96;  ///< 0.96 s
  static constexpr std::int64_t kBandCount = 64;

  DctEmbedding();

  /// Appends kSize values for every patch that got complete.
  /// @param rows  Whole rows of 64 values in dB, of LogMel with its default options. The result
  ///              depends on the rows alone, not on how they are chunked. A patch with a NaN gives NaN.
  void push(std::span<const float> rows, std::vector<float>& out);
  /// Pads with silence to the end of the last patch and appends what is left. Only `reset` may follow.
  void finish(std::vector<float>& out);
  void reset();

  /// The first row of patch k, which is the one nearest to k·0.5 s: a row is 220/22050 s.
  [[nodiscard]] static std::int64_t first_row(std::int64_t patch);
  /// Patches that n_rows rows give in all: as many as it takes to cover every row, at least one.
  [[nodiscard]] static std::int64_t patch_count(std::int64_t n_rows);

 private:
  void append_embedding(const float* patch, std::vector<float>& out) const;

  std::vector<float>
      time_basis_;  ///< Shape (32, 48): DCT-II of 96 points, first half of each order.
  std::vector<float> mel_basis_;  ///< Shape (32, 32): DCT-II of 64 points, likewise.
  std::vector<float> rows_;       ///< Rows [first_kept_row_, n_rows_).
  std::int64_t first_kept_row_ = 0;
  std::int64_t n_rows_ = 0;
  std::int64_t n_patches_ = 0;
};

}  // namespace baleen::dsp
