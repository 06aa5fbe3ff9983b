#pragma once

/// The first half of dsp/clip_features.h: what is measured of each log-mel row, on its own and
/// against the rows before it. Only clip_features.cc uses this.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace baleen::dsp {

inline constexpr std::size_t kClipMelBands = 64;

/// What is kept of each row. Order: first those summarised as mean and deviation.
namespace row_value {
inline constexpr std::size_t kCepstrum = 0;  // 12 values: c1 to c12.
inline constexpr std::size_t kRise = 12;
inline constexpr std::size_t kFall = 13;
inline constexpr std::size_t kPeakLow = 14;
inline constexpr std::size_t kPeakMid = 15;
inline constexpr std::size_t kPeakHigh = 16;
inline constexpr std::size_t kSimilar = 17;  // 5 values: lags of 30, 80, 160, 320 and 640 ms.
inline constexpr std::size_t kGlide = 22;
inline constexpr std::size_t kFlatness = 23;
inline constexpr std::size_t kCentroid = 24;
inline constexpr std::size_t kSpread = 25;
inline constexpr std::size_t kWide = 26;
inline constexpr std::size_t kPeakBand = 27;
inline constexpr std::size_t kSummarised = 28;  // Count of the above.
inline constexpr std::size_t kFlag = 28;  // 9 values of 0 or 1; their mean is a share of the time.
inline constexpr std::size_t kFlags = 9;
inline constexpr std::size_t kAveraged = 37;  // Count of the above.
inline constexpr std::size_t kLevel = 37;     // dBFS.
inline constexpr std::size_t kPower = 38;     // The same, linear.
inline constexpr std::size_t kEnvelope = 39;  // 4 values.
inline constexpr std::size_t kCount = 44;     // Padded to whole vectors.
}  // namespace row_value

using ClipRowValues = std::array<float, row_value::kCount>;

/// Sums of the fine structure over the rows of a block that are not silent.
struct ClipFineSums {
  static constexpr std::size_t kGroups = 3;  ///< Bands 0 to 23, 24 to 39, 40 to 63.
  std::array<float, kClipMelBands> sum{};
  std::array<float, kGroups> energy{};
  float n = 0;

  void add(const ClipFineSums& other) {
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += other.sum[k];
    for (std::size_t g = 0; g < energy.size(); ++g) energy[g] += other.energy[g];
    n += other.n;
  }
};

/// Not thread-safe; one object per recording.
class ClipRowAnalyser {
 public:
  /// Measures the next row.
  ///
  /// @param row   64 values, dB; NaN counts as silence.
  /// @param sums  Of the block that the row belongs to; the row is added.
  void analyse(const float* row, ClipRowValues& out, ClipFineSums& sums);

 private:
  using Bands = std::array<float, kClipMelBands>;
  static constexpr std::size_t kHistory = 72;  ///< Rows of fine structure kept for the lags.
  struct Past {
    Bands fine{};
    float energy = 0;
    float peak_band = 0;
  };

  void compare_with_past(const Past& now, ClipRowValues& out) const;
  void set_flags(ClipRowValues& out) const;

  std::int64_t n_rows_ = 0;
  float reference_db_ = -1000;  ///< Slowly falling peak; the spectrum is floored 60 dB below.
  std::array<Past, kHistory> past_{};  ///< Ring: row n is past_[n % kHistory].
  Bands previous_{};                   ///< The floored spectrum one row ago, and two.
  Bands before_previous_{};
};

/// Level of one log-mel row as RMS in dB relative to full scale: the mel bands weighted by their
/// width (which undoes the Slaney norm) and by Parseval for the 551-sample Hann window.
///
/// @param row  Shape (64,), 10·log10 of power as of dsp/log_mel.h.
[[nodiscard]] float mel_row_level_dbfs(std::span<const float, kClipMelBands> row);

}  // namespace baleen::dsp
