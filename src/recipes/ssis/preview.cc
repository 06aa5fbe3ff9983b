#include "recipes/ssis/preview.h"

#include <algorithm>
#include <cmath>

namespace baleen::ssis {
namespace {

constexpr std::string_view kSchemaId = "preview_candidate.v1";
// Where a part of the score is one half; see docs/formats/preview.md for how they were set.
constexpr double kEnergyVarianceHalf = 0.25;
constexpr double kEmbeddingVarianceHalf = 0.15;
constexpr std::int64_t kBlockRows = 64;  // A chunk of the feature pack.

/// Maps [0, ∞) to [0, 1) with ½ at `half`.
double saturate(double value, double half) { return value / (value + half); }

double round6(double value) { return std::round(value * 1e6) / 1e6; }

struct Window {
  Millis start = 0;
  Millis end = 0;
  double energy_score = 0.0;
  double embedding_score = 0.0;
  double score = 0.0;
};

/// How much of any stretch has a label, by sums over the segments.
class LabelTime {
 public:
  LabelTime(std::span<const Segment> segments, SegmentLabel label)
      : segments_(segments), label_(label), before_(segments.size() + 1, 0) {
    for (std::size_t i = 0; i < segments.size(); ++i)
      before_[i + 1] = before_[i] + (segments[i].label == label ? segments[i].duration() : 0);
  }
  [[nodiscard]] double fraction(Millis start, Millis end) const {
    if (end <= start) return 0.0;
    return static_cast<double>(until(end) - until(start)) / static_cast<double>(end - start);
  }

 private:
  [[nodiscard]] Millis until(Millis time) const {
    const auto next = std::upper_bound(segments_.begin(), segments_.end(), time,
                                       [](Millis t, const Segment& s) { return t < s.end; });
    const auto i = static_cast<std::size_t>(next - segments_.begin());
    const bool is_inside = next != segments_.end() && next->label == label_;
    return before_[i] + (is_inside ? std::max<Millis>(0, time - next->start) : 0);
  }
  std::span<const Segment> segments_;
  SegmentLabel label_;
  std::vector<Millis> before_;
};

/// The strongest candidate of each part of the recording, so that few are spread over all of it.
class CandidateSlots {
 public:
  CandidateSlots(Millis duration, std::int64_t n_slots)
      : duration_(duration), slots_(static_cast<std::size_t>(std::max<std::int64_t>(1, n_slots))) {}

  void offer(Millis start, Millis strength) {
    const auto n = static_cast<std::int64_t>(slots_.size());
    Slot& slot = slots_[static_cast<std::size_t>(start * n / duration_)];
    const bool is_better =
        strength > slot.strength || (strength == slot.strength && start < slot.start);
    if (slot.strength < 0 || is_better) slot = {start, strength};
  }
  [[nodiscard]] std::vector<Millis> starts() const {
    std::vector<Millis> starts;
    for (const Slot& slot : slots_)
      if (slot.strength >= 0) starts.push_back(slot.start);
    return starts;  // Slots are in order of time.
  }

 private:
  struct Slot {
    Millis start = 0;
    Millis strength = -1;
  };
  Millis duration_;
  std::vector<Slot> slots_;
};

std::vector<Window> find_candidates(const PreviewInput& input, const PreviewOptions& options) {
  const auto shortest = static_cast<Millis>(
      std::ceil(options.min_window_fraction * static_cast<double>(options.window)));
  const LabelTime silence(input.segments, SegmentLabel::silence);
  const LabelTime speech(input.segments, SegmentLabel::speech);
  const auto end_of = [&](Millis start) {
    return std::min(start + options.window, input.duration);
  };
  const auto is_eligible = [&](Millis start) {
    return start < input.duration && end_of(start) - start >= shortest &&
           silence.fraction(start, end_of(start)) <= options.silence_max;
  };

  CandidateSlots slots(input.duration, options.candidates_max);
  for (const Pause& pause : input.energy->pauses(options.pause_min)) {
    const Millis start = pause.end * PreviewEnergy::kStep;
    if (is_eligible(start)) slots.offer(start, (pause.end - pause.begin) * PreviewEnergy::kStep);
  }
  for (const Segment& segment : input.segments) {
    const bool is_among_speech =
        segment.label != SegmentLabel::silence &&
        speech.fraction(segment.start, end_of(segment.start)) >= options.speech_heavy_min;
    // As strong as a pause of the whole recording: a change of what is heard is the better boundary.
    if (is_among_speech && is_eligible(segment.start)) slots.offer(segment.start, input.duration);
  }
  std::vector<Window> windows;
  for (const Millis start : slots.starts())
    windows.push_back({.start = start, .end = end_of(start)});
  return windows;
}

Window intro_window(const PreviewInput& input, const PreviewOptions& options) {
  Millis start = 0;
  for (const Segment& segment : input.segments)
    if (segment.label != SegmentLabel::silence) {
      start = segment.start;
      break;
    }
  return {.start = start, .end = std::min(start + options.window, input.duration)};
}

/// Sums over rows of embeddings from the first row on.
struct RowSums {
  std::vector<double> sum;   // Per dimension.
  double square_norm = 0.0;  // Σ‖x‖².
};

/// Σ_d var_d / mean‖x‖² = 1 − ‖mean‖² / mean‖x‖²: 0 if all rows are equal, near 1 if they cancel out.
double relative_variance(const RowSums& at_start, const RowSums& at_end, std::int64_t n_rows) {
  double norm_of_sum = 0.0;
  for (std::size_t d = 0; d < at_end.sum.size(); ++d) {
    const double sum = at_end.sum[d] - at_start.sum[d];
    norm_of_sum += sum * sum;
  }
  const double square_norm = at_end.square_norm - at_start.square_norm;
  if (!(square_norm > 0.0)) return 0.0;
  const double n = static_cast<double>(n_rows);
  return std::clamp(1.0 - norm_of_sum / (n * square_norm), 0.0, 1.0);
}

/// Scores windows by their embeddings in one pass over the rows that any of them needs.
class EmbeddingScorer {
 public:
  EmbeddingScorer(const PreviewInput& input, const std::vector<Window*>& windows) : input_(input) {
    for (Window* window : windows) {
      const std::int64_t first = row_at_or_after(window->start);
      const std::int64_t end = std::min(row_at_or_after(window->end), input.n_embeddings);
      if (end - first >= 2) jobs_.push_back({window, first, end, {}});
    }
    std::stable_sort(jobs_.begin(), jobs_.end(),
                     [](const Job& a, const Job& b) { return a.first_row < b.first_row; });
    sums_.sum.resize(static_cast<std::size_t>(input.n_dims), 0.0);
  }

  Result<void> run() {
    std::size_t next = 0;
    for (std::int64_t row = 0; next < jobs_.size() || !active_.empty();) {
      if (active_.empty()) row = std::max(row, jobs_[next].first_row);  // Skip what nobody needs.
      const std::int64_t block_end =
          std::min((row / kBlockRows + 1) * kBlockRows, input_.n_embeddings);
      BALEEN_RETURN_IF_ERROR(read_block(row, block_end));
      for (; row < block_end; ++row) {
        for (; next < jobs_.size() && jobs_[next].first_row == row; ++next) {
          jobs_[next].at_start = sums_;
          active_.push_back(&jobs_[next]);
        }
        add_row(static_cast<std::size_t>(row - block_first_));
        finish_jobs(row + 1);
      }
    }
    return {};
  }

 private:
  struct Job {
    Window* window;
    std::int64_t first_row;
    std::int64_t end_row;
    RowSums at_start;
  };

  [[nodiscard]] std::int64_t row_at_or_after(Millis time) const {
    // The small term keeps times that lie on a row from rounding past it.
    return static_cast<std::int64_t>(std::ceil(to_seconds(time) / input_.embedding_hop_s - 1e-6));
  }

  Result<void> read_block(std::int64_t first, std::int64_t end) {
    const auto n_values = static_cast<std::size_t>((end - first) * input_.n_dims);
    rows_.resize(n_values);
    block_first_ = first;
    return input_.read_embeddings(first, end - first, rows_);
  }

  void add_row(std::size_t row) {
    const std::size_t n_dims = sums_.sum.size();
    const float* x = rows_.data() + row * n_dims;
    double square_norm = 0.0;
    for (std::size_t d = 0; d < n_dims; ++d) {
      const double value = x[d];
      sums_.sum[d] += value;
      square_norm += value * value;
    }
    sums_.square_norm += square_norm;
  }

  void finish_jobs(std::int64_t end_row) {
    std::erase_if(active_, [&](Job* job) {
      if (job->end_row != end_row) return false;
      const double variance =
          relative_variance(job->at_start, sums_, job->end_row - job->first_row);
      job->window->embedding_score = saturate(variance, kEmbeddingVarianceHalf);
      job->at_start = {};
      return true;
    });
  }

  const PreviewInput& input_;
  std::vector<Job> jobs_;  // Sorted by first_row; never resized once active_ points into it.
  std::vector<Job*> active_;
  RowSums sums_;
  std::vector<float> rows_;
  std::int64_t block_first_ = 0;
};

Result<void> score(const PreviewInput& input,
                   const PreviewOptions& options,
                   const std::vector<Window*>& windows) {
  BALEEN_RETURN_IF_ERROR(EmbeddingScorer(input, windows).run());
  for (Window* window : windows) {
    const double variance = input.energy->relative_variance(window->start / PreviewEnergy::kStep,
                                                            window->end / PreviewEnergy::kStep);
    window->energy_score = round6(saturate(variance, kEnergyVarianceHalf));
    window->embedding_score = round6(window->embedding_score);
    window->score = round6(std::clamp(options.energy_weight * window->energy_score +
                                          options.embedding_weight * window->embedding_score,
                                      0.0, 1.0));
  }
  return {};
}

PreviewChoice as_choice(const Window& window, PreviewMode mode) {
  PreviewChoice choice;
  choice.mode = mode;
  choice.start = window.start;
  choice.end = window.end;
  choice.score = window.score;
  choice.energy_score = window.energy_score;
  choice.embedding_score = window.embedding_score;
  return choice;
}

}  // namespace

Result<PreviewChoice> choose_preview(const PreviewInput& input, const PreviewOptions& options) {
  if (input.duration <= 0)
    return fail(ErrorCode::invalid_argument, "preview of an empty recording");
  std::vector<Window> candidates = find_candidates(input, options);
  Window intro = intro_window(input, options);
  std::vector<Window*> windows = {&intro};
  for (Window& candidate : candidates) windows.push_back(&candidate);
  BALEEN_RETURN_IF_ERROR(score(input, options, windows));

  const auto best = std::max_element(  // The earliest of equals.
      candidates.begin(), candidates.end(),
      [](const Window& a, const Window& b) { return a.score < b.score; });
  const bool has_candidates = best != candidates.end();
  const bool is_good = has_candidates && best->score >= options.score_threshold;
  PreviewChoice choice =
      is_good ? as_choice(*best, PreviewMode::heuristic) : as_choice(intro, PreviewMode::intro);
  choice.candidates_count = static_cast<std::int64_t>(candidates.size());
  if (has_candidates) choice.best_score = best->score;
  choice.confidence = round6(is_good ? best->score : choice.best_score.value_or(0.0) / 2.0);
  if (!is_good)
    choice.warnings.push_back(
        {std::string(core::error_info(ErrorCode::preview_low_conf).name),
         has_candidates ? fmt::format("best of {} candidates scored {}, below {}; took the intro",
                                      candidates.size(), best->score, options.score_threshold)
                        : std::string("no candidate window; took the intro")});
  return choice;
}

Result<json::object> preview_document(const formats::DocumentHeader& header,
                                      const PreviewChoice& choice,
                                      const std::string& feature_spec_alias,
                                      const PreviewOptions& options) {
  json::object document = formats::begin_document(kSchemaId, header);
  document["mode"] = choice.mode == PreviewMode::heuristic ? "heuristic" : "intro";
  document["preview"] = {{"start_s", to_seconds(choice.start)},
                         {"end_s", to_seconds(choice.end)},
                         {"duration_s", to_seconds(choice.end - choice.start)}};
  document["score"] = choice.score;
  document["energy_score"] = choice.energy_score;
  document["embedding_score"] = choice.embedding_score;
  document["confidence"] = choice.confidence;
  document["confidence_type"] = "heuristic_v1";
  document["candidates_count"] = choice.candidates_count;
  document["best_score"] =
      choice.best_score.has_value() ? json::value(*choice.best_score) : json::value(nullptr);
  document["fallback_used"] = choice.is_fallback();
  document["feature_spec_alias"] = feature_spec_alias;
  json::array warnings;
  for (const PreviewWarning& warning : choice.warnings)
    warnings.push_back({{"code", warning.code}, {"message", warning.message}});
  document["warnings"] = std::move(warnings);
  document["parameters"] = {{"window_s", to_seconds(options.window)},
                            {"min_window_fraction", options.min_window_fraction},
                            {"energy_weight", options.energy_weight},
                            {"embedding_weight", options.embedding_weight},
                            {"score_threshold", options.score_threshold}};
  BALEEN_RETURN_IF_ERROR(formats::validate(kSchemaId, document));
  return document;
}

}  // namespace baleen::ssis
