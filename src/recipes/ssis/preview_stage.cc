// preview: which minute represents the recording, from its segments, its energy and its embeddings.

#include "audio/wav.h"
#include "core/file.h"
#include "core/process.h"
#include "formats/feature_pack.h"
#include "recipes/ssis/preview.h"
#include "recipes/ssis/preview_energy.h"
#include "recipes/ssis/segments.h"
#include "recipes/ssis/stages.h"

namespace baleen::ssis {
namespace {

constexpr std::int64_t kBlockSamples = 65536;

Result<PreviewEnergy> measure_energy(const audio::WavReader& wav,
                                     const engine::ProgressFn& progress) {
  PreviewEnergy energy(wav.sample_rate(), wav.n_samples());
  std::vector<std::int16_t> samples(kBlockSamples);
  for (std::int64_t begin = 0; begin < wav.n_samples();) {
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, wav.read(begin, std::span<std::int16_t>(samples)));
    if (n == 0)
      return fail(ErrorCode::artifact_corrupt, "normalized.wav ends before its header says");
    energy.push(std::span<const std::int16_t>(samples).first(n));
    begin += static_cast<std::int64_t>(n);
    progress(0.8 * static_cast<double>(begin) / static_cast<double>(wav.n_samples()));
  }
  energy.finish();
  return energy;
}

Result<std::vector<Segment>> read_segments(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const json::value document, core::read_json_file(path));
  return parse_segments_document(document);
}

class PreviewStage final : public engine::Stage {
 public:
  Result<void> warm_up(const engine::StageRequest&) override {
    formats::prepare_feature_packs();
    formats::prepare_schema("preview_candidate.v1");
    return {};
  }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    BALEEN_ASSIGN_OR_RETURN(const std::vector<Segment> segments,
                            read_segments(request.input("segments_v1").path));
    core::trim_heap();  // The document of a day is several MB.
    BALEEN_ASSIGN_OR_RETURN(const audio::WavReader wav,
                            audio::WavReader::open(request.input("normalized_wav").path));
    BALEEN_ASSIGN_OR_RETURN(const PreviewEnergy energy, measure_energy(wav, progress));
    BALEEN_ASSIGN_OR_RETURN(formats::FeaturePackReader pack,
                            formats::FeaturePackReader::open(request.input("feature_pack").path));

    PreviewInput input;
    input.duration = to_millis(wav.n_samples(), wav.sample_rate());
    input.segments = segments;
    input.energy = &energy;
    input.n_embeddings = pack.info().n_embeddings;
    input.n_dims = pack.info().n_dims;
    input.embedding_hop_s = pack.info().embedding_hop_s;
    input.read_embeddings = [&](std::int64_t first, std::int64_t count, std::span<float> rows) {
      return pack.read_embeddings(first, count, rows);
    };
    PreviewOptions options;
    options.window = to_millis(core::get_double(request.params, "window_s"));
    options.score_threshold = core::get_double(request.params, "score_threshold");
    BALEEN_ASSIGN_OR_RETURN(const PreviewChoice choice, choose_preview(input, options));
    BALEEN_ASSIGN_OR_RETURN(
        json::object preview,
        preview_document(document_header(request), choice, request.feature_spec_alias, options));

    engine::StageOutcome outcome;
    BALEEN_ASSIGN_OR_RETURN(engine::ProducedArtifact artifact,
                            write_document(request, "preview_v1", std::move(preview)));
    outcome.artifacts.push_back(std::move(artifact));
    outcome.metrics = {
        {"candidate_count", choice.candidates_count},
        {"best_score", choice.best_score ? json::value(*choice.best_score) : json::value(nullptr)},
        {"fallback_used", choice.is_fallback()},
        {"feature_spec_alias", request.feature_spec_alias}};
    for (const PreviewWarning& warning : choice.warnings) {
      outcome.warnings.push_back(
          {core::parse_error_code(warning.code).value_or(ErrorCode::preview_low_conf),
           warning.message});
    }
    return outcome;
  }
};

}  // namespace

std::unique_ptr<engine::Stage> make_preview_stage() { return std::make_unique<PreviewStage>(); }

}  // namespace baleen::ssis
