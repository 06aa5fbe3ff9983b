#include "recipes/bioacoustics/recipe.h"

#include "recipes/bioacoustics/encoding.h"

namespace baleen::bioacoustics {
namespace {

engine::StageSpec embed_spec(const EmbedSettings& settings, const ml::ModelStore& models) {
  engine::StageSpec spec;
  spec.name = "embed";
  spec.version = "1";
  spec.inputs = {{"original", false, ErrorCode::input_not_found},
                 {"recording_v1", false, ErrorCode::input_not_found}};
  spec.outputs = {{"embedding_set",
                   "embeddings/{model_version}/{asset}/{encoding_signature}.parquet",
                   "embedding_set.v1", "1.0.0", true}};
  spec.scratch = {"embeddings.checkpoint.json.tmp"};
  spec.setup = [models](const engine::PlanView& view) -> Result<engine::StageSetup> {
    const Result<json::object> recording =
        core::parse_json_object(view.document_of("recording_v1"), "recording_v1");
    const double stated = recording.ok() ? core::get_double(*recording, "time_expansion", 1) : 1;
    BALEEN_ASSIGN_OR_RETURN(const Encoding encoding,
                            resolve_encoding(view.params(), models, stated));
    const std::string audio_sha256 = view.digest_of("original");
    const std::string signature = encoding.signature(audio_sha256);
    engine::StageSetup setup;
    setup.feature_spec_id = encoding.id();
    setup.feature_spec_alias = encoding.alias();
    setup.params = {{"encoding", encoding.to_json()},
                    {"encoding_signature", signature},
                    {"audio_sha256", audio_sha256}};
    setup.models[encoding.model_version] = encoding.model_sha256;
    setup.path_words = {{"model_version", encoding.model_version},
                        {"encoding_signature", signature}};
    return setup;
  };
  spec.make = [models, settings] { return make_embed_stage(models, settings); };
  return spec;
}

engine::StageSpec describe_spec() {
  engine::StageSpec spec;
  spec.name = "describe";
  spec.version = "1";
  spec.inputs = {{"original", false, ErrorCode::input_not_found}};
  spec.outputs = {{"recording_v1", "recordings/{asset}.recording.v1.json", "recording.v1"}};
  spec.setup = [](const engine::PlanView& view) -> Result<engine::StageSetup> {
    engine::StageSetup setup;
    setup.params = {{"filename", view.filename()}};
    return setup;
  };
  spec.make = [] { return make_describe_stage(); };
  return spec;
}

}  // namespace

engine::Recipe make_recipe(const BioacousticsSettings& settings,
                           const std::filesystem::path& models_directory) {
  const ml::ModelStore models(models_directory);
  engine::Recipe recipe{
      "bioacoustics", "what recorders say, and a vector for each window of each recording", {}};
  recipe.canonical_params = [model = settings.model](const json::object& given) {
    return canonical_encoding_params(given, model);
  };
  recipe.stages = {describe_spec(), embed_spec(settings.embed, models)};
  return recipe;
}

}  // namespace baleen::bioacoustics
