#include "dsp/mel.h"

#include <algorithm>
#include <cmath>

namespace baleen::dsp {
namespace {

// Slaney's scale (Auditory Toolbox): 200/3 Hz per mel up to 1 kHz, then 27 mels per factor of 6.4.
constexpr double kSlaneyHzPerMel = 200.0 / 3.0;
constexpr double kSlaneyBreakHz = 1000.0;
constexpr double kSlaneyBreakMel = kSlaneyBreakHz / kSlaneyHzPerMel;

double slaney_log_step() { return std::log(6.4) / 27.0; }

double hz_to_slaney_mel(double hz) {
  if (hz < kSlaneyBreakHz) return hz / kSlaneyHzPerMel;
  return kSlaneyBreakMel + std::log(hz / kSlaneyBreakHz) / slaney_log_step();
}

double slaney_mel_to_hz(double mel) {
  if (mel < kSlaneyBreakMel) return mel * kSlaneyHzPerMel;
  return kSlaneyBreakHz * std::exp(slaney_log_step() * (mel - kSlaneyBreakMel));
}

// HTK book, eq. 5.13; TensorFlow writes it 1127·ln(1 + f/700).
double hz_to_htk_mel(double hz) { return 1127.0 * std::log(1.0 + hz / 700.0); }
double hz_to_htk_mel_log10(double hz) { return 2595.0 * std::log10(1.0 + hz / 700.0); }
double htk_mel_log10_to_hz(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

/// n_mels + 2 equally spaced points from low to high.
std::vector<double> equally_spaced(double low, double high, int n_mels) {
  std::vector<double> points(static_cast<std::size_t>(n_mels) + 2);
  const double step = (high - low) / static_cast<double>(n_mels + 1);
  for (std::size_t i = 0; i < points.size(); ++i) points[i] = low + step * static_cast<double>(i);
  points.back() = high;
  return points;
}

std::size_t bin_count(const MelBankOptions& options) {
  return static_cast<std::size_t>(options.n_fft) / 2 + 1;
}

double bin_hz(const MelBankOptions& options, std::size_t bin) {
  return static_cast<double>(bin) * options.sample_rate.value / options.n_fft;
}

/// Drops the zeros at both ends of a dense row.
MelBand sparse_band(const std::vector<double>& dense) {
  const auto is_positive = [](double weight) { return weight > 0.0; };
  const auto first = std::find_if(dense.begin(), dense.end(), is_positive);
  const auto last = std::find_if(dense.rbegin(), std::make_reverse_iterator(first), is_positive);
  return {static_cast<std::size_t>(first - dense.begin()), std::vector<double>(first, last.base())};
}

/// A triangle over `low`, `centre`, `high` in whatever scale `position` of a bin is given.
template <typename Position>
MelBand triangle(std::size_t n_bins, const double* edges, double height, const Position& position) {
  std::vector<double> dense(n_bins, 0.0);
  for (std::size_t bin = 0; bin < n_bins; ++bin) {
    const double at = position(bin);
    const double rise = (at - edges[0]) / (edges[1] - edges[0]);
    const double fall = (edges[2] - at) / (edges[2] - edges[1]);
    dense[bin] = height * std::max(0.0, std::min(rise, fall));
  }
  return sparse_band(dense);
}

}  // namespace

MelBank slaney_mel_bank(const MelBankOptions& options) {
  std::vector<double> edges_hz = equally_spaced(hz_to_slaney_mel(options.fmin_hz),
                                                hz_to_slaney_mel(options.fmax_hz), options.n_mels);
  for (double& edge : edges_hz) edge = slaney_mel_to_hz(edge);
  MelBank bank;
  for (std::size_t m = 0; m + 2 < edges_hz.size(); ++m) {
    const double height = 2.0 / (edges_hz[m + 2] - edges_hz[m]);
    bank.push_back(triangle(bin_count(options), &edges_hz[m], height,
                            [&](std::size_t bin) { return bin_hz(options, bin); }));
  }
  return bank;
}

MelBank tensorflow_mel_bank(const MelBankOptions& options) {
  const std::vector<double> edges = equally_spaced(hz_to_htk_mel(options.fmin_hz),
                                                   hz_to_htk_mel(options.fmax_hz), options.n_mels);
  MelBank bank;
  for (std::size_t m = 0; m + 2 < edges.size(); ++m) {
    bank.push_back(triangle(bin_count(options), &edges[m], 1.0, [&](std::size_t bin) {
      return bin == 0 ? edges[m] : hz_to_htk_mel(bin_hz(options, bin));  // 0 Hz weighs nothing.
    }));
  }
  return bank;
}

MelBank sidekit_mel_bank(const MelBankOptions& options) {
  std::vector<double> edges_hz = equally_spaced(
      hz_to_htk_mel_log10(options.fmin_hz), hz_to_htk_mel_log10(options.fmax_hz), options.n_mels);
  for (double& edge : edges_hz) edge = htk_mel_log10_to_hz(edge);
  const auto rounded_bin = [&](double hz) {
    return static_cast<std::size_t>(std::floor(hz * options.n_fft / options.sample_rate.value));
  };
  MelBank bank;
  for (std::size_t m = 0; m + 2 < edges_hz.size(); ++m) {
    const double low = edges_hz[m];
    const double centre = edges_hz[m + 1];
    const double high = edges_hz[m + 2];
    const double height = 2.0 / (high - low);
    std::vector<double> dense(bin_count(options), 0.0);
    for (std::size_t bin = rounded_bin(low) + 1; bin <= rounded_bin(centre); ++bin) {
      dense[bin] = height / (centre - low) * (bin_hz(options, bin) - low);
    }
    for (std::size_t bin = rounded_bin(centre) + 1; bin < rounded_bin(high); ++bin) {
      dense[bin] = height / (high - centre) * (high - bin_hz(options, bin));
    }
    bank.push_back(sparse_band(dense));
  }
  return bank;
}

}  // namespace baleen::dsp
