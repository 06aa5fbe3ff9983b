// segments: normalized.wav → speech, music, noise and silence over the whole recording.

#include <optional>

#include "audio/wav.h"
#include "core/clock.h"
#include "dsp/log_mel.h"
#include "ml/builtin_smn.h"
#include "recipes/ssis/builtin_segmenter.h"
#include "recipes/ssis/ina_segmenter.h"
#include "recipes/ssis/segments.h"
#include "recipes/ssis/stages.h"
#include "recipes/ssis/vad_assist.h"
#include "recipes/ssis/wav_source_16k.h"

namespace baleen::ssis {
namespace {

constexpr std::int64_t kBlockSamples = 65536;

SegmentLabel to_label(SmnLabel label) {
  switch (label) {
    case SmnLabel::speech: return SegmentLabel::speech;
    case SmnLabel::music: return SegmentLabel::music;
    case SmnLabel::noise: return SegmentLabel::noise;
    case SmnLabel::no_energy: return SegmentLabel::silence;
  }
  return SegmentLabel::silence;
}

struct Labelled {
  std::vector<SmnSegment> segments;
  SegmentModel model;
  json::object metrics;
};

Result<Labelled> label_with_builtin(const audio::WavReader& wav,
                                    const engine::ProgressFn& progress) {
  BALEEN_ASSIGN_OR_RETURN(dsp::LogMel log_mel, dsp::LogMel::create({}));
  BuiltinSegmenter segmenter;
  std::vector<float> samples(kBlockSamples);
  std::vector<float> rows;
  for (std::int64_t begin = 0; begin < wav.n_samples();) {
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, wav.read(begin, std::span<float>(samples)));
    if (n == 0)
      return fail(ErrorCode::artifact_corrupt, "normalized.wav ends before its header says");
    rows.clear();
    log_mel.push(std::span(samples).first(n), rows);
    segmenter.push(rows);
    begin += static_cast<std::int64_t>(n);
    progress(static_cast<double>(begin) / static_cast<double>(wav.n_samples()));
  }
  rows.clear();
  log_mel.finish(rows);
  segmenter.push(rows);
  const ml::BuiltinSmn& model = ml::BuiltinSmn::instance();
  return Labelled{
      segmenter.finish(wav.n_samples()), {std::string(model.model_id()), model.model_hash()}, {}};
}

class SegmentsStage final : public engine::Stage {
 public:
  explicit SegmentsStage(const ml::ModelStore& models) : models_(models) {}

  Result<void> warm_up(const engine::StageRequest& request) override {
    if (is_ina(request)) {
      const std::string sha256 = core::get_string(request.models, "ina_smn");
      if (!ina_ || ina_sha256_ != sha256) {
        BALEEN_ASSIGN_OR_RETURN(ml::Session session, open_model(request, "ina_smn"));
        BALEEN_ASSIGN_OR_RETURN(ina_, InaSegmenter::create(std::move(session), {}));
        ina_sha256_ = sha256;
      }
    }
    if (!request.models.contains("vad")) return {};
    const std::string sha256 = core::get_string(request.models, "vad");
    if (vad_ == nullptr || vad_sha256_ != sha256) {
      BALEEN_ASSIGN_OR_RETURN(ml::Session session, open_model(request, "vad"));
      BALEEN_ASSIGN_OR_RETURN(vad_, make_silero_vad(std::move(session)));
      vad_sha256_ = sha256;
    }
    return {};
  }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    BALEEN_ASSIGN_OR_RETURN(const audio::WavReader wav,
                            audio::WavReader::open(request.input("normalized_wav").path));
    const double begin_s = core::steady_s();
    BALEEN_ASSIGN_OR_RETURN(Labelled labelled, is_ina(request) ? label_with_ina(wav, progress)
                                                               : label_with_builtin(wav, progress));
    if (request.models.contains("vad")) BALEEN_RETURN_IF_ERROR(assist(wav, labelled));
    const double inference_s = core::steady_s() - begin_s;

    std::vector<RawSegment> raw;
    raw.reserve(labelled.segments.size());
    for (const SmnSegment& segment : labelled.segments) {
      raw.push_back({segment.begin_s, segment.end_s, to_label(segment.label), segment.mean_prob});
    }
    const Millis duration = to_millis(wav.n_samples(), wav.sample_rate());
    const SegmentOptions options{to_millis(core::get_double(request.params, "min_speech_s")),
                                 to_millis(core::get_double(request.params, "min_music_s")),
                                 to_millis(core::get_double(request.params, "min_silence_s")),
                                 to_millis(core::get_double(request.params, "merge_gap_s"))};
    const std::vector<Segment> segments = post_process_segments(raw, duration, options);
    BALEEN_ASSIGN_OR_RETURN(
        json::object document,
        segments_document(document_header(request), segments, duration, labelled.model, options));

    engine::StageOutcome outcome;
    BALEEN_ASSIGN_OR_RETURN(engine::ProducedArtifact artifact,
                            write_document(request, "segments_v1", std::move(document)));
    outcome.artifacts.push_back(std::move(artifact));
    outcome.metrics = metrics_json(segment_metrics(segments));
    for (const json::key_value_pair& metric : labelled.metrics)
      outcome.metrics[metric.key()] = metric.value();
    outcome.metrics["inference_s"] = inference_s;
    outcome.metrics["model_id"] = labelled.model.id;
    return outcome;
  }

 private:
  static bool is_ina(const engine::StageRequest& request) {
    return core::get_string(request.params, "segmenter") == "ina";
  }

  Result<ml::Session> open_model(const engine::StageRequest& request,
                                 const std::string& task) const {
    BALEEN_ASSIGN_OR_RETURN(const ml::InstalledModel model, planned_model(models_, request, task));
    return ml::Session::open(model.path, {});
  }

  Result<Labelled> label_with_ina(const audio::WavReader& wav, const engine::ProgressFn& progress) {
    BALEEN_ASSIGN_OR_RETURN(WavSource16k source, WavSource16k::create(wav));
    BALEEN_ASSIGN_OR_RETURN(std::vector<SmnSegment> segments,
                            ina_->segment(source, [&](double fraction) {
                              progress(fraction);
                              return true;
                            }));
    const InaStats& stats = ina_->stats();
    return Labelled{std::move(segments),
                    {"ina-smn", "sha256:" + ina_sha256_},
                    {{"patches", stats.n_patches},
                     {"patches_active", stats.n_active},
                     {"patches_evaluated", stats.n_evaluated}}};
  }

  /// Silero VAD, where it is installed, listens to the gaps.
  Result<void> assist(const audio::WavReader& wav, Labelled& labelled) {
    BALEEN_ASSIGN_OR_RETURN(WavSource16k source, WavSource16k::create(wav));
    const ReadSamples16k read = [&](std::int64_t begin,
                                    std::span<float> out) -> Result<std::size_t> {
      if (source.position() != begin) source.seek(begin);
      std::size_t filled = 0;
      while (filled < out.size()) {
        BALEEN_ASSIGN_OR_RETURN(const std::size_t n, source.read(out.subspan(filled)));
        if (n == 0) break;
        filled += n;
      }
      return filled;
    };
    const std::size_t before = labelled.segments.size();
    BALEEN_ASSIGN_OR_RETURN(labelled.segments, find_speech_in_gaps(labelled.segments, read, *vad_));
    labelled.metrics["vad_segments_added"] = labelled.segments.size() - before;
    return {};
  }

  const ml::ModelStore models_;
  std::optional<InaSegmenter> ina_;  // Warm between tasks.
  std::string ina_sha256_;
  std::unique_ptr<VoiceActivityDetector> vad_;  // Warm between tasks.
  std::string vad_sha256_;
};

}  // namespace

std::unique_ptr<engine::Stage> make_segments_stage(const ml::ModelStore& models) {
  return std::make_unique<SegmentsStage>(models);
}

}  // namespace baleen::ssis
