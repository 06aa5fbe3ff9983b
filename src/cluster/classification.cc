#include "cluster/classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/check.h"

namespace baleen::cluster {
namespace {

/// Highest score first; of equal ones the earlier.
std::vector<std::size_t> by_score(std::span<const double> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// Calls `step(end, n_positive)` after each group of equal scores: of the first `end` so many are positive.
template <typename Step>
void for_each_cut(std::span<const double> scores,
                  std::span<const std::uint8_t> is_positive,
                  const Step& step) {
  BALEEN_CHECK(scores.size() == is_positive.size());
  const std::vector<std::size_t> order = by_score(scores);
  std::size_t n_positive = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    n_positive += is_positive[order[i]];
    if (i + 1 < order.size() && scores[order[i + 1]] == scores[order[i]]) continue;
    step(i + 1, n_positive, scores[order[i]]);
  }
}

std::size_t count(std::span<const std::uint8_t> is_positive) {
  return static_cast<std::size_t>(std::count(is_positive.begin(), is_positive.end(), 1));
}

double ratio(std::size_t part, std::size_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// log(1 + exp(x)), for any x.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

/// The continued fraction of the incomplete beta function, by Lentz's method (NIST DLMF 8.17.22).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kExact = 1e-15;
  constexpr int kStepsMax = 10'000;
  const auto guarded = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / guarded(1 - (a + b) * x / (a + 1)), result = d;
  for (int i = 1; i < kStepsMax; ++i) {
    const double m = i;
    for (const double term : {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                              -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))}) {
      d = 1 / guarded(1 + term * d);
      c = guarded(1 + term / c);
      result *= c * d;
    }
    if (std::abs(c * d - 1) < kExact) break;
  }
  return result;
}

/// The regularized incomplete beta function.
double beta_cdf(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double log_front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  if (x < (a + 1) / (a + b + 2)) return std::exp(log_front) * beta_fraction(a, b, x) / a;
  return 1 - std::exp(log_front) * beta_fraction(b, a, 1 - x) / b;
}

/// Where the beta distribution has this much below; by bisection.
double beta_quantile(double a, double b, double below) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (beta_cdf(a, b, middle) < below ? low : high) = middle;
  }
  return (low + high) / 2;
}

/// The likelihood that Platt's method maximises, negated, and its derivatives.
struct Likelihood {
  double loss = 0;
  double d_slope = 0, d_offset = 0;                      // Gradient.
  double h_slope = 1e-12, h_offset = 1e-12, h_both = 0;  // Hessian, kept invertible.
};

Likelihood likelihood(const Calibration& at,
                      std::span<const double> scores,
                      std::span<const std::uint8_t> is_positive,
                      double positive_target,
                      double negative_target) {
  Likelihood sum;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double target = is_positive[i] != 0 ? positive_target : negative_target;
    const double logit = at.slope * scores[i] + at.offset;
    const double p = at.probability(scores[i]);
    sum.loss += softplus(logit) - target * logit;
    sum.d_slope += scores[i] * (p - target);
    sum.d_offset += p - target;
    const double weight = p * (1 - p);
    sum.h_slope += scores[i] * scores[i] * weight;
    sum.h_offset += weight;
    sum.h_both += scores[i] * weight;
  }
  return sum;
}

}  // namespace

double average_precision(std::span<const double> scores,
                         std::span<const std::uint8_t> is_positive) {
  const std::size_t n_positive = count(is_positive);
  if (n_positive == 0) return 0;
  double sum = 0;
  std::size_t before = 0;
  for_each_cut(scores, is_positive, [&](std::size_t end, std::size_t n_right, double) {
    sum += static_cast<double>(n_right - before) * ratio(n_right, end);
    before = n_right;
  });
  return sum / static_cast<double>(n_positive);
}

double roc_auc(std::span<const double> scores, std::span<const std::uint8_t> is_positive) {
  const std::size_t n_positive = count(is_positive);
  const std::size_t n_negative = is_positive.size() - n_positive;
  if (n_positive == 0 || n_negative == 0) return 0.5;
  double area = 0;  // Of pairs.
  std::size_t right_before = 0, wrong_before = 0;
  for_each_cut(scores, is_positive, [&](std::size_t end, std::size_t n_right, double) {
    const std::size_t n_wrong = end - n_right;
    area += static_cast<double>(n_wrong - wrong_before) *
            (static_cast<double>(right_before + n_right) / 2);
    right_before = n_right;
    wrong_before = n_wrong;
  });
  return area / (static_cast<double>(n_positive) * static_cast<double>(n_negative));
}

double Calibration::probability(double score) const {
  const double logit = slope * score + offset;
  return logit >= 0 ? 1 / (1 + std::exp(-logit)) : std::exp(logit) / (1 + std::exp(logit));
}

Calibration calibrate(std::span<const double> scores, std::span<const std::uint8_t> is_positive) {
  const auto n_positive = static_cast<double>(count(is_positive));
  const double n_negative = static_cast<double>(scores.size()) - n_positive;
  const double positive_target = (n_positive + 1) / (n_positive + 2);
  const double negative_target = 1 / (n_negative + 2);
  const auto look = [&](const Calibration& at) {
    return likelihood(at, scores, is_positive, positive_target, negative_target);
  };
  const double prior = std::log((n_positive + 1) / (n_negative + 1));
  Calibration at{0, prior};
  Likelihood here = look(at);
  for (int step = 0; step < 100; ++step) {
    if (std::abs(here.d_slope) < 1e-9 && std::abs(here.d_offset) < 1e-9) break;
    const double determinant = here.h_slope * here.h_offset - here.h_both * here.h_both;
    if (!(determinant > 0)) break;  // All scores are equal.
    const double slope =
        -(here.h_offset * here.d_slope - here.h_both * here.d_offset) / determinant;
    const double offset =
        -(here.h_slope * here.d_offset - here.h_both * here.d_slope) / determinant;
    const double descent = here.d_slope * slope + here.d_offset * offset;
    constexpr int kHalvingsMax = 33;
    double length = 1;
    int n_halvings = 0;
    Calibration next;
    Likelihood there;
    for (; n_halvings < kHalvingsMax; ++n_halvings, length /= 2) {
      next = {at.slope + length * slope, at.offset + length * offset};
      there = look(next);
      if (there.loss <= here.loss + 1e-4 * length * descent) break;
    }
    if (n_halvings == kHalvingsMax) break;
    at = next;
    here = there;
  }
  return at.slope >= 0 ? at : Calibration{0, prior};
}

Threshold choose_threshold(std::span<const double> scores,
                           std::span<const std::uint8_t> is_positive,
                           double wanted) {
  const std::size_t n_positive = count(is_positive);
  BALEEN_CHECK(n_positive > 0);
  Threshold best;
  for_each_cut(scores, is_positive, [&](std::size_t end, std::size_t n_right, double score) {
    const double precision = ratio(n_right, end);
    const bool is_reached = precision >= wanted && n_right > 0;
    if (best.n_found != 0 && !is_reached && (best.is_reached || precision < best.precision)) return;
    best = {score, end, n_right, precision, ratio(n_right, n_positive), is_reached};
  });
  return best;
}

Interval clopper_pearson(std::size_t n_right, std::size_t n) {
  constexpr double kOutside = 0.025;  // On each side.
  if (n == 0) return {};
  const auto right = static_cast<double>(n_right);
  const auto wrong = static_cast<double>(n - n_right);
  return {n_right == 0 ? 0 : beta_quantile(right, wrong + 1, kOutside),
          n_right == n ? 1 : beta_quantile(right + 1, wrong, 1 - kOutside)};
}

}  // namespace baleen::cluster
