#include "recipes/ssis/ina_segmenter.h"

#include <algorithm>
#include <utility>

#include "dsp/ina_frontend.h"
#include "recipes/ssis/ina_activity.h"
#include "recipes/ssis/ina_patches.h"

namespace baleen::ssis {
namespace {

constexpr double kPatchSeconds = 0.02;
constexpr std::size_t kChunkSamples = 16384;
constexpr double kFirstPassShare = 0.15;  // Of the time of both, for the progress only.

static_assert(InaPatches::kBands == dsp::InaFrontend::kBandCount);

using Label = SmnLabel;

// Joins runs of patches to segments.
class SegmentWriter {
 public:
  void append(Label label, std::int64_t n_patches, double prob_sum) {
    if (n_patches == 0) return;
    if (segments_.empty() || segments_.back().label != label) {
      segments_.push_back({static_cast<double>(n_) * kPatchSeconds, 0.0, label, 0.0F});
      n_in_segment_ = 0;
      prob_sum_ = 0.0;
    }
    n_ += n_patches;
    n_in_segment_ += n_patches;
    prob_sum_ += prob_sum;
    segments_.back().end_s = static_cast<double>(n_) * kPatchSeconds;
    segments_.back().mean_prob = static_cast<float>(prob_sum_ / static_cast<double>(n_in_segment_));
  }
  [[nodiscard]] std::vector<SmnSegment> take() { return std::move(segments_); }

 private:
  std::vector<SmnSegment> segments_;
  std::int64_t n_ = 0;
  std::int64_t n_in_segment_ = 0;
  double prob_sum_ = 0.0;
};

// The second pass, patch by patch.
class Labeller {
 public:
  Labeller(ml::Session& session,
           const InaDecoderOptions& options,
           double threshold,
           std::int64_t n_rows)
      : n_patches_(InaPatches::patch_count(n_rows)),
        activity_(threshold),
        patches_(session, n_rows),
        decoder_(options,
                 [this](std::span<const std::int64_t> patches, std::span<InaLogProbs> out) {
                   return patches_.evaluate(patches, out);
                 }) {}
  Labeller(const Labeller&) = delete;  // The decoder holds a pointer to this object.
  Labeller& operator=(const Labeller&) = delete;

  Result<void> push(std::span<const float> rows, std::span<const float> log_energy) {
    patches_.append_rows(rows);
    activity_.push(log_energy, frame_active_);
    return take_patches();
  }

  Result<void> finish() {
    activity_.finish(frame_active_);
    patches_.finish_rows();
    BALEEN_RETURN_IF_ERROR(take_patches());
    BALEEN_CHECK(n_taken_ == n_patches_);
    return end_stretch();
  }

  [[nodiscard]] std::vector<SmnSegment> take_segments() { return segments_.take(); }
  [[nodiscard]] InaStats stats() const {
    return {n_patches_, decoder_.active_count(), decoder_.evaluated_count()};
  }

 private:
  // Hands on the patches whose activity is decided and whose rows are here.
  Result<void> take_patches() {
    for (const std::uint8_t is_active : frame_active_)
      if (n_frames_++ % 2 == 0) patch_active_.push_back(is_active);
    frame_active_.clear();
    std::size_t n_used = 0;
    for (; n_used < patch_active_.size() && patches_.is_complete(n_taken_); ++n_used, ++n_taken_)
      BALEEN_RETURN_IF_ERROR(take_patch(patch_active_[n_used] != 0));
    patch_active_.erase(patch_active_.begin(),
                        patch_active_.begin() + static_cast<std::ptrdiff_t>(n_used));
    patches_.drop_before(decoder_.undecided_from());
    return {};
  }

  Result<void> take_patch(bool is_active) {
    if (is_active) {
      is_in_stretch_ = true;
      BALEEN_RETURN_IF_ERROR(decoder_.push(patches_.is_usable(n_taken_), runs_));
      write_runs();
      return {};
    }
    BALEEN_RETURN_IF_ERROR(end_stretch());
    decoder_.skip(1);
    segments_.append(Label::no_energy, 1, 1.0);
    return {};
  }

  Result<void> end_stretch() {
    if (!std::exchange(is_in_stretch_, false)) return {};
    BALEEN_RETURN_IF_ERROR(decoder_.finish_stretch(runs_));
    write_runs();
    return {};
  }

  void write_runs() {
    for (const InaLabelRun& run : runs_)
      segments_.append(static_cast<Label>(run.label), run.n_patches, run.prob_sum);
    runs_.clear();
  }

  std::int64_t n_patches_;
  std::int64_t n_taken_ = 0;
  bool is_in_stretch_ = false;
  InaActivity activity_;
  InaPatches patches_;
  InaLabelDecoder decoder_;
  SegmentWriter segments_;
  std::vector<std::uint8_t> frame_active_;  // Decided since the last call, two a patch.
  std::int64_t n_frames_ = 0;               // Decided in all.
  std::vector<std::uint8_t> patch_active_;  // Decided but not handed on yet.
  std::vector<InaLabelRun> runs_;
};

// Reads the source from its beginning; on_chunk hears the samples and how many came before them.
template <typename OnChunk>
Result<std::int64_t> read_all(SampleSource16k& source, const OnChunk& on_chunk) {
  BALEEN_RETURN_IF_ERROR(source.rewind());
  std::vector<float> chunk(kChunkSamples);
  std::int64_t n_samples = 0;
  while (true) {
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, source.read(chunk));
    if (n == 0) return n_samples;
    BALEEN_RETURN_IF_ERROR(on_chunk(std::span<const float>(chunk).first(n), n_samples));
    n_samples += static_cast<std::int64_t>(n);
  }
}

Result<void> report(const std::function<bool(double)>& progress, double fraction) {
  if (progress && !progress(fraction)) return fail(ErrorCode::canceled, "segmentation stopped");
  return {};
}

}  // namespace

Result<InaSegmenter> InaSegmenter::create(ml::Session session, const InaOptions& options) {
  BALEEN_RETURN_IF_ERROR(InaPatches::check_session(session));
  return InaSegmenter(std::move(session), options);
}

Result<std::vector<SmnSegment>> InaSegmenter::segment(SampleSource16k& source,
                                                      const std::function<bool(double)>& progress) {
  InaLoudness loudness;
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t n_samples,
      read_all(source, [&](std::span<const float> samples, std::int64_t) -> Result<void> {
        loudness.push(samples);
        return report(progress, 0.0);
      }));
  const std::int64_t n_rows = dsp::InaFrontend::row_count(n_samples);
  BALEEN_CHECK(n_rows == loudness.frame_count());

  BALEEN_ASSIGN_OR_RETURN(dsp::InaFrontend frontend, dsp::InaFrontend::create());
  Labeller labeller(session_, options_.decoder, loudness.threshold(), n_rows);
  std::vector<float> rows;
  std::vector<float> log_energy;
  const auto hand_on = [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(labeller.push(rows, log_energy));
    rows.clear();
    log_energy.clear();
    return {};
  };
  const auto on_chunk = [&](std::span<const float> samples, std::int64_t n_before) -> Result<void> {
    if (n_before + static_cast<std::int64_t>(samples.size()) > n_samples)
      return fail(ErrorCode::segmentation_failed, "the samples changed between two passes");
    frontend.push(samples, rows, log_energy);
    BALEEN_RETURN_IF_ERROR(hand_on());
    const double done = static_cast<double>(n_before) / static_cast<double>(n_samples);
    return report(progress, kFirstPassShare + (1.0 - kFirstPassShare) * done);
  };
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t n_again, read_all(source, on_chunk));
  if (n_again != n_samples)
    return fail(ErrorCode::segmentation_failed, "the samples changed between two passes");
  frontend.finish(rows, log_energy);
  BALEEN_RETURN_IF_ERROR(hand_on());
  BALEEN_RETURN_IF_ERROR(labeller.finish());
  stats_ = labeller.stats();
  BALEEN_RETURN_IF_ERROR(report(progress, 1.0));
  return labeller.take_segments();
}

}  // namespace baleen::ssis
