#include "recipes/ssis/recipe.h"

#include <map>
#include <mutex>

#include "core/sha256.h"
#include "ml/builtin_smn.h"
#include "recipes/ssis/stages.h"

namespace baleen::ssis {
namespace {

/// Digests of installed models by task, read again only when the models' directory changes: plans
/// are made for every task, and models change once in a month.
class ModelDigests {
 public:
  explicit ModelDigests(std::filesystem::path directory) : store_(std::move(directory)) {}

  [[nodiscard]] const ml::ModelStore& store() const { return store_; }

  /// The sha256 of the active model for a task, or "".
  std::string sha256(const std::string& task) {
    const std::lock_guard lock(mutex_);
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(store_.root(), error);
    if (error) return {};
    if (changed != seen_) {
      digests_.clear();
      seen_ = changed;
    }
    const auto known = digests_.find(task);
    if (known != digests_.end()) return known->second;
    const std::optional<ml::InstalledModel> model = store_.find_for_task(task);
    return digests_[task] = model ? model->card.sha256 : "";
  }

 private:
  ml::ModelStore store_;
  std::mutex mutex_;
  std::filesystem::file_time_type seen_;        // Guarded by mutex_.
  std::map<std::string, std::string> digests_;  // Guarded by mutex_.
};

using SharedDigests = std::shared_ptr<ModelDigests>;  // Shared by the closures of the stages.

/// The digest that stands for the built-in embedding: of its name, which changes with its arithmetic.
std::string builtin_embedding_sha256() { return core::sha256_hex("builtin1024/1"); }

Result<engine::StageSetup> features_setup(const std::string& wanted, ModelDigests& digests) {
  const std::string sha256 = wanted == "builtin" ? "" : digests.sha256("yamnet");
  if (wanted == "yamnet" && sha256.empty()) {
    return fail(ErrorCode::model_not_found,
                "features.embedding is 'yamnet', but YAMNet is not installed");
  }
  engine::StageSetup setup;
  const bool is_yamnet = !sha256.empty();
  setup.feature_spec_id = is_yamnet ? kYamnetFeatureSpecId : kBuiltinFeatureSpecId;
  setup.feature_spec_alias = feature_spec_alias(setup.feature_spec_id);
  setup.params = {{"embedding", is_yamnet ? "yamnet" : "builtin"}};
  setup.models[is_yamnet ? "yamnet" : "builtin1024"] =
      is_yamnet ? sha256 : builtin_embedding_sha256();
  return setup;
}

Result<engine::StageSetup> segments_setup(const std::string& wanted,
                                          const std::string& vad,
                                          ModelDigests& digests) {
  const std::string ina = wanted == "builtin" ? "" : digests.sha256("ina_smn");
  if (wanted == "ina" && ina.empty()) {
    return fail(ErrorCode::model_not_found,
                "segments.model is 'ina', but the INA network is not installed");
  }
  engine::StageSetup setup;
  setup.params = {{"segmenter", ina.empty() ? "builtin" : "ina"},
                  {"min_speech_s", 0.8},
                  {"min_music_s", 3.4},
                  {"min_silence_s", 0.5},
                  {"merge_gap_s", 0.3}};
  if (ina.empty()) {
    setup.models["builtin"] = ml::BuiltinSmn::instance().model_hash();
  } else {
    setup.models["ina_smn"] = ina;
  }
  if (const std::string sha256 = vad == "off" ? "" : digests.sha256("vad"); !sha256.empty()) {
    setup.models["vad"] = sha256;
  }
  return setup;
}

engine::StageSpec decode_spec(const SsisSettings& settings) {
  engine::StageSpec spec;
  spec.name = "decode";
  spec.version = "1";
  spec.inputs = {{"original", false, ErrorCode::input_not_found}};
  spec.outputs = {
      {"normalized_wav", "audio/{asset}/normalized.wav", "normalized_wav", "1.0.0", true}};
  spec.scratch = {"normalized.checkpoint.json.tmp"};
  const json::object params{{"sample_rate_hz", 22050},
                            {"min_duration_s", settings.min_duration_s},
                            {"max_duration_s", settings.max_duration_s}};
  spec.setup = [params](const engine::PlanView&) -> Result<engine::StageSetup> {
    return engine::StageSetup{"", "", params, {}};
  };
  const DecodeSettings decode{settings.chunk_s, settings.expansion_max};
  spec.make = [decode] { return make_decode_stage(decode); };
  return spec;
}

engine::StageSpec waveform_spec() {
  engine::StageSpec spec;
  spec.name = "waveform";
  spec.version = "1";
  spec.inputs = {{"normalized_wav", false, ErrorCode::input_not_found}};
  spec.outputs = {
      {"waveform_v1", "waveform/{asset}.waveform.v1.dat", "audiowaveform", "2.0.0", false}};
  spec.setup = [](const engine::PlanView&) -> Result<engine::StageSetup> {
    return engine::StageSetup{};
  };
  spec.make = [] { return make_waveform_stage(); };
  return spec;
}

engine::StageSpec features_spec(const SsisSettings& settings, const SharedDigests& digests) {
  engine::StageSpec spec;
  spec.name = "features";
  spec.version = "1";
  spec.inputs = {{"normalized_wav", false, ErrorCode::input_not_found}};
  spec.outputs = {
      {"feature_pack", "features/{asset}.{alias}.h5", "feature_pack.v1", "1.0.0", false},
      {"feature_pack_record", "features/{asset}.{alias}.feature_pack.v1.json", "feature_pack.v1",
       "1.0.0", false}};
  spec.setup = [wanted = settings.embedding, digests](const engine::PlanView&) {
    return features_setup(wanted, *digests);
  };
  spec.make = [digests] { return make_features_stage(digests->store()); };
  return spec;
}

engine::StageSpec segments_spec(const SsisSettings& settings, const SharedDigests& digests) {
  engine::StageSpec spec;
  spec.name = "segments";
  spec.version = "1";
  spec.inputs = {{"normalized_wav", false, ErrorCode::input_not_found}};
  spec.outputs = {
      {"segments_v1", "segments/{asset}.segments.v1.json", "segments.v1", "1.0.0", false}};
  spec.setup = [wanted = settings.segmenter, vad = settings.vad, digests](const engine::PlanView&) {
    return segments_setup(wanted, vad, *digests);
  };
  spec.make = [digests] { return make_segments_stage(digests->store()); };
  return spec;
}

engine::StageSpec preview_spec(const SsisSettings& settings, const SharedDigests& digests) {
  engine::StageSpec spec;
  spec.name = "preview";
  spec.version = "1";
  spec.inputs = {{"normalized_wav", false, ErrorCode::input_not_found},
                 {"segments_v1", false, ErrorCode::input_not_found},
                 {"feature_pack", true, ErrorCode::featurepack_missing}};
  spec.outputs = {
      {"preview_v1", "preview/{asset}.preview.v1.json", "preview_candidate.v1", "1.0.0", false}};
  spec.setup = [settings, digests](const engine::PlanView& view) -> Result<engine::StageSetup> {
    // The configured feature spec if its pack exists, else the default one.
    BALEEN_ASSIGN_OR_RETURN(const engine::StageSetup features,
                            features_setup(settings.embedding, *digests));
    engine::StageSetup setup;
    const std::string& configured = settings.preview_feature_spec_alias;
    const bool is_usable = !configured.empty() && view.has_artifact("feature_pack", configured);
    setup.feature_spec_alias = is_usable ? configured : features.feature_spec_alias;
    setup.params = {{"feature_spec_alias", setup.feature_spec_alias},
                    {"window_s", settings.preview_window_s},
                    {"score_threshold", settings.preview_score_threshold}};
    return setup;
  };
  spec.make = [] { return make_preview_stage(); };
  return spec;
}

Result<void> check(const SsisSettings& settings) {
  const auto is_one_of = [](const std::string& word,
                            std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (!is_one_of(settings.embedding, {"auto", "yamnet", "builtin"})) {
    return fail(ErrorCode::config_invalid,
                "features.embedding is '{}'; allowed: auto, yamnet, builtin", settings.embedding);
  }
  if (!is_one_of(settings.segmenter, {"auto", "ina", "builtin"})) {
    return fail(ErrorCode::config_invalid, "segments.model is '{}'; allowed: auto, ina, builtin",
                settings.segmenter);
  }
  if (!is_one_of(settings.vad, {"auto", "off"})) {
    return fail(ErrorCode::config_invalid, "segments.vad is '{}'; allowed: auto, off",
                settings.vad);
  }
  if (settings.min_duration_s < 0 || settings.max_duration_s < 0 || settings.expansion_max < 0) {
    return fail(ErrorCode::config_invalid,
                "decode.min_duration_s, decode.max_duration_s and decode.expansion_max may not be "
                "negative");
  }
  if (!(settings.chunk_s >= 0.1))
    return fail(ErrorCode::config_invalid, "decode.chunk_s must be at least 0.1");
  if (!(settings.preview_window_s >= 1))
    return fail(ErrorCode::config_invalid, "preview.window_s must be at least 1");
  return {};
}

}  // namespace

std::string feature_spec_alias(std::string_view feature_spec_id) {
  return core::sha256_hex(feature_spec_id).substr(0, 12);
}

Result<engine::Recipe> make_recipe(const SsisSettings& settings,
                                   const std::filesystem::path& models_directory) {
  BALEEN_RETURN_IF_ERROR(check(settings));
  const auto digests = std::make_shared<ModelDigests>(models_directory);
  engine::Recipe recipe{
      "ssis", "decode, waveform, features, segments and a preview of each recording", {}};
  recipe.stages = {decode_spec(settings), waveform_spec(), features_spec(settings, digests),
                   segments_spec(settings, digests), preview_spec(settings, digests)};
  return recipe;
}

}  // namespace baleen::ssis
