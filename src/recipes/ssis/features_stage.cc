// features: normalized.wav → log-mel spectrogram and embeddings in one HDF5 feature pack.

#include <array>
#include <optional>

#include "audio/resample.h"
#include "audio/wav.h"
#include "core/clock.h"
#include "core/failpoint.h"
#include "core/process.h"
#include "dsp/dct_embedding.h"
#include "dsp/log_mel.h"
#include "dsp/yamnet_frontend.h"
#include "formats/feature_pack.h"
#include "ml/yamnet.h"
#include "recipes/ssis/stages.h"

namespace baleen::ssis {
namespace {

constexpr std::int64_t kBlockSamples = 65536;

/// Where embeddings come from: log-mel rows (built in) or samples (YAMNet).
class Embedder {
 public:
  virtual ~Embedder() = default;
  [[nodiscard]] virtual std::int64_t embedding_count(std::int64_t n_samples,
                                                     std::int64_t n_rows) = 0;
  [[nodiscard]] virtual Result<void> push(std::span<const float> samples,
                                          std::span<const float> mel_rows,
                                          std::vector<float>& out) = 0;
  [[nodiscard]] virtual Result<void> finish(std::vector<float>& out) = 0;
  double inference_s = 0;
};

class BuiltinEmbedder final : public Embedder {
 public:
  std::int64_t embedding_count(std::int64_t, std::int64_t n_rows) override {
    return dsp::DctEmbedding::patch_count(n_rows);
  }
  Result<void> push(std::span<const float>,
                    std::span<const float> mel_rows,
                    std::vector<float>& out) override {
    const double begin_s = core::steady_s();
    embedding_.push(mel_rows, out);
    inference_s += core::steady_s() - begin_s;
    return {};
  }
  Result<void> finish(std::vector<float>& out) override {
    embedding_.finish(out);
    return {};
  }

 private:
  dsp::DctEmbedding embedding_;
};

class YamnetEmbedder final : public Embedder {
 public:
  YamnetEmbedder(ml::Yamnet& network, audio::Resampler resampler, dsp::YamnetFrontend frontend)
      : network_(network), resampler_(std::move(resampler)), frontend_(std::move(frontend)) {}

  static Result<std::unique_ptr<Embedder>> create(ml::Yamnet& network, Hertz rate) {
    BALEEN_ASSIGN_OR_RETURN(audio::Resampler resampler,
                            audio::Resampler::create(rate, dsp::YamnetFrontend::kSampleRate,
                                                     audio::FilterShape::ffmpeg));
    BALEEN_ASSIGN_OR_RETURN(dsp::YamnetFrontend frontend, dsp::YamnetFrontend::create());
    return std::unique_ptr<Embedder>(
        std::make_unique<YamnetEmbedder>(network, std::move(resampler), std::move(frontend)));
  }

  std::int64_t embedding_count(std::int64_t n_samples, std::int64_t) override {
    return dsp::YamnetFrontend::patch_count(resampler_.output_samples(n_samples));
  }
  Result<void> push(std::span<const float> samples,
                    std::span<const float>,
                    std::vector<float>& out) override {
    samples16k_.clear();
    resampler_.process(samples, samples16k_);
    frontend_.push(samples16k_, rows_);
    return embed_complete_patches(out);
  }
  Result<void> finish(std::vector<float>& out) override {
    samples16k_.clear();
    resampler_.flush(samples16k_);
    frontend_.push(samples16k_, rows_);
    frontend_.finish(rows_);
    return embed_complete_patches(out);
  }

 private:
  Result<void> embed_complete_patches(std::vector<float>& out) {
    constexpr std::size_t kHopValues = dsp::YamnetFrontend::kPatchHopRows * ml::Yamnet::kBands;
    std::size_t begin = 0;
    patches_.clear();
    for (; begin + ml::Yamnet::kPatchValues <= rows_.size(); begin += kHopValues) {
      patches_.insert(
          patches_.end(), rows_.begin() + static_cast<std::ptrdiff_t>(begin),
          rows_.begin() + static_cast<std::ptrdiff_t>(begin + ml::Yamnet::kPatchValues));
    }
    rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(begin));
    const std::size_t n_patches = patches_.size() / ml::Yamnet::kPatchValues;
    const std::size_t before = out.size();
    out.resize(before + n_patches * ml::Yamnet::kEmbeddingValues);
    const double begin_s = core::steady_s();
    Result<void> embedded = network_.embed(patches_, std::span(out).subspan(before));
    inference_s += core::steady_s() - begin_s;
    return embedded;
  }

  ml::Yamnet& network_;
  audio::Resampler resampler_;
  dsp::YamnetFrontend frontend_;
  std::vector<float> samples16k_, rows_, patches_;
};

class FeaturesStage final : public engine::Stage {
 public:
  explicit FeaturesStage(const ml::ModelStore& models) : models_(models) {}

  Result<void> warm_up(const engine::StageRequest& request) override {
    if (!is_yamnet(request)) return {};
    const std::string sha256 = core::get_string(request.models, "yamnet");
    if (yamnet_ && yamnet_sha256_ == sha256) return {};
    BALEEN_ASSIGN_OR_RETURN(const ml::InstalledModel model,
                            planned_model(models_, request, "yamnet"));
    BALEEN_ASSIGN_OR_RETURN(ml::Session session, ml::Session::open(model.path, {}));
    BALEEN_ASSIGN_OR_RETURN(yamnet_, ml::Yamnet::create(std::move(session)));
    yamnet_sha256_ = sha256;
    return {};
  }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    BALEEN_ASSIGN_OR_RETURN(const audio::WavReader wav,
                            audio::WavReader::open(request.input("normalized_wav").path));
    BALEEN_ASSIGN_OR_RETURN(dsp::LogMel log_mel, dsp::LogMel::create({}));
    BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Embedder> embedder,
                            make_embedder(request, wav.sample_rate()));

    const engine::StageOutputSlot& slot = request.output("feature_pack");
    formats::FeaturePackInfo info = pack_info(request);
    info.n_frames = log_mel.row_count(wav.n_samples());
    info.n_embeddings = embedder->embedding_count(wav.n_samples(), info.n_frames);
    BALEEN_ASSIGN_OR_RETURN(formats::FeaturePackWriter writer,
                            formats::FeaturePackWriter::create(slot.temporary, info));
    BALEEN_RETURN_IF_ERROR(compute(wav, log_mel, *embedder, writer, progress));
    BALEEN_ASSIGN_OR_RETURN(const formats::FeaturePackSummary summary, writer.finish());
    if (summary.nan_count > 0) {
      return fail(ErrorCode::feature_nan, "{} of the values are NaN or infinite",
                  summary.nan_count);
    }
    const json::object document = formats::feature_pack_document(info, summary, slot.final_path);
    BALEEN_RETURN_IF_ERROR(formats::validate("feature_pack.v1", document));
    BALEEN_ASSIGN_OR_RETURN(engine::ProducedArtifact record,
                            write_document(request, "feature_pack_record", document));
    BALEEN_FAILPOINT("FEATURES_BEFORE_H5_RENAME");

    engine::StageOutcome outcome;
    outcome.artifacts.push_back(
        {"feature_pack", slot.temporary, summary.content_sha256, core::to_json(document)});
    outcome.artifacts.push_back(std::move(record));
    outcome.metrics = {{"inference_s", embedder->inference_s},
                       {"melspec_shape", {info.n_frames, info.n_mels}},
                       {"embeddings_shape", {info.n_embeddings, info.n_dims}},
                       {"nan_inf_count", summary.nan_count},
                       {"feature_spec_alias", info.feature_spec_alias},
                       {"feature_spec_id", info.feature_spec_id},
                       {"embedding_model_id", info.embedding_model_id}};
    return outcome;
  }

 private:
  static bool is_yamnet(const engine::StageRequest& request) {
    return core::get_string(request.params, "embedding") == "yamnet";
  }

  Result<std::unique_ptr<Embedder>> make_embedder(const engine::StageRequest& request, Hertz rate) {
    if (!is_yamnet(request)) return std::unique_ptr<Embedder>(std::make_unique<BuiltinEmbedder>());
    return YamnetEmbedder::create(*yamnet_, rate);
  }

  static formats::FeaturePackInfo pack_info(const engine::StageRequest& request) {
    formats::FeaturePackInfo info;
    info.asset_id = request.asset_id;
    info.computed_at = request.computed_at;
    info.feature_spec_id = request.feature_spec_id;
    info.feature_spec_alias = request.feature_spec_alias;
    info.embedding_backend = is_yamnet(request) ? "onnxruntime" : "builtin";
    info.embedding_model_id = is_yamnet(request) ? "yamnet" : "builtin1024";
    info.embedding_model_hash =
        "sha256:" + core::get_string(request.models, info.embedding_model_id);
    info.pipeline_version = info.worker_version = core::version();
    return info;
  }

  static Result<void> compute(const audio::WavReader& wav,
                              dsp::LogMel& log_mel,
                              Embedder& embedder,
                              formats::FeaturePackWriter& writer,
                              const engine::ProgressFn& progress) {
    std::vector<float> samples(static_cast<std::size_t>(std::min(kBlockSamples, wav.n_samples())));
    std::vector<float> rows;
    std::vector<float> embeddings;
    for (std::int64_t begin = 0; begin < wav.n_samples();) {
      BALEEN_ASSIGN_OR_RETURN(const std::size_t n, wav.read(begin, std::span<float>(samples)));
      if (n == 0)
        return fail(ErrorCode::artifact_corrupt, "normalized.wav ends before its header says");
      const std::span<const float> block = std::span(samples).first(n);
      rows.clear();
      embeddings.clear();
      log_mel.push(block, rows);
      BALEEN_RETURN_IF_ERROR(embedder.push(block, rows, embeddings));
      BALEEN_RETURN_IF_ERROR(writer.append_melspec(rows));
      BALEEN_RETURN_IF_ERROR(writer.append_embeddings(embeddings));
      begin += static_cast<std::int64_t>(n);
      progress(static_cast<double>(begin) / static_cast<double>(wav.n_samples()));
    }
    rows.clear();
    embeddings.clear();
    log_mel.finish(rows);
    BALEEN_RETURN_IF_ERROR(embedder.push({}, rows, embeddings));
    BALEEN_RETURN_IF_ERROR(embedder.finish(embeddings));
    BALEEN_RETURN_IF_ERROR(writer.append_melspec(rows));
    return writer.append_embeddings(embeddings);
  }

  const ml::ModelStore models_;
  std::optional<ml::Yamnet> yamnet_;  // Warm between tasks.
  std::string yamnet_sha256_;
};

}  // namespace

std::unique_ptr<engine::Stage> make_features_stage(const ml::ModelStore& models) {
  return std::make_unique<FeaturesStage>(models);
}

}  // namespace baleen::ssis
