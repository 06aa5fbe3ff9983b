#include "dsp/clip_features_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace baleen::dsp {
namespace {

constexpr std::size_t kBands = kClipMelBands;
constexpr std::size_t kCepstra = 12;    // c1 to c12; c0 is the level.
constexpr std::size_t kFineBands = 48;  // Fine structure is compared below 5.5 kHz.
constexpr float kDynamicRangeDb = 60;
constexpr float kSoundingRangeDb = 40;    // Rows below do not count as structure.
constexpr float kReferenceFallDb = 0.1F;  // Per row: 10 dB a second.
constexpr std::size_t kBox = 4;           // Half width of the smoother: 9 bands.

/// Sums eight interleaved partial sums in a fixed order; compilers turn it into vector code.
template <std::size_t kN>
float dot(const float* a, const float* b) {
  static_assert(kN % 8 == 0);
  std::array<float, 8> partial{};
  for (std::size_t i = 0; i < kN; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) partial[lane] += a[i + lane] * b[i + lane];
  }
  return ((partial[0] + partial[4]) + (partial[1] + partial[5])) +
         ((partial[2] + partial[6]) + (partial[3] + partial[7]));
}

template <std::size_t kN>
float sum(const float* a) {
  static_assert(kN % 8 == 0);
  std::array<float, 8> partial{};
  for (std::size_t i = 0; i < kN; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) partial[lane] += a[i + lane];
  }
  return ((partial[0] + partial[4]) + (partial[1] + partial[5])) +
         ((partial[2] + partial[6]) + (partial[3] + partial[7]));
}

float max_of(const float* a) {
  std::array<float, 8> best{};
  std::copy(a, a + 8, best.begin());
  for (std::size_t i = 8; i < kBands; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) best[lane] = std::max(best[lane], a[i + lane]);
  }
  return *std::max_element(best.begin(), best.end());
}

/// 10^(db/10) within 3e-5, for -370 < db < 370.
inline float power_of_db(float db) {
  const float shifted = db * 0.33219281F + 127.0F;  // log2 of the power, plus the exponent's bias.
  const auto whole = static_cast<std::int32_t>(shifted);
  const float x = shifted - static_cast<float>(whole);
  // Least-squares polynomial of 2^x on [0, 1).
  const float mantissa =
      0.99999994F +
      x * (0.69315308F +
           x * (0.24015361F + x * (0.05582631F + x * (0.00898934F + x * 0.00187758F))));
  const std::int32_t bits = whole * (1 << 23);
  float scale = 0;
  std::memcpy(&scale, &bits, sizeof scale);
  return mantissa * scale;
}

/// Tables that every object shares.
struct Tables {
  std::array<std::array<float, kCepstra>, kBands> cosine{};
  std::array<float, kBands> width{};  // Weight of a band's power in the mean square.
  std::array<float, kBands> index{};

  Tables() {
    constexpr double kPi = 3.14159265358979323846;
    for (std::size_t k = 0; k < kBands; ++k) {
      index[k] = static_cast<float>(k);
      for (std::size_t c = 0; c < kCepstra; ++c) {
        cosine[k][c] = static_cast<float>(
            std::cos(kPi * static_cast<double>(c + 1) * (static_cast<double>(k) + 0.5) / kBands) *
            std::sqrt(2.0 / kBands));
      }
    }
    // Slaney's mel scale: linear below 1 kHz, logarithmic above (librosa, htk=False).
    const auto hz_of_mel = [](double mel) {
      return mel < 15.0 ? mel * 200.0 / 3.0
                        : 1000.0 * std::exp((mel - 15.0) * std::log(6.4) / 27.0);
    };
    const double mel_max = 15.0 + std::log(11025.0 / 1000.0) * 27.0 / std::log(6.4);
    const double hann_energy = 551.0 * 3.0 / 8.0;
    for (std::size_t k = 0; k < kBands; ++k) {
      const double low = hz_of_mel(mel_max * static_cast<double>(k) / (kBands + 1));
      const double high = hz_of_mel(mel_max * static_cast<double>(k + 2) / (kBands + 1));
      width[k] = static_cast<float>((high - low) / 2.0 * 2.0 / (1024.0 * hann_energy));
    }
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

float weighted_power(const float* row, const Tables& t, float* power) {
  for (std::size_t k = 0; k < kBands; ++k) power[k] = power_of_db(row[k]);
  return dot<kBands>(power, t.width.data());
}

/// Similarity of two fine structures, -1 to 1; near 0 where either is flat.
template <int kShift>
float similarity(const float* a, const float* b, float energy_a, float energy_b) {
  constexpr std::size_t kMargin = 8;  // So that a shifted read stays inside.
  static_assert(kShift >= -8 && kShift <= 8);
  const float product = dot<kFineBands>(a + kMargin, b + kMargin + kShift);
  return product / (std::sqrt(energy_a * energy_b) + 2.0F * kFineBands);
}

/// A comparison with NaN is false, so NaN becomes silence.
void clean_row(const float* row, float* clean) {
  for (std::size_t k = 0; k < kBands; ++k) {
    clean[k] = row[k] > -200.0F ? std::min(row[k], 200.0F) : -200.0F;
  }
}

/// y minus the mean of nine bands around; y has kBox readable values on each side.
void subtract_smooth(const float* y, float* fine) {
  for (std::size_t k = 0; k < kBands; ++k) {
    const float* const p = y + k - kBox;
    const float total = ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7])) + p[8];
    fine[k] = y[k] - total * (1.0F / 9.0F);
  }
}

void measure_cepstrum(const float* y, const Tables& t, ClipRowValues& out) {
  std::array<float, kCepstra> cepstrum{};
  for (std::size_t k = 0; k < kBands; ++k) {
    for (std::size_t c = 0; c < kCepstra; ++c) cepstrum[c] += y[k] * t.cosine[k][c];
  }
  std::copy(cepstrum.begin(), cepstrum.end(), out.begin() + row_value::kCepstrum);
}

void measure_shape(const float* clean,
                   float peak,
                   const float* y,
                   const float* power,
                   const Tables& t,
                   ClipRowValues& out) {
  const float total = sum<kBands>(power) + 1e-20F;
  out[row_value::kFlatness] = sum<kBands>(y) / kBands - 10.0F * std::log10(total / kBands);
  const float centroid = dot<kBands>(power, t.index.data()) / total;
  std::array<float, kBands> squared{};
  std::array<float, kBands> wide{};
  for (std::size_t k = 0; k < kBands; ++k) {
    const float d = t.index[k] - centroid;
    squared[k] = d * d;
    wide[k] = clean[k] > peak - 25.0F ? 1.0F : 0.0F;
  }
  out[row_value::kCentroid] = centroid / kBands;
  out[row_value::kSpread] = std::sqrt(dot<kBands>(power, squared.data()) / total) / kBands;
  out[row_value::kWide] = sum<kBands>(wide.data()) / kBands;
  out[row_value::kEnvelope + 0] = sum<8>(y) / 8.0F;
  out[row_value::kEnvelope + 1] = sum<16>(y + 8) / 16.0F;
  out[row_value::kEnvelope + 2] = sum<16>(y + 24) / 16.0F;
  out[row_value::kEnvelope + 3] = sum<24>(y + 40) / 24.0F;
}

void measure_change(const float* y, const float* before, ClipRowValues& out) {
  std::array<float, kBands> rise{};
  std::array<float, kBands> fall{};
  for (std::size_t k = 0; k < kBands; ++k) {
    const float d = y[k] - before[k];
    rise[k] = std::max(d, 0.0F);
    fall[k] = std::max(-d, 0.0F);
  }
  out[row_value::kRise] = sum<kBands>(rise.data()) / kBands;
  out[row_value::kFall] = sum<kBands>(fall.data()) / kBands;
}

}  // namespace

float mel_row_level_dbfs(std::span<const float, kClipMelBands> row) {
  std::array<float, kBands> clean{};
  std::array<float, kBands> power{};
  clean_row(row.data(), clean.data());
  return 10.0F * std::log10(weighted_power(clean.data(), tables(), power.data()) + 1e-20F);
}

void ClipRowAnalyser::compare_with_past(const Past& now, ClipRowValues& out) const {
  const auto at_lag = [this](std::int64_t lag) -> const Past& {
    return past_[static_cast<std::size_t>(n_rows_ - std::min(lag, n_rows_)) % kHistory];
  };
  const auto compare = [&now](const Past& then) {
    return similarity<0>(now.fine.data(), then.fine.data(), now.energy, then.energy);
  };
  constexpr std::array<std::int64_t, 5> kLags = {3, 8, 16, 32, 64};
  for (std::size_t i = 0; i < kLags.size(); ++i) {
    out[row_value::kSimilar + i] = compare(at_lag(kLags[i]));
  }
  const Past& then = at_lag(4);
  const float up = similarity<1>(now.fine.data(), then.fine.data(), now.energy, then.energy);
  const float down = similarity<-1>(now.fine.data(), then.fine.data(), now.energy, then.energy);
  out[row_value::kGlide] = std::max(0.0F, std::max(up, down) - compare(then));
}

void ClipRowAnalyser::set_flags(ClipRowValues& out) const {
  constexpr std::int64_t kStill = 10;
  const float moved =
      n_rows_ < kStill ? 1.0F
                       : out[row_value::kPeakBand] -
                             past_[static_cast<std::size_t>(n_rows_ - kStill) % kHistory].peak_band;
  const std::array<bool, row_value::kFlags> flags = {
      out[row_value::kSimilar + 1] > 0.6F,
      out[row_value::kSimilar + 2] > 0.5F,
      out[row_value::kSimilar + 3] > 0.5F,
      out[row_value::kPeakLow] > 4.5F,
      out[row_value::kFlatness]<-15.0F, out[row_value::kFlatness]> - 4.0F,
      out[row_value::kGlide] > 0.1F,
      std::abs(moved) < 0.5F / kBands,
      out[row_value::kSimilar + 4] > 0.5F};
  for (std::size_t i = 0; i < flags.size(); ++i) out[row_value::kFlag + i] = flags[i] ? 1.0F : 0.0F;
}

void ClipRowAnalyser::analyse(const float* row, ClipRowValues& out, ClipFineSums& sums) {
  const Tables& t = tables();
  std::array<float, kBands> clean{};
  std::array<float, kBands> power{};
  clean_row(row, clean.data());
  const float peak = max_of(clean.data());
  reference_db_ = std::max(peak, reference_db_ - kReferenceFallDb);

  // Padded by repeating the edges, so that the smoother needs no special cases.
  std::array<float, kBands + 2 * kBox> padded{};
  float* const y = padded.data() + kBox;
  const float floor_db = reference_db_ - kDynamicRangeDb;
  for (std::size_t k = 0; k < kBands; ++k) y[k] = std::max(clean[k], floor_db);
  std::fill(padded.begin(), padded.begin() + kBox, y[0]);
  std::fill(padded.end() - kBox, padded.end(), y[kBands - 1]);

  out.fill(0.0F);
  out[row_value::kPower] = weighted_power(clean.data(), t, power.data()) + 1e-20F;
  out[row_value::kLevel] = 10.0F * std::log10(out[row_value::kPower]);
  out[row_value::kPeakBand] =
      static_cast<float>(std::find(clean.begin(), clean.end(), peak) - clean.begin()) / kBands;
  measure_cepstrum(y, t, out);
  measure_shape(clean.data(), peak, y, power.data(), t, out);
  if (n_rows_ >= 2) measure_change(y, before_previous_.data(), out);
  before_previous_ = previous_;
  std::copy(y, y + kBands, previous_.begin());

  Past& now = past_[static_cast<std::size_t>(n_rows_) % kHistory];
  subtract_smooth(y, now.fine.data());
  const float* const fine = now.fine.data();
  now.energy = dot<kFineBands>(fine + 8, fine + 8);
  const std::array<float, ClipFineSums::kGroups> energy = {
      dot<24>(fine, fine), dot<16>(fine + 24, fine + 24), dot<24>(fine + 40, fine + 40)};
  out[row_value::kPeakLow] = std::sqrt(energy[0] / 24.0F);
  out[row_value::kPeakMid] = std::sqrt(energy[1] / 16.0F);
  out[row_value::kPeakHigh] = std::sqrt(energy[2] / 24.0F);
  now.peak_band = out[row_value::kPeakBand];
  compare_with_past(now, out);
  set_flags(out);
  if (peak > reference_db_ - kSoundingRangeDb) {
    for (std::size_t k = 0; k < kBands; ++k) sums.sum[k] += fine[k];
    for (std::size_t g = 0; g < energy.size(); ++g) sums.energy[g] += energy[g];
    sums.n += 1.0F;
  }
  ++n_rows_;
}

}  // namespace baleen::dsp
