#pragma once

/// The tables of one MelSpectrum, and the layout of its workspace. Internal to mel_*.cc.
///
/// A real FFT of n_fft points is done as FFTs of 512 real points ("parts"): one part for 512; for 1024
/// two, the even and the odd bins (part p yields the bins n_parts·q + p). All vectors hold one value of
/// each of several frames.

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
inline constexpr std::size_t kPartPoints = 512;     ///< Real points of a part.
inline constexpr std::size_t kPartSize = 256;       ///< Bins of a part, or one less.
inline constexpr std::size_t kRadix = 16;           ///< Of its two passes.
inline constexpr std::size_t kChunkRows = 44;  ///< Of the hops transposed at a time; 4 divides it.
/// Tilted frames are u[n] - 2a·u[n-1] + a²·u[n-2] with a = 3/4: 24 dB less at 0 Hz, 10 more at the top.
/// Of one and two zeros between 0.5 and 0.97, this left the fewest recordings' frames to be refined.
inline constexpr double kTiltZero = 0.75;
inline constexpr float kTiltFirst = 1.5F;
inline constexpr float kTiltSecond = 0.5625F;
inline constexpr float kTiltedBelow = 0.4F;    ///< Power of the difference over the power.
inline constexpr double kNormalMin = 1.2e-38;  ///< Floats below lose bits.
enum Whitening : std::size_t { kPlain = 0, kTilted = 1, kWhiteningCount = 2 };

/// The DFT of 32 real points yields these of its outputs, in this order, instead of their mirror images;
/// the first stands for outputs 0 and 16, both real, as (re, im). The odd ones come last.
inline constexpr std::size_t kRealOutputs[kRadix] = {0, 6,  14, 22, 30, 12, 28, 24,
                                                     3, 11, 19, 27, 7,  15, 23, 31};

/// What becomes of sample n; each value is rounded once.
struct Taps {
  std::vector<float> window;      ///< w[n] at n + 1; 0 in front.
  std::vector<float> steps;       ///< w[n] - w[n-1]
  std::vector<float> steps_back;  ///< a²·(w[n-2] - w[n-1])
};

/// Twiddles and weights in one precision. Complex values are (re, im) pairs.
template <typename T>
struct MelTables {
  /// What turns point m of the columns of part 1 before the first pass.
  std::vector<T> first_odd;
  /// For each part, what turns point j of row i between the two passes, at [16·i + j].
  std::array<std::vector<T>, 2> between;
  /// For each part and whitening, (falling, rising) weight of output n of row i at 2·(16·i + n).
  /// Bin 256 of part 0 comes last.
  std::array<std::array<std::vector<T>, kWhiteningCount>, 2> weights;
};

/// Which of its bins part `part` yields as output n of row i. Number 256 of part 0 comes with number 0.
constexpr std::size_t part_bin(std::size_t part, std::size_t i, std::size_t n) {
  if (part == 1) return n < 8 ? 2 * (i + 16 * n) + 1 : 510 - 2 * (i + 16 * n);
  const std::size_t bin = i == 0 ? 16 * kRealOutputs[n] : kRealOutputs[i] + 32 * n;
  return bin <= kPartSize ? bin : kPartPoints - bin;
}

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
  Taps taps;
  MelTables<float> single;
  MelTables<double> precise;
  /// Segment s: the bins that weigh in the falling side of band s-1 and the rising side of band s. That of
  /// output n of row i is at [16·i + n], of bin 256 of part 0 at the end.
  std::array<std::vector<std::uint16_t>, 2> segments;
  std::array<PrecisionTest, kWhiteningCount> tests;

  /// Samples of a frame, n_fft of them.
  [[nodiscard]] std::size_t sample_count() const { return n_parts * kPartPoints; }
  /// Those that are not always zero. A tilted frame is two samples longer than the window.
  [[nodiscard]] std::size_t used_samples() const { return std::min(n_taps + 2, sample_count()); }
};

/// `invalid_argument` for sizes or banks that the kernel does not know.
[[nodiscard]] Result<std::unique_ptr<const MelPlan>> make_mel_plan(
    const MelSpectrumOptions& options);

}  // namespace baleen::dsp
