#pragma once

/// Triangular filter banks: spectrum bins to mel bands, in the three dialects that we need.
///
/// Every bank maps the n_fft/2 + 1 bins of a real FFT to n_mels bands. Weights are double; the
/// kernels round them once. Pure functions; any thread.

#include <cstddef>
#include <vector>

#include "core/units.h"

namespace baleen::dsp {

/// One band: the bins [first_bin, first_bin + weights.size()) and their weights.
struct MelBand {
  std::size_t first_bin = 0;
  std::vector<double> weights;
};

using MelBank = std::vector<MelBand>;

struct MelBankOptions {
  Hertz sample_rate;
  int n_fft = 0;
  int n_mels = 0;
  double fmin_hz = 0.0;
  double fmax_hz = 0.0;
};

/// Slaney's mel scale (linear below 1 kHz, logarithmic above) with area-normalised triangles:
/// `librosa.filters.mel(htk=False, norm="slaney")`.
[[nodiscard]] MelBank slaney_mel_bank(const MelBankOptions& options);

/// HTK's mel scale, triangles straight in mel, height 1, the bin of 0 Hz left out:
/// `tf.signal.linear_to_mel_weight_matrix`.
[[nodiscard]] MelBank tensorflow_mel_bank(const MelBankOptions& options);

/// HTK's mel scale, triangles straight in hertz of height 2/(high-low), with SIDEKIT's rounding of
/// the edges: a band rises over the bins (low, centre], falls over (centre, high), each edge rounded
/// down to a bin, and the bin at the rounded high edge is dropped.
[[nodiscard]] MelBank sidekit_mel_bank(const MelBankOptions& options);

}  // namespace baleen::dsp
