#include "recipes/ssis/ina_activity.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace baleen::ssis {
namespace {

// The constants of inaSpeechSegmenter.
const double kEnergyRatio = std::log(0.03);
const double kAgree = std::log(1.0 - 1e-10);
const double kDisagree = std::log(1e-10);
const double kChange = -150.0 * std::log(10.0);
constexpr double kStayQuiet = -5.0;
constexpr double kStayActive = 0.0;
constexpr double kPreEmphasis = 0.97;

}  // namespace

void InaActivity::push(std::span<const float> log_energy, std::vector<std::uint8_t>& active) {
  for (const float value : log_energy) push_frame(value > threshold_, active);
}

void InaActivity::push_frame(bool is_loud, std::vector<std::uint8_t>& active) {
  const std::array<double, 2> emission{is_loud ? kDisagree : kAgree, is_loud ? kAgree : kDisagree};
  if (is_first_) {
    is_first_ = false;
    score_ = emission;
    return;
  }
  // On a tie the quiet path wins.
  const bool quiet_from_active = score_[1] + kChange > score_[0] + kStayQuiet;
  const bool active_from_active = score_[1] + kStayActive > score_[0] + kChange;
  const double quiet = quiet_from_active ? score_[1] + kChange : score_[0] + kStayQuiet;
  const double loud = active_from_active ? score_[1] + kStayActive : score_[0] + kChange;
  // Only differences matter: keeping the larger score at 0 keeps a day of them exact.
  const double largest = std::max(quiet + emission[0], loud + emission[1]);
  score_ = {quiet + emission[0] - largest, loud + emission[1] - largest};
  came_from_.push_back(
      static_cast<std::uint8_t>((quiet_from_active ? 1 : 0) | (active_from_active ? 2 : 0)));
  if (quiet_from_active == active_from_active) {
    decide(quiet_from_active ? 1 : 0, came_from_.size(), active);
  } else if (came_from_.size() >= kPendingFramesMax) {
    const std::uint8_t state = score_[1] > score_[0] ? 1 : 0;
    const std::uint8_t before = came_from_.back() >> state & 1U;
    decide(before, came_from_.size(), active);
    score_[1 - state] = -std::numeric_limits<double>::infinity();
  }
}

// Traces back from `last_state` of the last of the n undecided frames.
void InaActivity::decide(std::uint8_t last_state,
                         std::size_t n_frames,
                         std::vector<std::uint8_t>& active) {
  const std::size_t begin = active.size();
  active.resize(begin + n_frames);
  std::uint8_t state = last_state;
  for (std::size_t i = n_frames; i-- > 0;) {
    active[begin + i] = state;
    if (i > 0) state = came_from_[i - 1] >> state & 1U;
  }
  came_from_.clear();
}

void InaActivity::finish(std::vector<std::uint8_t>& active) {
  if (is_first_) return;
  decide(score_[1] > score_[0] ? 1 : 0, came_from_.size() + 1, active);
}

void InaLoudness::push(std::span<const float> samples) {
  while (!samples.empty()) {
    const std::size_t n = std::min(samples.size(), kBlockSamples - filled_);
    std::copy_n(samples.data(), n, samples_.data() + filled_);
    filled_ += n;
    samples = samples.subspan(n);
    if (filled_ == kBlockSamples) push_block();
  }
}

void InaLoudness::push_block() {
  filled_ = 0;
  std::move(blocks_.begin() + 1, blocks_.end(), blocks_.begin());
  Block& block = blocks_.back();
  block.first = samples_[0];
  const double first = samples_[0] - kPreEmphasis * previous_;
  block.first_energy = first * first;
  std::array<double, 4> sums{};  // Four chains of additions, so that they overlap.
  for (std::size_t i = 1; i < kBlockSamples; ++i) {
    const double value = samples_[i] - kPreEmphasis * samples_[i - 1];
    sums[i % 4] += value * value;
  }
  block.other_energy = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  previous_ = samples_.back();
  ++n_blocks_;
  if (n_blocks_ >= 5 && n_blocks_ % 2 == 1) push_frame();
}

// The frame made of the five blocks; its first sample counts as its own predecessor.
void InaLoudness::push_frame() {
  const double first = blocks_[0].first * (1.0 - kPreEmphasis);
  double energy = first * first + blocks_[0].other_energy;
  for (std::size_t i = 1; i < kFrameBlocks; ++i)
    energy += blocks_[i].first_energy + blocks_[i].other_energy;
  ++n_frames_;
  const double log_energy = std::log(energy);
  if (!std::isfinite(log_energy)) return;
  ++n_finite_;
  sum_ += log_energy;
}

double InaLoudness::threshold() const {
  if (n_finite_ == 0) return std::numeric_limits<double>::quiet_NaN();
  return sum_ / static_cast<double>(n_finite_) + kEnergyRatio;
}

}  // namespace baleen::ssis
