#pragma once

/// How good scores are at telling two classes apart, and how sure that is.

#include <cstddef>
#include <cstdint>
#include <span>

namespace baleen::cluster {

/// Mean precision over the positives, highest score first; of equal scores all or none (scikit-learn's
/// average_precision_score). 0 without positives.
/// @param scores       Finite.
/// @param is_positive  0 or 1, one for each score.
[[nodiscard]] double average_precision(std::span<const double> scores,
                                       std::span<const std::uint8_t> is_positive);

/// How often a positive scores higher than a negative, equal scores counted half (roc_auc_score). 0.5 if either is missing.
[[nodiscard]] double roc_auc(std::span<const double> scores,
                             std::span<const std::uint8_t> is_positive);

/// From scores to probabilities: 1 / (1 + exp(-(slope·score + offset))).
struct Calibration {
  double slope = 1, offset = 0;
  [[nodiscard]] double probability(double score) const;
};

/// Platt's method: the sigmoid of greatest likelihood, for targets slightly inside of 0 and 1 (J. Platt, Probabilistic
/// outputs for support vector machines, 1999), by Newton's method as of H.-T. Lin, C.-J. Lin and R. C. Weng (2007). The slope
/// is never negative: where higher scores are not more often right, every probability is the share of positives.
[[nodiscard]] Calibration calibrate(std::span<const double> scores,
                                    std::span<const std::uint8_t> is_positive);

/// What is found above a threshold.
struct Threshold {
  double score = 0;  ///< Found is what scores at least this.
  std::size_t n_found = 0, n_right = 0;
  double precision = 0;     ///< n_right / n_found.
  double recall = 0;        ///< n_right of all positives.
  bool is_reached = false;  ///< Whether the precision is at least the one wanted.
};

/// The lowest score at and above which the precision is at least `wanted`, that is the one which finds most; where there
/// is none, that of the greatest precision (of equal ones the lower). At least one positive.
[[nodiscard]] Threshold choose_threshold(std::span<const double> scores,
                                         std::span<const std::uint8_t> is_positive,
                                         double wanted);

struct Interval {
  double low = 0, high = 1;
};

/// The share of which n_right of n are a sample: 95 % of such intervals hold the true one, at least (C. J. Clopper and E.
/// S. Pearson, Biometrika 26, 1934). {0, 1} if n is 0.
[[nodiscard]] Interval clopper_pearson(std::size_t n_right, std::size_t n);

}  // namespace baleen::cluster
