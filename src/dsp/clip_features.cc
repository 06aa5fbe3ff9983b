#include "dsp/clip_features.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "dsp/clip_features_window.h"

namespace baleen::dsp {
namespace {

constexpr std::size_t kBands = kClipMelBands;
constexpr std::size_t kCepstra = 12;       // c1 to c12; c0 is the level.
constexpr std::size_t kFineBands = 48;     // Fine structure is compared below 5.5 kHz.
constexpr float kDynamicRangeDb = 60;
constexpr float kReferenceFallDb = 0.1F;   // Per row: 10 dB a second.
constexpr std::size_t kBox = 4;            // Half width of the smoother: 9 bands.

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

/// 10^(db/10) within 3e-5, for -370 < db < 370.
inline float power_of_db(float db) {
  const float shifted = db * 0.33219281F + 127.0F;  // log2 of the power, plus the exponent's bias.
  const auto whole = static_cast<std::int32_t>(shifted);
  const float x = shifted - static_cast<float>(whole);
  // Least-squares polynomial of 2^x on [0, 1).
  const float mantissa =
      0.99999994F + x * (0.69315308F + x * (0.24015361F + x * (0.05582631F + x * (0.00898934F + x * 0.00187758F))));
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
        cosine[k][c] = static_cast<float>(std::cos(kPi * static_cast<double>(c + 1) *
                                                   (static_cast<double>(k) + 0.5) / kBands) *
                                          std::sqrt(2.0 / kBands));
      }
    }
    // Slaney's mel scale: linear below 1 kHz, logarithmic above (librosa, htk=False).
    const auto hz_of_mel = [](double mel) {
      return mel < 15.0 ? mel * 200.0 / 3.0 : 1000.0 * std::exp((mel - 15.0) * std::log(6.4) / 27.0);
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

}  // namespace

static_assert(row_value::count == 32);

float mel_row_level_dbfs(std::span<const float, kClipMelBands> row) {
  std::array<float, kBands> clean{};
  std::array<float, kBands> power{};
  for (std::size_t k = 0; k < kBands; ++k) clean[k] = row[k] > -200.0F ? std::min(row[k], 200.0F) : -200.0F;
  return 10.0F * std::log10(weighted_power(clean.data(), tables(), power.data()) + 1e-20F);
}

ClipFeatures::ClipFeatures() { rows_.reserve(2 * kClipBlockRows + 2 * kClipMarginRows); }

std::vector<std::string> ClipFeatures::names() { return clip_feature_names(); }

void ClipFeatures::reset() { *this = ClipFeatures(); }

void ClipFeatures::push_row(const float* row) {
  const Tables& t = tables();
  std::array<float, kBands> clean{};
  std::array<float, kBands> power{};
  // A comparison with NaN is false, so NaN becomes silence.
  for (std::size_t k = 0; k < kBands; ++k) clean[k] = row[k] > -200.0F ? std::min(row[k], 200.0F) : -200.0F;
  float peak = clean[0];
  std::size_t peak_band = 0;
  for (std::size_t k = 1; k < kBands; ++k) {
    if (clean[k] > peak) {
      peak = clean[k];
      peak_band = k;
    }
  }
  reference_db_ = std::max(peak, reference_db_ - kReferenceFallDb);
  const float floor_db = reference_db_ - kDynamicRangeDb;

  // Padded by repeating the edges, so that the smoother needs no special cases.
  std::array<float, kBands + 2 * kBox> padded{};
  float* const y = padded.data() + kBox;
  for (std::size_t k = 0; k < kBands; ++k) y[k] = std::max(clean[k], floor_db);
  for (std::size_t k = 0; k < kBox; ++k) {
    padded[k] = y[0];
    y[kBands + k] = y[kBands - 1];
  }

  RowValues& out = rows_.emplace_back();
  out.fill(0.0F);
  const float total = weighted_power(clean.data(), t, power.data());
  out[row_value::level] = 10.0F * std::log10(total + 1e-20F);

  std::array<float, kCepstra> cepstrum{};
  for (std::size_t k = 0; k < kBands; ++k) {
    for (std::size_t c = 0; c < kCepstra; ++c) cepstrum[c] += y[k] * t.cosine[k][c];
  }
  std::copy(cepstrum.begin(), cepstrum.end(), out.begin() + row_value::cepstrum);

  Fine& fine = fine_[static_cast<std::size_t>(n_rows_) % kHistory];
  for (std::size_t k = 0; k < kBands; ++k) {
    const float* const p = padded.data() + k;
    const float smooth = ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7])) + p[8];
    fine[k] = y[k] - smooth * (1.0F / 9.0F);
  }
  const float energy = dot<kFineBands>(fine.data() + 8, fine.data() + 8);
  fine_energy_[static_cast<std::size_t>(n_rows_) % kHistory] = energy;
  out[row_value::peak_low] = std::sqrt(dot<24>(fine.data(), fine.data()) / 24.0F);
  out[row_value::peak_mid] = std::sqrt(dot<16>(fine.data() + 24, fine.data() + 24) / 16.0F);
  out[row_value::peak_high] = std::sqrt(dot<24>(fine.data() + 40, fine.data() + 40) / 24.0F);

  const auto at_lag = [&](std::int64_t lag) {
    return static_cast<std::size_t>(n_rows_ - std::min(lag, n_rows_)) % kHistory;
  };
  constexpr std::array<std::int64_t, 4> kLags = {3, 8, 16, 32};
  for (std::size_t i = 0; i < kLags.size(); ++i) {
    const std::size_t other = at_lag(kLags[i]);
    out[row_value::similar + i] =
        similarity<0>(fine.data(), fine_[other].data(), energy, fine_energy_[other]);
  }
  const std::size_t other = at_lag(4);
  const float up = similarity<1>(fine.data(), fine_[other].data(), energy, fine_energy_[other]);
  const float down = similarity<-1>(fine.data(), fine_[other].data(), energy, fine_energy_[other]);
  const float same = similarity<0>(fine.data(), fine_[other].data(), energy, fine_energy_[other]);
  out[row_value::glide] = std::max(0.0F, std::max(up, down) - same);

  const float* const before = before_previous_.data();
  std::array<float, kBands> rise{};
  std::array<float, kBands> fall{};
  for (std::size_t k = 0; k < kBands; ++k) {
    const float d = n_rows_ >= 2 ? y[k] - before[k] : 0.0F;
    rise[k] = std::max(d, 0.0F);
    fall[k] = std::max(-d, 0.0F);
  }
  out[row_value::rise] = sum<kBands>(rise.data()) / kBands;
  out[row_value::fall] = sum<kBands>(fall.data()) / kBands;
  before_previous_ = previous_;
  std::copy(y, y + kBands, previous_.begin());

  const float plain_power = sum<kBands>(power.data()) + 1e-20F;
  const float mean_db = sum<kBands>(y) / kBands;
  out[row_value::flatness] = mean_db - 10.0F * std::log10(plain_power / kBands);
  const float centroid = dot<kBands>(power.data(), t.index.data()) / plain_power;
  std::array<float, kBands> squared{};
  std::array<float, kBands> wide{};
  for (std::size_t k = 0; k < kBands; ++k) {
    const float d = t.index[k] - centroid;
    squared[k] = d * d;
    wide[k] = clean[k] > peak - 25.0F ? 1.0F : 0.0F;
  }
  out[row_value::centroid] = centroid / kBands;
  out[row_value::spread] = std::sqrt(dot<kBands>(power.data(), squared.data()) / plain_power) / kBands;
  out[row_value::wide] = sum<kBands>(wide.data()) / kBands;
  out[row_value::peak_band] = static_cast<float>(peak_band) / kBands;

  out[row_value::envelope + 0] = sum<8>(y) / 8.0F;
  out[row_value::envelope + 1] = sum<16>(y + 8) / 16.0F;
  out[row_value::envelope + 2] = sum<16>(y + 24) / 16.0F;
  out[row_value::envelope + 3] = sum<24>(y + 40) / 24.0F;
  ++n_rows_;
}

void ClipFeatures::push(std::span<const float> rows, std::vector<ClipFeatureWindow>& windows) {
  for (std::size_t i = 0; i + kBands <= rows.size(); i += kBands) {
    push_row(rows.data() + i);
    const auto ready = (next_block_ + 1) * static_cast<std::int64_t>(kClipBlockRows) +
                       static_cast<std::int64_t>(kClipMarginRows);
    if (n_rows_ == ready) emit(next_block_, windows);
  }
}

void ClipFeatures::emit(std::int64_t block, std::vector<ClipFeatureWindow>& windows) {
  constexpr auto kBlock = static_cast<std::int64_t>(kClipBlockRows);
  constexpr auto kMargin = static_cast<std::int64_t>(kClipMarginRows);
  const std::int64_t begin = std::max<std::int64_t>(0, block * kBlock - kMargin);
  const std::int64_t end = std::min(n_rows_, (block + 1) * kBlock + kMargin);
  ClipFeatureWindow window;
  window.block_begin_row = block * kBlock;
  window.block_end_row = std::min(n_rows_, (block + 1) * kBlock);
  const std::span<const RowValues> rows(rows_.data() + (begin - first_row_),
                                        static_cast<std::size_t>(end - begin));
  summarise_rows(rows, window);
  windows.push_back(window);
  next_block_ = block + 1;
  const std::int64_t keep_from = std::max<std::int64_t>(0, next_block_ * kBlock - kMargin);
  rows_.erase(rows_.begin(), rows_.begin() + (keep_from - first_row_));
  first_row_ = keep_from;
}

void ClipFeatures::finish(std::vector<ClipFeatureWindow>& windows) {
  while (next_block_ * static_cast<std::int64_t>(kClipBlockRows) < n_rows_) emit(next_block_, windows);
  reset();
}

}  // namespace baleen::dsp
