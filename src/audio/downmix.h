#pragma once

/// From the frames of a decoder to mono floats of full scale ±1. Internal to this room.

#include <cstdint>
#include <vector>

#include "core/result.h"

struct AVChannelLayout;
struct AVFrame;

namespace baleen::audio {

/// The weight of each channel in the mono mix, in the layout's order; they sum to 1.
///
/// The weights of ffmpeg's `-ac 1`: front left and right √½ (centre then 1), back, side and back
/// centre ½, front of centre √½, LFE and everything else 0, divided by their sum. A layout that only
/// names a number of channels is taken for the usual one of that number, as ffmpeg does; where there
/// is none, or no channel has a weight, all channels weigh the same.
[[nodiscard]] std::vector<float> mono_weights(const AVChannelLayout& layout);

/// Keeps the weights of the last layout, so that a stream of equal frames is planned once.
class Downmixer {
 public:
  /// Appends one float per PCM frame of `frame` to `mono`. CODEC_UNSUPPORTED for an unknown format.
  Result<void> append(const AVFrame& frame, std::vector<float>& mono);

 private:
  std::vector<float> weights_;
  std::uint64_t layout_mask_ = 0;
  int layout_order_ = -1;
  int n_channels_ = 0;
};

}  // namespace baleen::audio
