#include "recipes/ssis/builtin_segmenter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "ml/builtin_smn.h"

namespace baleen::ssis {
namespace {

static_assert(ml::BuiltinSmn::kFeatureCount == dsp::kClipFeatureCount);
static_assert(static_cast<std::size_t>(SmnLabel::speech) == ml::BuiltinSmn::kSpeech);
static_assert(static_cast<std::size_t>(SmnLabel::music) == ml::BuiltinSmn::kMusic);
static_assert(static_cast<std::size_t>(SmnLabel::noise) == ml::BuiltinSmn::kNoise);

constexpr double kSampleRate = 22050.0;
constexpr double kRowSeconds = 220.0 / kSampleRate;
constexpr std::size_t kRowsPerLevel = 2;
constexpr std::size_t kLevelsPerBlock = dsp::kClipBlockRows / kRowsPerLevel;
constexpr float kLevelOffsetDb = 140;
constexpr std::size_t kLabels = 3;

/// Whole decibels in a byte; -140 dBFS and below are 0.
std::uint8_t packed_level(float dbfs) {
  return static_cast<std::uint8_t>(std::clamp(dbfs + kLevelOffsetDb, 0.0F, 255.0F));
}

}  // namespace

void BuiltinSegmenter::push(std::span<const float> rows) {
  features_.push(rows, windows_);
  take_windows();
}

void BuiltinSegmenter::take_windows() {
  static_assert(dsp::kClipBlockRows % kRowsPerLevel == 0);
  for (const dsp::ClipFeatureWindow& window : windows_) {
    probabilities_.push_back(ml::BuiltinSmn::instance().classify(window.values));
    const auto n_rows = static_cast<std::size_t>(window.block_end_row - window.block_begin_row);
    for (std::size_t r = 0; r < n_rows; r += kRowsPerLevel) {
      const float next = r + 1 < n_rows ? window.row_level_dbfs[r + 1] : -kLevelOffsetDb;
      levels_.push_back(packed_level(std::max(window.row_level_dbfs[r], next)));
    }
  }
  windows_.clear();
}

/// For every pair of rows, whether something sounds there or near by.
std::vector<bool> BuiltinSegmenter::sounding_rows() const {
  const auto absolute = static_cast<float>(packed_level(options_.silence_dbfs));
  double total = 0;
  double n_audible = 0;
  for (const std::uint8_t level : levels_) {
    if (static_cast<float>(level) > absolute) {
      total += level;
      ++n_audible;
    }
  }
  const double mean = n_audible > 0 ? total / n_audible : 0.0;
  const double threshold =
      std::max(static_cast<double>(absolute), mean - options_.silence_below_mean_db);
  const auto hangover = static_cast<std::ptrdiff_t>(
      std::lround(options_.hangover_s / (kRowSeconds * static_cast<double>(kRowsPerLevel))));
  std::vector<bool> sounding(levels_.size(), false);
  std::ptrdiff_t filled = 0;  // Everything before is decided.
  for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(levels_.size()); ++i) {
    if (static_cast<double>(levels_[static_cast<std::size_t>(i)]) <= threshold) continue;
    const std::ptrdiff_t begin = std::max(filled, i - hangover);
    const std::ptrdiff_t end =
        std::min(static_cast<std::ptrdiff_t>(levels_.size()), i + hangover + 1);
    if (begin < end) std::fill(sounding.begin() + begin, sounding.begin() + end, true);
    filled = std::max(filled, end);
  }
  return sounding;
}

/// The label of every block: the likeliest sequence, where each change costs. Silent blocks have no say.
std::vector<std::uint8_t> BuiltinSegmenter::best_labels(const std::vector<bool>& sounding) const {
  std::vector<std::array<std::uint8_t, kLabels>> came_from(probabilities_.size());
  std::array<double, kLabels> score{};
  for (std::size_t b = 0; b < probabilities_.size(); ++b) {
    const std::size_t first = b * kLevelsPerBlock;
    const std::size_t last = std::min(sounding.size(), first + kLevelsPerBlock);
    const bool silent = std::none_of(sounding.begin() + static_cast<std::ptrdiff_t>(first),
                                     sounding.begin() + static_cast<std::ptrdiff_t>(last),
                                     [](bool is_sounding) { return is_sounding; });
    std::array<double, kLabels> next{};
    for (std::size_t label = 0; label < kLabels; ++label) {
      std::size_t best = label;
      for (std::size_t from = 0; from < kLabels; ++from) {
        if (score[from] - options_.change_cost >
            score[best] - (best == label ? 0.0F : options_.change_cost)) {
          best = from;
        }
      }
      came_from[b][label] = static_cast<std::uint8_t>(best);
      next[label] = score[best] - (best == label ? 0.0F : options_.change_cost);
      if (!silent) next[label] += std::log(static_cast<double>(probabilities_[b][label]) + 0.02);
    }
    score = next;
  }
  std::vector<std::uint8_t> labels(probabilities_.size());
  auto label =
      static_cast<std::uint8_t>(std::max_element(score.begin(), score.end()) - score.begin());
  for (std::size_t b = probabilities_.size(); b-- > 0;) {
    labels[b] = label;
    label = came_from[b][label];
  }
  return labels;
}

std::vector<SmnSegment> BuiltinSegmenter::finish(std::int64_t n_samples) {
  features_.finish(windows_);
  take_windows();
  const std::vector<bool> sounding = sounding_rows();
  levels_ = {};  // A day's are 4 MB, and are not needed any more.
  const std::vector<std::uint8_t> labels = best_labels(sounding);
  const double end_s = static_cast<double>(n_samples) / kSampleRate;

  std::vector<SmnSegment> segments;
  double probability = 0;
  double n = 0;
  const auto close = [&](double at_s) {
    if (segments.empty()) return;
    segments.back().end_s = at_s;
    segments.back().mean_prob = n > 0 ? static_cast<float>(probability / n) : 1.0F;
  };
  for (std::size_t i = 0; i < sounding.size(); ++i) {
    const double at_s = static_cast<double>(i * kRowsPerLevel) * kRowSeconds;
    if (at_s >= end_s) break;
    const std::size_t block = std::min(i / kLevelsPerBlock, labels.size() - 1);
    const SmnLabel label = sounding[i] ? static_cast<SmnLabel>(labels[block]) : SmnLabel::no_energy;
    if (segments.empty() || segments.back().label != label) {
      close(at_s);
      segments.push_back({at_s, end_s, label, 1.0F});
      probability = 0;
      n = 0;
    }
    if (label != SmnLabel::no_energy) {
      probability += static_cast<double>(probabilities_[block][labels[block]]);
      ++n;
    }
  }
  close(end_s);
  if (segments.empty() && n_samples > 0) segments.push_back({0, end_s, SmnLabel::no_energy, 1.0F});
  *this = BuiltinSegmenter(options_);
  return segments;
}

}  // namespace baleen::ssis
