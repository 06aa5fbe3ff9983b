#pragma once

/// From a classifier's raw labels to the segments of a recording: speech, music, noise and silence that
/// cover it without gaps. Pure functions; thread-safe. The rules stand in docs/formats/segments.md.
///
/// Positions are whole milliseconds, half-open: every classifier's frames (10 or 20 ms) and the minimum
/// durations are exact in them, and so are the three decimals of the JSON document.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "core/units.h"
#include "formats/document.h"

namespace baleen::ssis {

/// A position or a duration in milliseconds.
using Millis = std::int64_t;

[[nodiscard]] Millis to_millis(double seconds);
/// Rounded to nearest; exact in integers.
[[nodiscard]] Millis to_millis(std::int64_t n_samples, Hertz rate);
[[nodiscard]] double to_seconds(Millis time);

enum class SegmentLabel { speech, music, noise, silence };
inline constexpr std::size_t kLabelCount = 4;
[[nodiscard]] std::string_view label_name(SegmentLabel label);
[[nodiscard]] std::optional<SegmentLabel> parse_label(std::string_view name);

/// What a classifier said about [start_s, end_s). Silence ("noEnergy") may be said or left out: time
/// that no raw segment covers is silence.
struct RawSegment {
  double start_s = 0.0;
  double end_s = 0.0;
  SegmentLabel label = SegmentLabel::silence;
  double probability =
      1.0;  ///< Mean of the label over the time, 0 to 1; 1 if the model gives none.
};

struct SegmentOptions {
  Millis min_speech = 800;
  Millis min_music = 3400;
  Millis min_silence = 500;
  Millis merge_gap =
      300;  ///< Shorter gaps between segments of one label close; also the least noise.
};

struct Segment {
  Millis start = 0;
  Millis end = 0;
  SegmentLabel label = SegmentLabel::silence;
  double confidence = 0.0;  ///< heuristic_v1, 0 to 1.

  [[nodiscard]] Millis duration() const { return end - start; }
};

/// Sorted, gapless segments over [0, duration); neighbours differ in label, and each is as long as its
/// label's minimum unless it is the only one. Empty only for duration 0.
///
/// Raw segments may come in any order; where they overlap, the one that starts first holds. What lies
/// outside the recording is cut off. Applying it to its own result changes neither times nor labels.
[[nodiscard]] std::vector<Segment> post_process_segments(std::span<const RawSegment> raw,
                                                         Millis duration,
                                                         const SegmentOptions& options = {});

/// SEGMENTS_INVALID unless the segments are sorted, gapless, cover [0, duration) and neighbours differ.
[[nodiscard]] Result<void> check_segments(std::span<const Segment> segments, Millis duration);

struct SegmentMetrics {
  std::int64_t segment_count = 0;
  std::array<Millis, kLabelCount> time{};      ///< By SegmentLabel.
  std::array<double, kLabelCount> fraction{};  ///< Of the whole time.
  double flip_rate = 0.0;                      ///< Changes of label per minute.
};
[[nodiscard]] SegmentMetrics segment_metrics(std::span<const Segment> segments);
/// {segment_count, class_distribution, flip_rate}, as in the document; for telemetry too.
[[nodiscard]] json::object metrics_json(const SegmentMetrics& metrics);

/// Where the labels came from.
struct SegmentModel {
  std::string id;    ///< "ina-smn", "builtin-smn".
  std::string hash;  ///< "sha256:…", or "" if there is none.
};

/// The `segments.v1` document. SEGMENTS_INVALID if the segments break their rules or the schema.
[[nodiscard]] Result<json::object> segments_document(const formats::DocumentHeader& header,
                                                     std::span<const Segment> segments,
                                                     Millis duration,
                                                     const SegmentModel& model,
                                                     const SegmentOptions& options = {});

/// The segments of a document that was read back; SEGMENTS_INVALID if it breaks schema or rules.
[[nodiscard]] Result<std::vector<Segment>> parse_segments_document(const json::value& document);

}  // namespace baleen::ssis
