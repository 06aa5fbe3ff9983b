#include "recipes/bioacoustics/recipe.h"

#include "recipes/bioacoustics/encoding.h"

namespace baleen::bioacoustics {
namespace {

engine::StageSpec embed_spec(const EmbedSettings& settings, const ml::ModelStore& models) {
  engine::StageSpec spec;
  spec.name = "embed";
  spec.version = "1";
  spec.inputs = {{"original", false, ErrorCode::input_not_found}};
  spec.outputs = {{"embedding_set",
                   "embeddings/{model_version}/{asset}/{encoding_signature}.parquet",
                   "embedding_set.v1", "1.0.0", true}};
  spec.scratch = {"embeddings.checkpoint.json.tmp"};
  spec.setup = [models](const engine::PlanView& view) -> Result<engine::StageSetup> {
    BALEEN_ASSIGN_OR_RETURN(const Encoding encoding, resolve_encoding(view.params(), models));
    const std::string signature = encoding.signature(view.digest_of("original"));
    engine::StageSetup setup;
    setup.feature_spec_id = encoding.id();
    setup.feature_spec_alias = encoding.alias();
    setup.params = {{"encoding", encoding.to_json()}, {"encoding_signature", signature}};
    setup.models[encoding.model_version] = encoding.model_sha256;
    setup.path_words = {{"model_version", encoding.model_version},
                        {"encoding_signature", signature}};
    return setup;
  };
  spec.make = [models, settings] { return make_embed_stage(models, settings); };
  return spec;
}

}  // namespace

engine::Recipe make_recipe(const BioacousticsSettings& settings,
                           const std::filesystem::path& models_directory) {
  const ml::ModelStore models(models_directory);
  engine::Recipe recipe{"bioacoustics", "a vector for each window of each recording", {}};
  recipe.canonical_params = [model = settings.model](const json::object& given) {
    return canonical_encoding_params(given, model);
  };
  recipe.stages = {embed_spec(settings.embed, models)};
  return recipe;
}

}  // namespace baleen::bioacoustics
