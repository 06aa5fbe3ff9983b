#include "dsp/clip_features_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace baleen::dsp {
namespace {

constexpr std::size_t kMaxRows = kClipBlockRows + 2 * kClipMarginRows;
constexpr float kRowsPerSecond = 22050.0F / 220.0F;
constexpr float kActiveRangeDb = 40;
constexpr std::size_t kMomentsPadded = 40;  // row_value::kAveraged, in whole vectors.
constexpr std::size_t kSpeeds = 13;         // Twelve cepstra and the level.
constexpr std::size_t kEnvelopes = 5;       // The level and four bands.
constexpr std::array<float, 8> kModulationHz = {1.0F, 2.0F, 3.2F, 5.0F, 8.0F, 12.5F, 20.0F, 32.0F};
constexpr std::size_t kModulations = kModulationHz.size();
constexpr std::array<float, 5> kPercentiles = {0.05F, 0.1F, 0.25F, 0.5F, 0.75F};
constexpr std::size_t kExtras = 18;
static_assert(row_value::kSummarised + row_value::kAveraged + kSpeeds + kEnvelopes * kModulations +
                  kPercentiles.size() + kExtras ==
              kClipFeatureCount);

struct Tables {
  /// For each row: cosine and sine of every modulation frequency.
  std::array<std::array<float, 2 * kModulations>, kMaxRows> wave{};

  Tables() {
    constexpr double kTau = 6.283185307179586;
    for (std::size_t t = 0; t < kMaxRows; ++t) {
      for (std::size_t f = 0; f < kModulations; ++f) {
        const double phase = kTau * static_cast<double>(kModulationHz[f]) * static_cast<double>(t) /
                             static_cast<double>(kRowsPerSecond);
        wave[t][2 * f] = static_cast<float>(std::cos(phase));
        wave[t][2 * f + 1] = static_cast<float>(std::sin(phase));
      }
    }
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

/// Appends to the values of one window.
class Sink {
 public:
  explicit Sink(ClipFeatureWindow& window) : values_(window.values) {}
  void add(float value) {
    BALEEN_CHECK(n_ < values_.size());
    values_[n_++] = std::isfinite(value) ? value : 0.0F;
  }
  [[nodiscard]] std::size_t size() const { return n_; }

 private:
  std::array<float, kClipFeatureCount>& values_;
  std::size_t n_ = 0;
};

using Flags = std::array<float, kMaxRows>;
using Series = std::array<float, kMaxRows>;

/// Means and deviations, and the shares of the flags.
void add_moments(std::span<const ClipRowValues> rows,
                 const Flags& active,
                 float n_active,
                 Sink& sink) {
  // Relative to one row, so that float sums lose nothing.
  const ClipRowValues& pivot = rows[rows.size() / 2];
  std::array<float, kMomentsPadded> sum{};
  std::array<float, kMomentsPadded> square{};
  for (std::size_t t = 0; t < rows.size(); ++t) {
    for (std::size_t i = 0; i < kMomentsPadded; ++i) {
      const float d = rows[t][i] - pivot[i];
      sum[i] += active[t] * d;
      square[i] += active[t] * d * d;
    }
  }
  const auto mean = [&](std::size_t i) { return sum[i] / n_active; };
  for (std::size_t i = 0; i < row_value::kSummarised; ++i) sink.add(pivot[i] + mean(i));
  for (std::size_t i = 0; i < row_value::kSummarised; ++i) {
    sink.add(std::sqrt(std::max(0.0F, square[i] / n_active - mean(i) * mean(i))));
  }
  for (std::size_t i = row_value::kFlag; i < row_value::kAveraged; ++i)
    sink.add(pivot[i] + mean(i));
}

/// Mean absolute change over 30 ms, where both ends are active.
void add_speeds(std::span<const ClipRowValues> rows, const Flags& active, Sink& sink) {
  constexpr std::size_t kLag = 3;
  std::array<float, 16> speed{};
  float n = 1e-6F;
  for (std::size_t t = kLag; t < rows.size(); ++t) {
    const float both = active[t] * active[t - kLag];
    n += both;
    for (std::size_t i = 0; i < 12; ++i) {
      speed[i] += both * std::abs(rows[t][row_value::kCepstrum + i] -
                                  rows[t - kLag][row_value::kCepstrum + i]);
    }
    speed[12] += both * std::abs(rows[t][row_value::kLevel] - rows[t - kLag][row_value::kLevel]);
  }
  for (std::size_t i = 0; i < kSpeeds; ++i) sink.add(speed[i] / n);
}

/// Power of the dB envelopes at the modulation frequencies, as log: 4 Hz is speech's syllable rate.
void add_modulations(std::span<const ClipRowValues> rows, float level_max, Sink& sink) {
  const Tables& t = tables();
  const std::size_t n = rows.size();
  std::array<std::array<float, kMaxRows>, kEnvelopes> series{};
  for (std::size_t i = 0; i < n; ++i) {
    series[0][i] = std::max(rows[i][row_value::kLevel], level_max - kActiveRangeDb);
    for (std::size_t e = 1; e < kEnvelopes; ++e)
      series[e][i] = rows[i][row_value::kEnvelope + e - 1];
  }
  for (std::size_t e = 0; e < kEnvelopes; ++e) {
    float mean = 0;
    for (std::size_t i = 0; i < n; ++i) mean += series[e][i];
    mean /= static_cast<float>(n);
    std::array<float, 2 * kModulations> sums{};
    float window_energy = 1e-6F;
    for (std::size_t i = 0; i < n; ++i) {
      const float x =
          (static_cast<float>(i) + 0.5F) / static_cast<float>(n);  // A parabola as window.
      const float w = 4.0F * x * (1.0F - x);
      window_energy += w * w;
      const float value = w * (series[e][i] - mean);
      for (std::size_t f = 0; f < sums.size(); ++f) sums[f] += value * t.wave[i][f];
    }
    for (std::size_t f = 0; f < kModulations; ++f) {
      const float power =
          (sums[2 * f] * sums[2 * f] + sums[2 * f + 1] * sums[2 * f + 1]) / window_energy;
      sink.add(std::log(power + 1.0F));
    }
  }
}

struct Peak {
  float value = 0;
  float lag = 0;
};

/// The strongest normalised autocorrelation of `x` within [first, last] lags.
Peak strongest_period(std::span<const float> x, std::size_t first, std::size_t last) {
  float energy = 1e-6F;
  for (const float v : x) energy += v * v;
  Peak best;
  for (std::size_t lag = first; lag <= last && lag + first < x.size(); ++lag) {
    std::array<float, 8> partial{};
    const std::size_t n = x.size() - lag;
    const std::size_t whole = n / 8 * 8;
    for (std::size_t i = 0; i < whole; i += 8) {
      for (std::size_t lane = 0; lane < 8; ++lane) partial[lane] += x[i + lane] * x[i + lane + lag];
    }
    float total = 0;
    for (const float p : partial) total += p;
    for (std::size_t i = whole; i < n; ++i) total += x[i] * x[i + lag];
    const float value = total / energy;
    if (value > best.value) best = {value, static_cast<float>(lag)};
  }
  return best;
}

void add_periods(std::span<const ClipRowValues> rows, Sink& sink) {
  const std::size_t n = rows.size();
  Series onset{};
  float mean = 0;
  for (std::size_t t = 0; t < n; ++t) {
    onset[t] = rows[t][row_value::kRise];
    mean += onset[t];
  }
  mean /= static_cast<float>(n);
  float top = 0;
  for (std::size_t t = 0; t < n; ++t) {
    onset[t] -= mean;
    top = std::max(top, onset[t]);
  }
  const Peak fast = strongest_period({onset.data(), n}, 3, 19);
  Series half{};
  const std::size_t n_half = n / 2;
  for (std::size_t t = 0; t < n_half; ++t) half[t] = onset[2 * t] + onset[2 * t + 1];
  const Peak beat = strongest_period({half.data(), n_half}, 10, 60);
  sink.add(fast.value);
  sink.add(fast.lag / 20.0F);
  sink.add(beat.value);
  sink.add(beat.lag / 60.0F);
  sink.add(std::log(top + 0.1F) - std::log(mean + 0.1F));  // How much one onset stands out.
}

/// Percentiles of levels in -60 to 0, in steps of a quarter decibel.
void add_percentiles(std::span<const float> level, Sink& sink) {
  constexpr float kStepsPerDb = 4;
  std::array<std::int32_t, 60 * 4 + 1> histogram{};
  for (const float l : level) {
    ++histogram[static_cast<std::size_t>(std::clamp((l + 60.0F) * kStepsPerDb, 0.0F, 240.0F))];
  }
  std::size_t bin = 0;
  std::int32_t below = histogram[0];
  for (const float p : kPercentiles) {
    const auto rank = static_cast<std::int32_t>(p * static_cast<float>(level.size() - 1));
    while (below <= rank) below += histogram[++bin];
    sink.add(static_cast<float>(bin) / kStepsPerDb - 60.0F);
  }
}

/// The distribution of levels.
void add_levels(std::span<const ClipRowValues> rows,
                const Flags& active,
                float n_active,
                float level_max,
                Sink& sink) {
  const std::size_t n = rows.size();
  Series level{};
  for (std::size_t t = 0; t < n; ++t) {
    level[t] = std::max(rows[t][row_value::kLevel], level_max - 60.0F) - level_max;
  }
  add_percentiles({level.data(), n}, sink);
  float mean = 0;
  float power = 0;
  for (std::size_t t = 0; t < n; ++t) {
    mean += active[t] * level[t];
    power += rows[t][row_value::kPower];
  }
  mean /= n_active;
  const float power_db = 10.0F * std::log10(power / static_cast<float>(n)) - level_max;
  float second = 1e-3F;
  float third = 0;
  float fourth = 0;
  float quiet = 0;
  float rising = 0;
  const float half_power_db = power_db - 3.01F;
  for (std::size_t t = 0; t < n; ++t) {
    const float d = level[t] - mean;
    second += active[t] * d * d;
    third += active[t] * d * d * d;
    fourth += active[t] * d * d * d * d;
    quiet += level[t] < half_power_db ? 1.0F : 0.0F;
    if (t >= 2) rising += level[t] > level[t - 2] + 3.0F ? 1.0F : 0.0F;
  }
  second /= n_active;
  const float deviation = std::sqrt(second);
  sink.add(deviation);
  sink.add(std::clamp(third / n_active / (second * deviation), -4.0F, 4.0F));
  sink.add(std::clamp(fourth / n_active / (second * second), 0.0F, 12.0F));
  sink.add(quiet / static_cast<float>(n));
  sink.add(rising / static_cast<float>(n));
  sink.add(power_db);
}

/// How much of the fine structure is the same all through the window, and how strong that part is:
/// a motor's lines stay, a melody's move in steps, a voice's glide.
void add_lasting_structure(const ClipFineSums& fine, Sink& sink) {
  constexpr std::array<std::size_t, ClipFineSums::kGroups + 1> kEdges = {0, 24, 40, kClipMelBands};
  for (std::size_t g = 0; g < ClipFineSums::kGroups; ++g) {
    float common = 0;
    for (std::size_t k = kEdges[g]; k < kEdges[g + 1]; ++k) common += fine.sum[k] * fine.sum[k];
    const float n = std::max(fine.n, 1.0F);
    const auto n_bands = static_cast<float>(kEdges[g + 1] - kEdges[g]);
    sink.add(common / (n * fine.energy[g] + n_bands * n));
    sink.add(std::sqrt(common / n_bands) / n);
  }
}

}  // namespace

void summarise_rows(std::span<const ClipRowValues> rows,
                    const ClipFineSums& fine,
                    ClipFeatureWindow& window) {
  BALEEN_CHECK(!rows.empty() && rows.size() <= kMaxRows);
  float level_max = -1000;
  for (const ClipRowValues& row : rows) level_max = std::max(level_max, row[row_value::kLevel]);
  Flags active{};
  float n_active = 0;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    active[t] = rows[t][row_value::kLevel] > level_max - kActiveRangeDb ? 1.0F : 0.0F;
    n_active += active[t];
  }
  window.level_dbfs = level_max;
  window.active_fraction = n_active / static_cast<float>(rows.size());
  Sink sink(window);
  add_moments(rows, active, n_active, sink);
  add_speeds(rows, active, sink);
  add_modulations(rows, level_max, sink);
  add_levels(rows, active, n_active, level_max, sink);
  add_periods(rows, sink);
  sink.add(window.active_fraction);
  add_lasting_structure(fine, sink);
  BALEEN_CHECK(sink.size() == kClipFeatureCount);
}

std::vector<std::string> clip_feature_names() {
  std::vector<std::string> row;
  for (int i = 1; i <= 12; ++i) row.push_back(fmt::format("cepstrum_{}", i));
  for (const char* name : {"rise", "fall", "peak_low", "peak_mid", "peak_high", "similar_30ms",
                           "similar_80ms", "similar_160ms", "similar_320ms", "similar_640ms",
                           "glide", "flatness", "centroid", "spread", "wide", "peak_band"}) {
    row.emplace_back(name);
  }
  std::vector<std::string> names;
  names.reserve(kClipFeatureCount);
  for (const std::string& name : row) names.push_back(name + ".mean");
  for (const std::string& name : row) names.push_back(name + ".deviation");
  for (const char* name : {"similar_80ms", "similar_160ms", "similar_320ms", "peaky", "tonal",
                           "flat", "gliding", "still_peak", "similar_640ms"}) {
    names.push_back(std::string("share_") + name);
  }
  for (int i = 1; i <= 12; ++i) names.push_back(fmt::format("cepstrum_{}.speed", i));
  names.emplace_back("level.speed");
  for (const char* envelope : {"level", "band0", "band1", "band2", "band3"}) {
    for (const float hz : kModulationHz)
      names.push_back(fmt::format("{}.modulation_{}hz", envelope, hz));
  }
  for (const float p : kPercentiles)
    names.push_back(fmt::format("level.percentile_{:.0f}", p * 100));
  for (const char* name :
       {"level.deviation", "level.skewness", "level.kurtosis", "quiet_share", "rising_share",
        "level.mean_power", "fast_period", "fast_period.lag", "beat", "beat.lag", "onset_top",
        "active_share", "lasting_low", "lasting_low.db", "lasting_mid", "lasting_mid.db",
        "lasting_high", "lasting_high.db"}) {
    names.emplace_back(name);
  }
  BALEEN_CHECK(names.size() == kClipFeatureCount);
  return names;
}

}  // namespace baleen::dsp
