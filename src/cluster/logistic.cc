// Logistic regression by L-BFGS, for linear_probe.h.

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <utility>

#include "cluster/distance.h"
#include "cluster/linear_probe.h"

namespace baleen::cluster {
namespace {

using Vector = std::vector<double>;

constexpr std::size_t kRemembered = 10;  // Steps.

double inner(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

Matrix transposed(MatrixView x) {
  Matrix t(x.n_columns(), x.n_rows());
  constexpr std::size_t kTile = 32;
  for (std::size_t begin = 0; begin < x.n_rows(); begin += kTile) {
    const std::size_t end = std::min(begin + kTile, x.n_rows());
    for (std::size_t j = 0; j < x.n_columns(); ++j) {
      for (std::size_t i = begin; i < end; ++i) t.row(j)[i] = x.row(i)[j];
    }
  }
  return t;
}

/// (Σ weight·log-loss + |w|²/2C) / Σ weight of w (d values) and the offset behind them.
class Loss {
 public:
  Loss(MatrixView x,
       std::span<const std::uint8_t> is_positive,
       std::span<const double> weights,
       double c)
      : x_(x),
        columns_(transposed(x)),
        is_positive_(is_positive),
        weights_(weights),
        total_(std::accumulate(weights.begin(), weights.end(), 0.0)),
        penalty_(1 / (c * total_)),
        w_(x.n_columns()),
        residual_(x.n_rows()) {}

  double at(const Vector& parameters, Vector& gradient) {
    const std::size_t d = w_.size();
    std::transform(parameters.begin(), parameters.end() - 1, w_.begin(),
                   [](double value) { return static_cast<float>(value); });
    double loss = 0, d_offset = 0;
    for (std::size_t i = 0; i < residual_.size(); ++i) {
      residual_[i] = 0;
      if (weights_[i] == 0) continue;
      const double logit = static_cast<double>(dot(x_.row(i), w_)) + parameters[d];
      const double away = is_positive_[i] != 0 ? -logit : logit;  // log(1 + exp(away))
      const double decay = std::exp(-std::abs(away));
      const double weight = weights_[i] / total_;
      loss += weight * (std::max(away, 0.0) + std::log1p(decay));
      const double p = away >= 0 ? 1 / (1 + decay) : decay / (1 + decay);
      const double residual = weight * (is_positive_[i] != 0 ? -p : p);
      d_offset += residual;
      residual_[i] = static_cast<float>(residual);
    }
    gradient.resize(d + 1);
    double squared = 0;
    for (std::size_t j = 0; j < d; ++j) {
      gradient[j] = static_cast<double>(dot(columns_.row(j), residual_)) + penalty_ * parameters[j];
      squared += parameters[j] * parameters[j];
    }
    gradient[d] = d_offset;
    return loss + penalty_ * squared / 2;
  }

 private:
  MatrixView x_;
  Matrix columns_;
  std::span<const std::uint8_t> is_positive_;
  std::span<const double> weights_;
  double total_, penalty_;
  std::vector<float> w_, residual_;
};

/// A step and how the gradient changed on it.
struct Step {
  Vector s, y;
  double sy = 0;
};

/// The direction of descent: the gradient through the inverse Hessian that the last steps suggest.
Vector direction(const Vector& gradient, const std::deque<Step>& steps) {
  Vector q = gradient;
  std::vector<double> alphas(steps.size());
  const auto add = [](Vector& to, const Vector& what, double factor) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * what[i];
  };
  for (std::size_t i = steps.size(); i-- > 0;) {
    alphas[i] = inner(steps[i].s, q) / steps[i].sy;
    add(q, steps[i].y, -alphas[i]);
  }
  if (!steps.empty()) {
    const double scale = steps.back().sy / inner(steps.back().y, steps.back().y);
    for (double& value : q) value *= scale;
  }
  for (std::size_t i = 0; i < steps.size(); ++i)
    add(q, steps[i].s, alphas[i] - inner(steps[i].y, q) / steps[i].sy);
  for (double& value : q) value = -value;
  return q;
}

double greatest(const Vector& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

}  // namespace

double LinearModel::score(std::span<const float> x) const {
  return static_cast<double>(dot(weights, x)) + offset;
}

LinearModel fit_logistic(MatrixView x,
                         std::span<const std::uint8_t> is_positive,
                         std::span<const double> weights,
                         const LogisticOptions& options) {
  BALEEN_CHECK(is_positive.size() == x.n_rows() && weights.size() == x.n_rows());
  Loss loss(x, is_positive, weights, options.c);
  Vector at(x.n_columns() + 1, 0.0), gradient, next, next_gradient;
  double value = loss.at(at, gradient);
  std::deque<Step> steps;
  for (int i = 0; i < options.iterations_max && greatest(gradient) > options.tolerance; ++i) {
    const Vector way = direction(gradient, steps);
    const double descent = inner(way, gradient);
    double length = steps.empty() ? std::min(1.0, 1 / std::sqrt(inner(gradient, gradient))) : 1;
    bool is_lower = false;
    double next_value = value;
    for (int tries = 0; tries < 40 && !is_lower; ++tries, length /= 2) {
      next = at;
      for (std::size_t j = 0; j < at.size(); ++j) next[j] += length * way[j];
      next_value = loss.at(next, next_gradient);
      // Near the end the value changes less than single precision can tell, and its slope still says where to go.
      is_lower = next_value <= value + 1e-4 * length * descent ||
                 (next_value <= value + 1e-6 * std::abs(value) &&
                  greatest(next_gradient) < 0.9 * greatest(gradient));
    }
    if (!is_lower) break;  // As low as single precision can tell.
    Step step{next, next_gradient};
    for (std::size_t j = 0; j < at.size(); ++j) {
      step.s[j] -= at[j];
      step.y[j] -= gradient[j];
    }
    step.sy = inner(step.s, step.y);
    if (step.sy > 1e-12 * inner(step.y, step.y)) {
      steps.push_back(std::move(step));
      if (steps.size() > kRemembered) steps.pop_front();
    }
    std::swap(at, next);
    std::swap(gradient, next_gradient);
    value = next_value;
  }
  LinearModel model{std::vector<float>(x.n_columns()), at.back()};
  std::transform(at.begin(), at.end() - 1, model.weights.begin(),
                 [](double weight) { return static_cast<float>(weight); });
  return model;
}

}  // namespace baleen::cluster
