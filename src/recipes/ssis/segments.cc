#include "recipes/ssis/segments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

namespace baleen::ssis {
namespace {

constexpr std::array<std::string_view, kLabelCount> kLabelNames = {"speech", "music", "noise",
                                                                   "silence"};
constexpr std::string_view kSchemaId = "segments.v1";

// heuristic_v1: how far a label is believed at its best. Silence is measured; noise is what is left.
constexpr std::array<double, kLabelCount> kConfidenceBase = {0.90, 0.85, 0.70, 0.95};

std::size_t index_of(SegmentLabel label) { return static_cast<std::size_t>(label); }

/// A stretch of one label while segments are being joined.
struct Piece {
  Millis start = 0;
  Millis end = 0;
  SegmentLabel label = SegmentLabel::silence;
  // For the confidence: time whose raw label was this one, and the probability summed over it.
  std::array<double, kLabelCount> raw_time{};
  std::array<double, kLabelCount> raw_probability{};

  [[nodiscard]] Millis duration() const { return end - start; }
};

Millis minimum_of(SegmentLabel label, const SegmentOptions& options) {
  switch (label) {
    case SegmentLabel::speech: return options.min_speech;
    case SegmentLabel::music: return options.min_music;
    case SegmentLabel::noise: return options.merge_gap;
    case SegmentLabel::silence: return options.min_silence;
  }
  return 0;
}

Piece make_piece(Millis start, Millis end, SegmentLabel label, double probability) {
  Piece piece{start, end, label, {}, {}};
  const auto time = static_cast<double>(end - start);
  piece.raw_time[index_of(label)] = time;
  piece.raw_probability[index_of(label)] = time * std::clamp(probability, 0.0, 1.0);
  return piece;
}

/// `into` takes over the time of its right neighbour `next`, and keeps its label.
void absorb(Piece& into, const Piece& next) {
  into.end = next.end;
  for (std::size_t i = 0; i < kLabelCount; ++i) {
    into.raw_time[i] += next.raw_time[i];
    into.raw_probability[i] += next.raw_probability[i];
  }
}

void append(std::vector<Piece>& pieces, const Piece& piece) {
  if (piece.start >= piece.end) return;
  if (!pieces.empty() && pieces.back().label == piece.label)
    absorb(pieces.back(), piece);
  else
    pieces.push_back(piece);
}

/// Step 1: sorted, cut to the recording, overlaps given to the earlier, gaps filled with silence.
std::vector<Piece> cover(std::span<const RawSegment> raw, Millis duration) {
  std::vector<RawSegment> sorted(raw.begin(), raw.end());
  std::erase_if(sorted, [](const RawSegment& r) {
    return !std::isfinite(r.start_s) || !std::isfinite(r.end_s) || r.end_s <= r.start_s;
  });
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const RawSegment& a, const RawSegment& b) { return a.start_s < b.start_s; });
  const double end_s = to_seconds(duration);
  std::vector<Piece> pieces;
  Millis at = 0;
  for (const RawSegment& r : sorted) {
    const Millis start = std::max(at, to_millis(std::clamp(r.start_s, 0.0, end_s)));
    const Millis end = std::min(duration, to_millis(std::clamp(r.end_s, 0.0, end_s)));
    if (end <= start) continue;
    append(pieces, make_piece(at, start, SegmentLabel::silence, 1.0));
    const double probability = std::isfinite(r.probability) ? r.probability : 0.0;
    append(pieces, make_piece(start, end, r.label, probability));
    at = end;
  }
  append(pieces, make_piece(at, duration, SegmentLabel::silence, 1.0));
  return pieces;
}

/// Step 2: gaps of one label, shorter than merge_gap and between two pieces of another one, close.
void close_gaps(std::vector<Piece>& pieces, SegmentLabel gap_label, Millis merge_gap) {
  std::vector<Piece> out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Piece piece = pieces[i];
    const bool is_gap = piece.label == gap_label && piece.duration() < merge_gap && !out.empty() &&
                        i + 1 < pieces.size() && out.back().label == pieces[i + 1].label;
    if (is_gap) piece.label = out.back().label;
    append(out, piece);
  }
  pieces = std::move(out);
}

/// Step 3: a doubly linked list of pieces, from which the shortest that is too short is taken each time.
class Absorber {
 public:
  Absorber(std::vector<Piece> pieces, const SegmentOptions& options)
      : pieces_(std::move(pieces)), options_(options), links_(pieces_.size()) {
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      links_[i] = {i == 0 ? kNone : i - 1, i + 1 == pieces_.size() ? kNone : i + 1, true};
      enqueue(i);
    }
  }

  std::vector<Piece> run() {
    while (!queue_.empty()) {
      const Entry entry = queue_.top();
      queue_.pop();
      const bool is_current = links_[entry.piece].is_alive && is_too_short(entry.piece) &&
                              pieces_[entry.piece].duration() == entry.duration;
      if (is_current) settle(entry.piece);
    }
    std::vector<Piece> out;
    for (std::size_t i = 0; i < pieces_.size(); ++i)
      if (links_[i].is_alive) out.push_back(pieces_[i]);
    return out;
  }

 private:
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  struct Link {
    std::size_t previous = kNone;
    std::size_t next = kNone;
    bool is_alive = false;
  };
  struct Entry {
    Millis duration = 0;
    Millis start = 0;
    std::size_t piece = 0;
    bool operator>(const Entry& other) const {
      return std::pair(duration, start) > std::pair(other.duration, other.start);
    }
  };

  [[nodiscard]] bool is_too_short(std::size_t i) const {
    return pieces_[i].duration() < minimum_of(pieces_[i].label, options_);
  }

  void enqueue(std::size_t i) {
    if (is_too_short(i)) queue_.push({pieces_[i].duration(), pieces_[i].start, i});
  }

  /// The label that a piece that is too short must take.
  [[nodiscard]] SegmentLabel label_for(std::size_t i) const {
    const Link& link = links_[i];
    const Piece* before = link.previous == kNone ? nullptr : &pieces_[link.previous];
    const Piece* after = link.next == kNone ? nullptr : &pieces_[link.next];
    const auto is_sound = [](const Piece* piece) {
      return piece != nullptr && piece->label != SegmentLabel::silence;
    };
    if (is_sound(before) && is_sound(after))
      return after->duration() > before->duration() ? after->label : before->label;
    if (is_sound(before)) return before->label;
    if (is_sound(after)) return after->label;
    // Silence all around: a sound that is too short to be named stays noise, a click is dropped.
    return pieces_[i].label == SegmentLabel::noise ? SegmentLabel::silence : SegmentLabel::noise;
  }

  void settle(std::size_t i) {
    if (links_[i].previous == kNone && links_[i].next == kNone) return;  // The whole recording.
    pieces_[i].label = label_for(i);
    std::size_t head = i;
    if (const std::size_t previous = links_[i].previous;
        previous != kNone && pieces_[previous].label == pieces_[i].label) {
      join_next(previous);
      head = previous;
    }
    if (const std::size_t next = links_[head].next;
        next != kNone && pieces_[next].label == pieces_[head].label)
      join_next(head);
    enqueue(head);
  }

  void join_next(std::size_t i) {
    const std::size_t next = links_[i].next;
    absorb(pieces_[i], pieces_[next]);
    links_[next].is_alive = false;
    links_[i].next = links_[next].next;
    if (links_[i].next != kNone) links_[links_[i].next].previous = i;
  }

  std::vector<Piece> pieces_;
  SegmentOptions options_;
  std::vector<Link> links_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

double round3(double value) { return std::round(value * 1000.0) / 1000.0; }

/// heuristic_v1 = base · agreement · (½ + ½ · probability) · (1 − ¼ · min(1, minimum / duration)).
double confidence_of(const Piece& piece, const SegmentOptions& options) {
  const std::size_t label = index_of(piece.label);
  const auto duration = static_cast<double>(piece.duration());
  const double agreed = piece.raw_time[label];
  const double probability = agreed > 0.0 ? piece.raw_probability[label] / agreed : 0.0;
  const auto minimum = static_cast<double>(minimum_of(piece.label, options));
  const double length = 1.0 - 0.25 * std::min(1.0, minimum / duration);
  return round3(kConfidenceBase[label] * (agreed / duration) * (0.5 + 0.5 * probability) * length);
}

Error invalid(std::string_view what) { return fail(ErrorCode::segments_invalid, "{}", what); }

json::object segment_json(const Segment& segment) {
  return {{"start_s", to_seconds(segment.start)},
          {"end_s", to_seconds(segment.end)},
          {"label", std::string(label_name(segment.label))},
          {"confidence", segment.confidence}};
}

}  // namespace

Millis to_millis(double seconds) { return std::llround(seconds * 1000.0); }

Millis to_millis(std::int64_t n_samples, Hertz rate) {
  const std::int64_t whole_s = n_samples / rate.value;
  const std::int64_t rest = n_samples % rate.value;
  return whole_s * 1000 + (rest * 1000 + rate.value / 2) / rate.value;
}

double to_seconds(Millis time) { return static_cast<double>(time) / 1000.0; }

std::string_view label_name(SegmentLabel label) { return kLabelNames[index_of(label)]; }

std::optional<SegmentLabel> parse_label(std::string_view name) {
  for (std::size_t i = 0; i < kLabelCount; ++i)
    if (kLabelNames[i] == name) return static_cast<SegmentLabel>(i);
  return std::nullopt;
}

std::vector<Segment> post_process_segments(std::span<const RawSegment> raw,
                                           Millis duration,
                                           const SegmentOptions& options) {
  if (duration <= 0) return {};
  std::vector<Piece> pieces = cover(raw, duration);
  close_gaps(pieces, SegmentLabel::silence, options.merge_gap);
  close_gaps(pieces, SegmentLabel::noise, options.merge_gap);
  pieces = Absorber(std::move(pieces), options).run();
  std::vector<Segment> segments;
  segments.reserve(pieces.size());
  for (const Piece& piece : pieces)
    segments.push_back({piece.start, piece.end, piece.label, confidence_of(piece, options)});
  return segments;
}

Result<void> check_segments(std::span<const Segment> segments, Millis duration) {
  if (duration <= 0 || segments.empty()) return invalid("no segments");
  Millis at = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    if (segment.start != at)
      return fail(ErrorCode::segments_invalid, "segment {} starts at {} ms instead of {}", i,
                  segment.start, at);
    if (segment.end <= segment.start)
      return fail(ErrorCode::segments_invalid, "segment {} is empty", i);
    if (i > 0 && segments[i - 1].label == segment.label)
      return fail(ErrorCode::segments_invalid, "segments {} and {} have one label", i - 1, i);
    if (!(segment.confidence >= 0.0 && segment.confidence <= 1.0))
      return fail(ErrorCode::segments_invalid, "segment {} has confidence {}", i,
                  segment.confidence);
    at = segment.end;
  }
  if (at != duration)
    return fail(ErrorCode::segments_invalid, "segments end at {} ms instead of {}", at, duration);
  return {};
}

SegmentMetrics segment_metrics(std::span<const Segment> segments) {
  SegmentMetrics metrics;
  metrics.segment_count = static_cast<std::int64_t>(segments.size());
  if (segments.empty()) return metrics;
  Millis total = 0;
  for (const Segment& segment : segments) {
    metrics.time[index_of(segment.label)] += segment.duration();
    total += segment.duration();
  }
  for (std::size_t i = 0; i < kLabelCount; ++i)
    metrics.fraction[i] = static_cast<double>(metrics.time[i]) / static_cast<double>(total);
  const auto n_flips = static_cast<double>(segments.size() - 1);
  metrics.flip_rate = n_flips * 60'000.0 / static_cast<double>(total);
  return metrics;
}

json::object metrics_json(const SegmentMetrics& metrics) {
  json::object distribution;
  for (std::size_t i = 0; i < kLabelCount; ++i)
    distribution[json::string_view(kLabelNames[i].data(), kLabelNames[i].size())] =
        json::object{{"seconds", to_seconds(metrics.time[i])},
                     {"fraction", std::round(metrics.fraction[i] * 1e6) / 1e6}};
  return {{"segment_count", metrics.segment_count},
          {"class_distribution", std::move(distribution)},
          {"flip_rate", round3(metrics.flip_rate)}};
}

Result<json::object> segments_document(const formats::DocumentHeader& header,
                                       std::span<const Segment> segments,
                                       Millis duration,
                                       const SegmentModel& model,
                                       const SegmentOptions& options) {
  BALEEN_RETURN_IF_ERROR(check_segments(segments, duration));
  json::object document = formats::begin_document(kSchemaId, header);
  document["duration_s"] = to_seconds(duration);
  document["model_id"] = model.id;
  document["model_hash"] = model.hash.empty() ? json::value(nullptr) : json::value(model.hash);
  document["confidence_type"] = "heuristic_v1";
  document["parameters"] = {{"min_speech_s", to_seconds(options.min_speech)},
                            {"min_music_s", to_seconds(options.min_music)},
                            {"min_silence_s", to_seconds(options.min_silence)},
                            {"merge_gap_s", to_seconds(options.merge_gap)}};
  json::array array;
  array.reserve(segments.size());
  for (const Segment& segment : segments) array.push_back(segment_json(segment));
  document["segments"] = std::move(array);
  document["metrics"] = metrics_json(segment_metrics(segments));
  if (const auto valid = formats::validate(kSchemaId, document); !valid.ok())
    return invalid(valid.error().message);
  return document;
}

Result<std::vector<Segment>> parse_segments_document(const json::value& document) {
  if (const auto valid = formats::validate(kSchemaId, document); !valid.ok())
    return invalid(valid.error().message);
  const json::object& object = document.as_object();
  std::vector<Segment> segments;
  for (const json::value& item : core::get_array(object, "segments")) {
    const json::object& segment = item.as_object();
    segments.push_back({to_millis(core::get_double(segment, "start_s")),
                        to_millis(core::get_double(segment, "end_s")),
                        parse_label(core::get_string(segment, "label")).value(),
                        core::get_double(segment, "confidence")});
  }
  BALEEN_RETURN_IF_ERROR(
      check_segments(segments, to_millis(core::get_double(object, "duration_s"))));
  return segments;
}

}  // namespace baleen::ssis
