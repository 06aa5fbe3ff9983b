#include "recipes/ssis/ina_label_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace baleen::ssis {
namespace {

const float kUnknownLogProb = std::log(0.5F);  // INA's value for patches that are not finite.
constexpr double kStrideOfMargin = 32.0;       // The gap for which `margin` is given.

std::size_t argmax(const std::array<double, kInaLabels>& values) {
  return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

// How far the odds between labels move from a to b, in nats.
double odds_change(const InaLogProbs& a, const InaLogProbs& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < kInaLabels; ++i) {
    const std::size_t j = (i + 1) % kInaLabels;
    const double change = (double{a[i]} - a[j]) - (double{b[i]} - b[j]);
    largest = std::max(largest, std::abs(change));
  }
  return largest;
}

void append_run(std::vector<InaLabelRun>& runs, std::size_t label, double prob) {
  if (runs.empty() || runs.back().label != label) runs.push_back({label, 0, 0.0});
  ++runs.back().n_patches;
  runs.back().prob_sum += prob;
}

}  // namespace

InaLabelDecoder::InaLabelDecoder(const InaDecoderOptions& options, Evaluate evaluate)
    : options_(options),
      evaluate_(std::move(evaluate)),
      change_cost_(options.change_cost_decades * std::log(10.0)) {
  BALEEN_CHECK(options_.stride >= 1 && options_.window_patches > 2 * options_.stride);
}

void InaLabelDecoder::skip(std::int64_t n_patches) {
  BALEEN_CHECK(log_probs_.empty());
  begin_ += n_patches;
  stretch_begin_ = begin_;
}

Result<void> InaLabelDecoder::push(bool is_usable, std::vector<InaLabelRun>& runs) {
  if (log_probs_.size() == options_.window_patches) BALEEN_RETURN_IF_ERROR(decode(false, runs));
  log_probs_.push_back({kUnknownLogProb, kUnknownLogProb, kUnknownLogProb});
  is_usable_.push_back(is_usable ? 1 : 0);
  is_known_.push_back(is_usable ? 0 : 1);
  ++n_active_;
  return {};
}

Result<void> InaLabelDecoder::finish_stretch(std::vector<InaLabelRun>& runs) {
  if (!log_probs_.empty()) BALEEN_RETURN_IF_ERROR(decode(true, runs));
  entry_label_ = -1;
  stretch_begin_ = begin_;
  return {};
}

Result<void> InaLabelDecoder::evaluate(std::vector<std::size_t> positions) {
  std::erase_if(positions, [&](std::size_t i) { return is_known_[i] != 0; });
  if (positions.empty()) return {};
  std::vector<std::int64_t> patches(positions.size());
  std::vector<InaLogProbs> values(positions.size());
  for (std::size_t k = 0; k < positions.size(); ++k)
    patches[k] = begin_ + static_cast<std::int64_t>(positions[k]);
  BALEEN_RETURN_IF_ERROR(evaluate_(patches, values));
  for (std::size_t k = 0; k < positions.size(); ++k) {
    log_probs_[positions[k]] = values[k];
    is_known_[positions[k]] = 1;
  }
  n_evaluated_ += static_cast<std::int64_t>(positions.size());
  return {};
}

// Every stride-th patch of the stretch, both ends of the window, and the neighbours of unusable patches.
Result<void> InaLabelDecoder::evaluate_grid() {
  std::vector<std::size_t> positions;
  const std::size_t n = log_probs_.size();
  const auto stride = static_cast<std::int64_t>(options_.stride);
  const auto offset = static_cast<std::size_t>((begin_ - stretch_begin_) % stride);
  for (std::size_t i = 0; i < n; ++i) {
    const bool is_edge = i == 0 || i + 1 == n || is_usable_[i - 1] == 0 || is_usable_[i + 1] == 0;
    if (is_edge || (offset + i) % options_.stride == 0) positions.push_back(i);
  }
  return evaluate(std::move(positions));
}

void InaLabelDecoder::interpolate() {
  known_.clear();
  for (std::size_t i = 0; i < is_known_.size(); ++i)
    if (is_known_[i] != 0) known_.push_back(i);
  for (std::size_t k = 1; k < known_.size(); ++k) {
    const std::size_t begin = known_[k - 1];
    const std::size_t end = known_[k];
    for (std::size_t i = begin + 1; i < end; ++i) {
      const float weight = static_cast<float>(i - begin) / static_cast<float>(end - begin);
      for (std::size_t s = 0; s < kInaLabels; ++s) {
        const float first = log_probs_[begin][s];
        log_probs_[i][s] = first + weight * (log_probs_[end][s] - first);
      }
    }
  }
}

// forward_[i][s]: the best path up to and including patch i that ends in s; backward_[i][s]: the best one
// from there on, without i. Their sum is the best path through (i, s).
void InaLabelDecoder::compute_scores() {
  const std::size_t n = log_probs_.size();
  forward_.resize(n);
  backward_.resize(n);
  for (std::size_t s = 0; s < kInaLabels; ++s) {
    const bool is_entry = entry_label_ < 0 || s == static_cast<std::size_t>(entry_label_);
    forward_[0][s] = log_probs_[0][s] - (is_entry ? 0.0 : change_cost_);
    backward_[n - 1][s] = 0.0;
  }
  for (std::size_t i = 1; i < n; ++i) {
    const double change = std::ranges::max(forward_[i - 1]) - change_cost_;
    for (std::size_t s = 0; s < kInaLabels; ++s)
      forward_[i][s] = std::max(forward_[i - 1][s], change) + log_probs_[i][s];
  }
  for (std::size_t i = n - 1; i-- > 0;) {
    Scores onward{};
    for (std::size_t s = 0; s < kInaLabels; ++s)
      onward[s] = backward_[i + 1][s] + log_probs_[i + 1][s];
    const double change = std::ranges::max(onward) - change_cost_;
    for (std::size_t s = 0; s < kInaLabels; ++s) backward_[i][s] = std::max(onward[s], change);
  }
}

// By how much the best path is better than the best one with another label at patch i.
double InaLabelDecoder::margin_at(std::size_t i) const {
  Scores through{};
  for (std::size_t s = 0; s < kInaLabels; ++s) through[s] = forward_[i][s] + backward_[i][s];
  std::ranges::sort(through);
  return through[kInaLabels - 1] - through[kInaLabels - 2];
}

double InaLabelDecoder::urgency_of(std::size_t begin, std::size_t end) const {
  double margin = std::numeric_limits<double>::infinity();
  bool is_change = false;
  std::size_t label = kInaLabels;
  for (std::size_t i = begin; i <= end; ++i) {
    Scores through{};
    for (std::size_t s = 0; s < kInaLabels; ++s) through[s] = forward_[i][s] + backward_[i][s];
    const std::size_t best = argmax(through);
    is_change = is_change || (label != kInaLabels && label != best);
    label = best;
    margin = std::min(margin, margin_at(i));
  }
  const auto gap = static_cast<double>(end - begin);
  if (is_change) return -gap;
  const double hidden =
      options_.margin * gap / kStrideOfMargin *
      (1.0 + options_.steepness * odds_change(log_probs_[begin], log_probs_[end]));
  return margin / hidden;
}

// One round: halves the gaps that matter. False when there is none, or no budget.
Result<bool> InaLabelDecoder::refine() {
  interpolate();
  compute_scores();
  const double budget = options_.refine_patches_free +
                        options_.refine_fraction_max * static_cast<double>(n_active_) -
                        static_cast<double>(n_refined_);
  if (budget < 1.0) return false;
  std::vector<Gap> gaps;
  for (std::size_t k = 1; k < known_.size(); ++k) {
    const Gap gap{known_[k - 1], known_[k], 0.0};
    if (gap.end - gap.begin < 2) continue;
    const double urgency = urgency_of(gap.begin, gap.end);
    if (urgency < 1.0) gaps.push_back({gap.begin, gap.end, urgency});
  }
  if (static_cast<double>(gaps.size()) > budget) {
    std::ranges::stable_sort(gaps, {}, &Gap::urgency);
    gaps.resize(static_cast<std::size_t>(budget));
    std::ranges::sort(gaps, {}, &Gap::begin);
  }
  std::vector<std::size_t> positions;
  positions.reserve(gaps.size());
  for (const Gap& gap : gaps) positions.push_back(gap.begin + (gap.end - gap.begin) / 2);
  n_refined_ += static_cast<std::int64_t>(positions.size());
  const bool is_refined = !positions.empty();
  BALEEN_RETURN_IF_ERROR(evaluate(std::move(positions)));
  return is_refined;
}

// The label at patch i - 1 of the best path that has `label` at patch i.
std::size_t InaLabelDecoder::previous_label(std::size_t i, std::size_t label) const {
  const std::size_t best = argmax(forward_[i - 1]);
  return forward_[i - 1][label] >= forward_[i - 1][best] - change_cost_ ? label : best;
}

// How many patches at the front are decided whatever follows the window: all three survivors go through
// the same labels there.
std::size_t InaLabelDecoder::decided_end() const {
  std::array<std::size_t, kInaLabels> labels{0, 1, 2};
  for (std::size_t i = log_probs_.size(); i-- > 0;) {
    if (labels[0] == labels[1] && labels[1] == labels[2]) return i + 1;
    if (i == 0) break;
    for (std::size_t& label : labels) label = previous_label(i, label);
  }
  return 0;
}

// Takes the first n patches out of the window; the path through them ends in `last_label`.
void InaLabelDecoder::emit(std::size_t n, std::size_t last_label, std::vector<InaLabelRun>& runs) {
  std::vector<std::uint8_t> labels(n);
  std::size_t label = last_label;
  for (std::size_t i = n; i-- > 0;) {
    labels[i] = static_cast<std::uint8_t>(label);
    if (i > 0) label = previous_label(i, label);
  }
  for (std::size_t i = 0; i < n; ++i) {
    append_run(runs, labels[i], std::exp(double{log_probs_[i][labels[i]]}));
  }
  const auto count = static_cast<std::ptrdiff_t>(n);
  log_probs_.erase(log_probs_.begin(), log_probs_.begin() + count);
  is_usable_.erase(is_usable_.begin(), is_usable_.begin() + count);
  is_known_.erase(is_known_.begin(), is_known_.begin() + count);
  begin_ += static_cast<std::int64_t>(n);
  entry_label_ = static_cast<int>(last_label);
}

Result<void> InaLabelDecoder::decode(bool is_end, std::vector<InaLabelRun>& runs) {
  BALEEN_RETURN_IF_ERROR(evaluate_grid());
  while (true) {
    BALEEN_ASSIGN_OR_RETURN(const bool is_refined, refine());
    if (!is_refined) break;
  }
  const std::size_t n = log_probs_.size();
  if (is_end) {
    emit(n, argmax(forward_[n - 1]), runs);
    return {};
  }
  // The window must go on from an evaluated patch, and go on at all: where nothing is certain after a
  // whole window (minutes of audio), its first half is decided by the best path so far.
  const std::size_t decided = decided_end();
  const std::size_t limit = decided > options_.stride ? decided : n / 2;
  const std::size_t end = *(std::ranges::upper_bound(known_, limit - 1) - 1);
  BALEEN_CHECK(end > 0);
  std::size_t label = argmax(forward_[n - 1]);
  for (std::size_t i = n - 1; i >= end; --i) label = previous_label(i, label);
  emit(end, label, runs);
  return {};
}

}  // namespace baleen::ssis
