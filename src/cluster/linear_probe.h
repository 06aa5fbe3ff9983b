#pragma once

/// A linear probe: a classifier of one label over embeddings, learned from a few labelled windows, with what can honestly be said of how
/// good it is (G. Alain and Y. Bengio, Understanding intermediate layers using linear classifier probes, 2016).
///
///   columns to mean 0 and deviation 1 → logistic regression (L2, both classes weigh the same)
///   → scores of windows whose recordings were left out → Platt's calibration → threshold
///
/// All that is said of quality comes from scores that a model gave to recordings it had not learned from: windows of one
/// recording are alike for reasons that have nothing to do with the label. Deterministic.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/classification.h"
#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

struct LogisticOptions {
  /// Inverse strength of the regularization, as scikit-learn's C: C·Σ weight·log-loss + |w|²/2; the offset is free.
  double c = 1;
  int iterations_max = 1000;
  double tolerance = 1e-6;  ///< Of the gradient's greatest value, divided by the sum of C·weights.
};

struct LinearModel {
  std::vector<float> weights;  ///< (d,)
  double offset = 0;
  /// weights·x + offset; x of size d.
  [[nodiscard]] double score(std::span<const float> x) const;
};

/// Logistic regression by L-BFGS (D. C. Liu and J. Nocedal, 1989).
///
/// @param x            Shape (n, d); finite.
/// @param is_positive  (n,), 0 or 1.
/// @param weights      (n,), 0 or more: rows of weight 0 are not learned from.
[[nodiscard]] LinearModel fit_logistic(MatrixView x,
                                       std::span<const std::uint8_t> is_positive,
                                       std::span<const double> weights,
                                       const LogisticOptions& options);

/// Fewer positives or negatives are refused: nothing could be said of what is learned from them.
inline constexpr std::size_t kProbePositivesMin = 5, kProbeNegativesMin = 5;

struct ProbeOptions {
  /// Weaker than scikit-learn's default of 1: embeddings have more columns than there are labels.
  LogisticOptions logistic{.c = 0.01, .tolerance = 1e-5};
  double precision = 0.9;  ///< Wanted above the threshold; above 0, at most 1.
  std::size_t n_folds = 5;
};

struct LearnedProbe {
  /// Of embeddings as they are: the mean of the models of all folds, whose scores are the ones that were measured. One
  /// learned anew from everything would give others.
  LinearModel model;
  Calibration calibration;  ///< Of its scores.
  std::vector<double>
      out_of_fold;  ///< Probability of each row, by a model that had not seen its recording.
  double average_precision = 0, roc_auc = 0;
  /// A probability, and what is found above it in recordings that it was not chosen by: precision and recall are less
  /// than on the scores that it was chosen by, and true.
  Threshold threshold;
  Interval precision_95;
  std::size_t n_folds = 0;
  /// False where all positives or all negatives are of one recording: then parts of recordings were left out, and how good it is on
  /// other recordings is not known.
  bool is_by_recording = true;

  [[nodiscard]] double probability(std::span<const float> x) const {
    return calibration.probability(model.score(x));
  }
};

/// @param x            Shape (n, d): the labelled windows, those of a recording in the order of time.
/// @param is_positive  (n,), 0 or 1.
/// @param recording    (n,)
/// LABELS_TOO_FEW; CLUSTER_POINTS_IDENTICAL; EMBEDDING_NOT_FINITE; INVALID_ARGUMENT for options.
[[nodiscard]] Result<LearnedProbe> learn_probe(MatrixView x,
                                               std::span<const std::uint8_t> is_positive,
                                               std::span<const std::uint32_t> recording,
                                               const ProbeOptions& options);

}  // namespace baleen::cluster
