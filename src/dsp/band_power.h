#pragma once

/// Power of some bins of the discrete Fourier transform, for frames of any length (internal).
///
/// Front ends that were trained with frames of 594 samples want transforms of 594 points, and only some bins of them.
/// Computed by the definition: the frame is folded into its even and its odd part, and both are multiplied by tables of
/// cosines and sines, several frames at a time. For the sizes used here that is as fast as a transform of a power of
/// two in double precision, and exact to single precision: each bin within 1e-6 of the frame's greatest possible
/// magnitude.

#include <cstddef>
#include <span>
#include <vector>

#include "core/result.h"

namespace baleen::dsp {

/// Const: one object may serve many threads.
class BandPower {
 public:
  static constexpr std::size_t kFramesAtOnce = 4;
  static constexpr std::size_t kBlockBins = 16;

  /// Bins [bin_begin, bin_end) of a transform of window.size() points.
  /// @param window  By which each frame is multiplied. 2 to 65536 values.
  /// INVALID_ARGUMENT unless 0 <= bin_begin < bin_end <= window.size()/2 + 1.
  [[nodiscard]] static Result<BandPower> create(std::span<const double> window,
                                                std::size_t bin_begin,
                                                std::size_t bin_end);

  [[nodiscard]] std::size_t frame_samples() const { return window_.size(); }
  [[nodiscard]] std::size_t bin_count() const { return bin_count_; }
  /// bin_count(), rounded up to whole blocks.
  [[nodiscard]] std::size_t row_stride() const { return n_blocks_ * kBlockBins; }

  /// Row i is |Σ window[n]·samples[i·hop + n]·exp(-2πi·kn/N)|² for k from bin_begin on.
  /// @param samples  At least (n_frames - 1)·hop + frame_samples().
  /// @param rows     Shape (n_frames, row_stride()); what lies behind bin_count() is of no use.
  void process(std::span<const float> samples,
               std::size_t hop,
               std::size_t n_frames,
               std::span<float> rows) const;

 private:
  BandPower(std::span<const double> window, std::size_t bin_begin, std::size_t bin_end);
  void fold(const float* samples, float* folded) const;

  std::vector<float> window_;
  std::size_t bin_count_ = 0;
  std::size_t n_blocks_ = 0;
  std::size_t n_folded_ = 0;  ///< N/2 + 1: values of the even part.
  /// For each block and each folded value 16 cosines, then 16 sines.
  std::vector<float> table_;
};

}  // namespace baleen::dsp
