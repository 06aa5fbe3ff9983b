#include "cluster/linear_probe.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "cluster/distance.h"

namespace baleen::cluster {
namespace {

using Flags = std::span<const std::uint8_t>;

/// Columns of mean 0 and standard deviation 1; constant ones are 0.
struct Standardized {
  Matrix x;
  std::vector<double> mean, scale;  ///< scale: 1 / deviation, or 0.
};

Standardized standardize(MatrixView x) {
  const std::size_t n = x.n_rows(), d = x.n_columns();
  Standardized result{Matrix(n, d), std::vector<double>(d), std::vector<double>(d)};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) result.mean[j] += static_cast<double>(x.row(i)[j]);
  }
  for (double& mean : result.mean) mean /= static_cast<double>(n);
  std::vector<double>& squares = result.scale;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      const double away = static_cast<double>(x.row(i)[j]) - result.mean[j];
      squares[j] += away * away;
    }
  }
  for (std::size_t j = 0; j < d; ++j) {
    const double deviation = std::sqrt(squares[j] / static_cast<double>(n));
    // What is left of a constant by rounding is no information.
    const bool is_constant = deviation <= 1e-6 * std::abs(result.mean[j]) || deviation < 1e-30;
    result.scale[j] = is_constant ? 0 : 1 / deviation;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      result.x.row(i)[j] =
          static_cast<float>((static_cast<double>(x.row(i)[j]) - result.mean[j]) * result.scale[j]);
    }
  }
  return result;
}

/// Each class weighs half of all; rows of the fold left out weigh nothing.
std::vector<double> balanced_weights(Flags is_positive,
                                     std::span<const std::size_t> fold,
                                     std::size_t left_out) {
  std::size_t n[2] = {0, 0};
  for (std::size_t i = 0; i < fold.size(); ++i) n[is_positive[i]] += fold[i] != left_out ? 1 : 0;
  std::vector<double> weights(fold.size());
  for (std::size_t i = 0; i < fold.size(); ++i) {
    if (fold[i] == left_out) continue;
    weights[i] = static_cast<double>(n[0] + n[1]) / (2 * static_cast<double>(n[is_positive[i]]));
  }
  return weights;
}

struct Folds {
  std::vector<std::size_t> of_row;
  std::size_t n = 0;
};

/// Whether each fold leaves both classes to learn from.
bool can_learn(const Folds& folds, Flags is_positive) {
  for (std::size_t fold = 0; fold < folds.n; ++fold) {
    bool has[2] = {false, false};
    for (std::size_t i = 0; i < folds.of_row.size(); ++i) {
      if (folds.of_row[i] != fold) has[is_positive[i]] = true;
    }
    if (!has[0] || !has[1]) return false;
  }
  return true;
}

/// Whole recordings, those with most positives first, each to the fold that has the fewest positives; those without any to the
/// fold that has the fewest rows.
Folds folds_by_recording(Flags is_positive,
                         std::span<const std::uint32_t> recording,
                         std::size_t n_folds) {
  struct Group {
    std::size_t n_positive = 0, n = 0;
    std::uint32_t recording = 0;
  };
  std::map<std::uint32_t, Group> by_recording;
  for (std::size_t i = 0; i < recording.size(); ++i) {
    Group& group = by_recording[recording[i]];
    group.recording = recording[i];
    group.n_positive += is_positive[i];
    ++group.n;
  }
  std::vector<Group> groups;
  groups.reserve(by_recording.size());
  for (const auto& [number, group] : by_recording) groups.push_back(group);
  std::ranges::stable_sort(groups, [](const Group& a, const Group& b) {
    return std::pair(a.n_positive, a.n) > std::pair(b.n_positive, b.n);
  });
  const auto n_with = [&](bool positives) {
    return static_cast<std::size_t>(std::ranges::count_if(groups, [&](const Group& group) {
      return positives ? group.n_positive > 0 : group.n > group.n_positive;
    }));
  };
  Folds folds{std::vector<std::size_t>(recording.size()),
              std::min({n_folds, n_with(true), n_with(false)})};
  if (folds.n < 2) return {};
  std::vector<std::pair<std::size_t, std::size_t>> filled(folds.n);
  std::map<std::uint32_t, std::size_t> fold_of;
  for (const Group& group : groups) {
    const bool has_positives = group.n_positive > 0;
    const auto least = std::ranges::min_element(filled, {}, [&](const auto& fold) {
      return has_positives ? fold : std::pair(fold.second, fold.first);
    });
    least->first += group.n_positive;
    least->second += group.n;
    fold_of[group.recording] = static_cast<std::size_t>(least - filled.begin());
  }
  for (std::size_t i = 0; i < recording.size(); ++i) folds.of_row[i] = fold_of[recording[i]];
  return can_learn(folds, is_positive) ? folds : Folds{};
}

/// Each class in parts that follow each other: what lies side by side stays together.
Folds folds_by_part(Flags is_positive, std::size_t n_folds) {
  std::size_t n[2] = {0, 0}, seen[2] = {0, 0};
  for (const std::uint8_t flag : is_positive) ++n[flag];
  Folds folds{std::vector<std::size_t>(is_positive.size()), std::min({n_folds, n[0], n[1]})};
  for (std::size_t i = 0; i < is_positive.size(); ++i) {
    const std::uint8_t flag = is_positive[i];
    folds.of_row[i] = seen[flag]++ * folds.n / n[flag];
  }
  return folds;
}

/// What a threshold finds in recordings that it was not chosen by: each fold's is chosen by the others.
Threshold found_elsewhere(std::span<const double> scores,
                          Flags is_positive,
                          const Folds& folds,
                          double wanted) {
  Threshold sum;
  for (std::size_t fold = 0; fold < folds.n; ++fold) {
    std::vector<double> known;
    std::vector<std::uint8_t> known_positive;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (folds.of_row[i] == fold) continue;
      known.push_back(scores[i]);
      known_positive.push_back(is_positive[i]);
    }
    const double least = choose_threshold(known, known_positive, wanted).score;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (folds.of_row[i] != fold || scores[i] < least) continue;
      ++sum.n_found;
      sum.n_right += is_positive[i];
    }
  }
  const auto ratio = [](std::size_t part, std::size_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  sum.precision = ratio(sum.n_right, sum.n_found);
  sum.recall = ratio(
      sum.n_right, static_cast<std::size_t>(std::count(is_positive.begin(), is_positive.end(), 1)));
  return sum;
}

/// A threshold that just reaches a precision where it was chosen misses it elsewhere: it was chosen because it was lucky. So
/// what is claimed was counted elsewhere, and if that is too little, more is asked for.
Threshold choose_honestly(std::span<const double> scores,
                          Flags is_positive,
                          const Folds& folds,
                          double wanted) {
  constexpr int kSteps = 5;
  Threshold best;
  for (int step = 0; step <= kSteps; ++step) {
    const double asked = wanted + (1 - wanted) * step / kSteps;
    Threshold found = found_elsewhere(scores, is_positive, folds, asked);
    found.score = choose_threshold(scores, is_positive, asked).score;
    found.is_reached = found.precision >= wanted;
    if (step == 0 || found.precision > best.precision) best = found;
    if (best.is_reached) break;
  }
  return best;
}

Result<void> check(MatrixView x, Flags is_positive, const ProbeOptions& options) {
  if (!(options.precision > 0 && options.precision <= 1) || options.n_folds < 2 ||
      !(options.logistic.c > 0)) {
    return fail(ErrorCode::invalid_argument,
                "a precision of {} (above 0, at most 1), {} folds (2 or more), C = {} (above 0)",
                options.precision, options.n_folds, options.logistic.c);
  }
  const auto n_positive =
      static_cast<std::size_t>(std::count(is_positive.begin(), is_positive.end(), 1));
  const std::size_t n_negative = is_positive.size() - n_positive;
  if (n_positive < kProbePositivesMin || n_negative < kProbeNegativesMin) {
    return fail(ErrorCode::labels_too_few,
                "{} windows with the label and {} without: at least {} and {} are needed",
                n_positive, n_negative, kProbePositivesMin, kProbeNegativesMin);
  }
  bool are_equal = true;
  for (std::size_t i = 0; i < x.n_rows(); ++i) {
    if (!all_finite(x.row(i)))
      return fail(ErrorCode::embedding_not_finite, "labelled window {} holds NaN or infinity", i);
    are_equal = are_equal && std::ranges::equal(x.row(i), x.row(0));
  }
  if (are_equal)
    return fail(ErrorCode::cluster_points_identical, "all {} labelled windows are alike",
                x.n_rows());
  return {};
}

}  // namespace

Result<LearnedProbe> learn_probe(MatrixView x,
                                 Flags is_positive,
                                 std::span<const std::uint32_t> recording,
                                 const ProbeOptions& options) {
  BALEEN_CHECK(is_positive.size() == x.n_rows() && recording.size() == x.n_rows());
  BALEEN_RETURN_IF_ERROR(check(x, is_positive, options));
  LearnedProbe learned;
  Folds folds = folds_by_recording(is_positive, recording, options.n_folds);
  learned.is_by_recording = folds.n >= 2;
  if (!learned.is_by_recording) folds = folds_by_part(is_positive, options.n_folds);
  learned.n_folds = folds.n;

  const Standardized data = standardize(x);
  std::vector<double> scores(x.n_rows());
  learned.model.weights.resize(x.n_columns());
  const auto share = 1 / static_cast<double>(folds.n);
  for (std::size_t fold = 0; fold < folds.n; ++fold) {
    const LinearModel model =
        fit_logistic(data.x.view(), is_positive, balanced_weights(is_positive, folds.of_row, fold),
                     options.logistic);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (folds.of_row[i] == fold) scores[i] = model.score(data.x.row(i));
    }
    learned.model.offset += share * model.offset;
    for (std::size_t j = 0; j < x.n_columns(); ++j)
      learned.model.weights[j] += static_cast<float>(share) * model.weights[j];
  }
  learned.calibration = calibrate(scores, is_positive);
  for (const double score : scores)
    learned.out_of_fold.push_back(learned.calibration.probability(score));
  learned.average_precision = average_precision(scores, is_positive);
  learned.roc_auc = roc_auc(scores, is_positive);
  learned.threshold = choose_honestly(learned.out_of_fold, is_positive, folds, options.precision);
  learned.precision_95 = clopper_pearson(learned.threshold.n_right, learned.threshold.n_found);

  for (std::size_t j = 0; j < x.n_columns(); ++j) {
    const double weight = static_cast<double>(learned.model.weights[j]) * data.scale[j];
    learned.model.weights[j] = static_cast<float>(weight);
    learned.model.offset -= static_cast<double>(learned.model.weights[j]) * data.mean[j];
  }
  return learned;
}

}  // namespace baleen::cluster
