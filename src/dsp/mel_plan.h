#pragma once

/// The tables of one MelSpectrum, and the layout of its workspace. Internal to mel_*.cc.
///
/// A real FFT of n_fft points is done as complex FFTs of 256 = 16·16 points ("parts"): one part for
/// 512; for 1024 two, the even and the odd bins (part p yields the bins n_parts·q + p). All vectors
/// hold one value of each of several frames.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/result.h"
#include "dsp/mel_spectrum.h"

namespace baleen::dsp {

inline constexpr std::size_t kBatchFrames = 16;     ///< Frames at a time.
inline constexpr std::size_t kVectorBytesMax = 64;  ///< AVX-512.
inline constexpr std::size_t kPartSize = 256;       ///< Points of a part.
inline constexpr std::size_t kRadix = 16;           ///< Of its two passes.
inline constexpr std::size_t kPartBinsMax =
    kPartSize + 64;                            ///< With some that may be read in vain.
inline constexpr std::size_t kChunkRows = 44;  ///< Of the hops transposed at a time; 4 divides it.
/// Tilted frames are u[n] - 2a·u[n-1] + a²·u[n-2] with a = 3/4: 24 dB less at 0 Hz, 10 more at the top.
/// Of one and two zeros between 0.5 and 0.97, this left the fewest recordings' frames to be refined.
inline constexpr double kTiltZero = 0.75;
inline constexpr float kTiltFirst = 1.5F;
inline constexpr float kTiltSecond = 0.5625F;
inline constexpr float kTiltedBelow = 0.4F;    ///< Power of the difference over the power.
inline constexpr double kNormalMin = 1.2e-38;  ///< Floats below lose bits.
enum Whitening : std::size_t { kPlain = 0, kTilted = 1, kWhiteningCount = 2 };

/// Positions in the workspace skip one place after every 16: strides of 2 or 4 KiB would fall on the
/// same few lines of the first-level cache.
inline constexpr std::size_t kRowStride = kRadix + 1;
constexpr std::size_t padded(std::size_t position) { return position + position / kRadix; }

/// Twiddles, windows and weights in one precision. Complex values are (re, im) pairs.
template <typename T>
struct MelTables {
  std::vector<T> window;            ///< w[n]
  std::vector<T> window_before;     ///< w[n-1], 0 in front.
  std::vector<T> window_step;       ///< w[n] - w[n-1], rounded once.
  std::vector<T> window_step_back;  ///< a²·(w[n-2] - w[n-1]), likewise.
  /// For each part, what turns point j of row k between the two passes, at [16·k + j].
  std::array<std::vector<T>, 2> between;
  /// exp(-2πi·k/n_fft) for the bin k of each pair that the split of a part yields.
  std::array<std::vector<T>, 2> split;
  /// For each part, what the power of a bin of a tilted frame must be multiplied by.
  std::array<std::vector<T>, 2> tilt_gains;
  /// For each part, (falling, rising) weight of every bin of the segments, in order.
  std::array<std::vector<T>, 2> weights;
};

/// Segment s: the bins that weigh in the falling side of band s-1 and the rising side of band s. They
/// are taken two at a time; an odd one out is joined by its neighbour, of weight 0.
struct PartSegments {
  struct Run {
    std::uint16_t first_bin = 0;  ///< Within the part.
    std::uint16_t n_pairs = 0;
  };
  std::vector<Run> runs;  ///< n_bands + 1 of them.
};

/// What a band must not fall short of to be good enough in single precision.
struct PrecisionTest {
  std::vector<float> level_weights;  ///< Σ weight·band estimates the mean power of a bin.
  std::vector<float> margins;        ///< band·margin below that mean: not good enough.
};

struct MelPlan {
  MelSpectrumOptions options;
  std::size_t n_parts = 0;
  std::size_t n_bands = 0;
  std::size_t n_taps = 0;  ///< window.size()
  std::size_t hop = 0;
  std::size_t extra_columns = 0;  ///< Hops behind the batch that its frames reach into.
  std::size_t whole_hops = 0;     ///< Hops that lie within every frame whole.
  MelTables<float> single;
  MelTables<double> precise;
  std::array<PartSegments, 2> segments;
  std::array<PrecisionTest, kWhiteningCount> tests;

  [[nodiscard]] std::size_t part_bin_count(std::size_t part) const {
    return part == 0 ? kPartSize + 1 : kPartSize;
  }
  /// Complex points of a frame: pairs of samples, n_fft/2 of them.
  [[nodiscard]] std::size_t point_count() const { return n_parts * kPartSize; }
  /// Those that are not always zero. A tilted frame is two samples longer than the window.
  [[nodiscard]] std::size_t used_points() const {
    return std::min((n_taps + 3) / 2, point_count());
  }
};

/// `invalid_argument` for sizes or banks that the kernel does not know.
[[nodiscard]] Result<std::unique_ptr<const MelPlan>> make_mel_plan(
    const MelSpectrumOptions& options);

}  // namespace baleen::dsp
