#pragma once

/// Speech, music, noise or no energy for a whole recording, as inaSpeechSegmenter says it (its "smn" engine
/// without the gender step), at a tenth of the evaluations.
///
///   BALEEN_ASSIGN_OR_RETURN(InaSegmenter segmenter, InaSegmenter::create(std::move(session), {}));
///   BALEEN_ASSIGN_OR_RETURN(std::vector<SmnSegment> segments, segmenter.segment(source, progress));
///
/// Two passes over the samples, since activity is relative to the mean energy of the whole recording: the
/// first only measures energy, the second computes the front end (dsp/ina_frontend.h), the activity
/// (ina_activity.h) and, inside active stretches, the labels (ina_label_decoder.h). Memory does not grow with
/// the length of the recording, but for the segments. One object belongs to one thread at a time.
///
/// Times are multiples of 20 ms; segments are sorted, without gaps, and cover ceil(frames / 2) · 20 ms, where
/// frames are the full windows of 25 ms every 10 ms: up to 35 ms less than the recording.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/result.h"
#include "ml/session.h"
#include "recipes/ssis/ina_label_decoder.h"
#include "recipes/ssis/smn_segment.h"

namespace baleen::ssis {

/// 16 kHz mono samples of ±1, which can be read twice.
class SampleSource16k {
 public:
  virtual ~SampleSource16k() = default;
  /// Up to samples.size() samples; 0 at the end.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<float> samples) = 0;
  /// Back to the first sample.
  [[nodiscard]] virtual Result<void> rewind() = 0;
};

struct InaOptions {
  InaDecoderOptions decoder;
};

struct InaStats {
  std::int64_t n_patches = 0;  ///< One every 20 ms.
  std::int64_t n_active = 0;   ///< Those that the reference would evaluate.
  std::int64_t n_evaluated = 0;
};

class InaSegmenter {
 public:
  /// @param session  Of the model `ina-smn`. Errors: MODEL_INVALID for another one.
  [[nodiscard]] static Result<InaSegmenter> create(ml::Session session, const InaOptions& options);

  /// Segments a recording from its beginning. `progress` (may be empty) hears the fraction done, now and
  /// then; false stops with CANCELED. Errors also come from the source and the network, and
  /// SEGMENTATION_FAILED if the source is not the same the second time.
  [[nodiscard]] Result<std::vector<SmnSegment>> segment(
      SampleSource16k& source, const std::function<bool(double fraction)>& progress);

  /// Of the last recording.
  [[nodiscard]] const InaStats& stats() const { return stats_; }

 private:
  InaSegmenter(ml::Session session, const InaOptions& options)
      : session_(std::move(session)), options_(options) {}

  ml::Session session_;
  InaOptions options_;
  InaStats stats_;
};

}  // namespace baleen::ssis
