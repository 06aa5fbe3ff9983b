#include "recipes/bioacoustics/recipe.h"

#include "core/ids.h"
#include "core/sha256.h"
#include "recipes/bioacoustics/clustering.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/metadata.h"
#include "recipes/bioacoustics/sweep.h"

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
        core::parse_json_object(view.document_of("recording_v1", ""), "recording_v1");
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

Result<json::object> canonical_cluster_params(const json::object& given, const std::string& model) {
  json::object encoding = given;
  encoding.erase("clustering");
  encoding.erase("where");
  for (const char* name : {"clustering", "where"}) {
    const json::value* value = given.if_contains(name);
    if (value != nullptr && !value->is_object())
      return fail(ErrorCode::invalid_argument, "{} is no object", name);
  }
  BALEEN_ASSIGN_OR_RETURN(json::object params, canonical_encoding_params(encoding, model));
  BALEEN_ASSIGN_OR_RETURN(const ClusteringParams clustering,
                          ClusteringParams::from_json(core::get_object(given, "clustering")));
  BALEEN_RETURN_IF_ERROR(check_where(core::get_object(given, "where")));
  params["clustering"] = clustering.to_json();
  params["where"] = core::get_object(given, "where");
  return params;
}

Result<json::object> canonical_sweep_params(const json::object& given, const std::string& model) {
  json::object clusters = given;
  clusters.erase("sweep");
  clusters.erase("seeds");
  BALEEN_ASSIGN_OR_RETURN(json::object params, canonical_cluster_params(clusters, model));
  const json::object& grid = core::get_object(given, "sweep");
  const std::int64_t n_seeds = core::get_int(given, "seeds", SweepPlan().n_seeds);
  BALEEN_ASSIGN_OR_RETURN(const SweepPlan plan,
                          SweepPlan::create(core::get_object(params, "clustering"), grid, n_seeds));
  params["sweep"] = grid;
  params["seeds"] = plan.n_seeds;
  return params;
}

/// "tag_data.species=humpback, tag_data.site=4".
std::string where_text(const json::object& where) {
  std::string text;
  for (const auto& condition : where) {
    const json::value& value = condition.value();
    text += (text.empty() ? "" : ", ") + std::string(condition.key()) + "=" +
            (value.is_string() ? std::string(value.get_string()) : core::to_json(value));
  }
  return text;
}

/// Which recordings, and what is known of them. CLUSTER_TOO_FEW_POINTS where the filter leaves none.
Result<void> choose_members(const engine::PlanView& view, engine::StageSetup& setup) {
  const json::object& where = core::get_object(view.params(), "where");
  setup.member_ids.emplace();
  json::object metadata;
  for (const engine::Member& member : view.members()) {
    if (!matches(member.metadata, where)) continue;
    setup.member_ids->push_back(member.asset_id);
    if (!member.metadata.empty()) metadata[member.asset_id] = member.metadata;
  }
  if (setup.member_ids->empty() && !where.empty() && !view.members().empty()) {
    return fail(ErrorCode::cluster_too_few_points,
                "none of the {} recordings of the collection has {} in its metadata",
                view.members().size(), where_text(where));
  }
  setup.payload = {{"metadata", std::move(metadata)}};
  return {};
}

std::string alias_of_job(std::string_view job_id) { return core::sha256_hex(job_id).substr(0, 12); }

/// What jobs over the embeddings of a collection have in common; `names` are parameters that make up the job.
engine::StageSpec job_spec(const ml::ModelStore& models, std::vector<const char*> names) {
  engine::StageSpec spec;
  engine::InputSpec embeddings{"embedding_set", true, ErrorCode::input_not_found};
  embeddings.is_of_members = true;
  engine::InputSpec recordings{"recording_v1", false, ErrorCode::input_not_found};
  recordings.is_of_members = true;
  spec.inputs = {embeddings, recordings};
  spec.uses_threads = true;
  spec.setup = [models, names = std::move(names)](
                   const engine::PlanView& view) -> Result<engine::StageSetup> {
    BALEEN_ASSIGN_OR_RETURN(const Encoding encoding, resolve_encoding(view.params(), models));
    engine::StageSetup setup;
    setup.input_aliases["embedding_set"] = encoding.alias();
    // Two collections of the same recordings have their own clusters, and their own reviews of them.
    setup.params = {{"collection_id", view.subject_id()}, {"encoding_id", encoding.id()}};
    for (const char* name : names) setup.params[name] = view.params().at(name);
    BALEEN_RETURN_IF_ERROR(choose_members(view, setup));
    const json::object job{
        {"params", setup.params},
        {"members", json::array(setup.member_ids->begin(), setup.member_ids->end())}};
    const std::string job_id = core::derived_id(core::to_canonical_json(job));
    setup.path_words["job"] = job_id;
    setup.payload["job"] = job_id;
    // Jobs of other parameters have other leases, so that they may run at once.
    setup.feature_spec_alias = alias_of_job(job_id);
    return setup;
  };
  return spec;
}

engine::StageSpec cluster_spec(const ml::ModelStore& models) {
  engine::StageSpec spec = job_spec(models, {"clustering", "where"});
  spec.name = "cluster";
  spec.version = "2";
  spec.outputs = {{"clusters_v1", "clusters/{job}/clusters.json", "clusters.v1"},
                  {"assignments", "clusters/{job}/assignments.parquet", "assignments.v1"},
                  {"cluster_model", "clusters/{job}/cluster_model.bin", "cluster_model.v1"}};
  spec.make = [] { return make_cluster_stage(); };
  return spec;
}

engine::StageSpec sweep_spec(const ml::ModelStore& models) {
  engine::StageSpec spec = job_spec(models, {"clustering", "where", "sweep", "seeds"});
  spec.name = "sweep";
  spec.version = "2";
  spec.outputs = {{"sweep_v1", "clusters/{job}/sweep.json", "sweep.v1"}};
  spec.make = [] { return make_sweep_stage(); };
  return spec;
}

/// {clustering_id}: "" is the newest.
Result<json::object> canonical_assign_params(const json::object& given) {
  for (const auto& member : given) {
    if (member.key() != "clustering_id" || !member.value().is_string())
      return fail(ErrorCode::invalid_argument,
                  "assign takes a clustering_id, a text, and nothing else; it was given {}",
                  core::to_json(given));
  }
  return json::object{{"clustering_id", core::get_string(given, "clustering_id")}};
}

/// The one that was asked for, or the newest: the job's name, its alias and its encoding, as its model tells them.
Result<json::object> chosen_clustering(const engine::PlanView& view) {
  const std::string id = core::get_string(view.params(), "clustering_id");
  const Result<json::object> told = core::parse_json_object(
      view.document_of("cluster_model", id.empty() ? "" : alias_of_job(id)), "cluster_model");
  if (told.ok() && !core::get_string(*told, "job").empty()) return *told;
  if (!id.empty()) {
    return fail(
        ErrorCode::input_not_found,
        "the collection has no clustering \"{}\": `baleen clusters` lists those that it has", id);
  }
  return fail(ErrorCode::input_not_found,
              "the collection has no clusters that new recordings could be assigned to: `baleen "
              "cluster` makes them");
}

engine::StageSpec assign_spec() {
  engine::StageSpec spec;
  spec.name = "assign";
  spec.version = "1";
  spec.uses_threads = true;
  engine::InputSpec embeddings{"embedding_set", true, ErrorCode::input_not_found};
  embeddings.is_of_members = true;
  engine::InputSpec recordings{"recording_v1", false, ErrorCode::input_not_found};
  recordings.is_of_members = true;
  spec.inputs = {{"cluster_model", false, ErrorCode::input_not_found}, embeddings, recordings};
  spec.outputs = {{"additions", "clusters/{job}/additions.{members}.parquet", "assignments.v1"}};
  spec.setup = [](const engine::PlanView& view) -> Result<engine::StageSetup> {
    BALEEN_ASSIGN_OR_RETURN(const json::object clustering, chosen_clustering(view));
    engine::StageSetup setup;
    setup.feature_spec_alias = core::get_string(clustering, "alias");
    setup.input_aliases = {{"embedding_set", alias_of(core::get_string(clustering, "encoding_id"))},
                           {"cluster_model", setup.feature_spec_alias}};
    setup.params = {{"where", core::get_object(clustering, "where")}};
    json::object metadata;
    std::string ids;
    for (const engine::Member& member : view.members()) {
      ids += member.asset_id + "\n";
      if (!member.metadata.empty()) metadata[member.asset_id] = member.metadata;
    }
    setup.payload = {{"metadata", std::move(metadata)}};
    setup.path_words = {{"job", core::get_string(clustering, "job")},
                        {"members", core::sha256_hex(ids).substr(0, 12)}};
    return setup;
  };
  spec.make = [] { return make_assign_stage(); };
  return spec;
}

}  // namespace

engine::Recipe make_sweep_recipe(const BioacousticsSettings& settings,
                                 const std::filesystem::path& models_directory) {
  engine::Recipe recipe{"sweep", "which parameters make clusters of a collection that hold", {}};
  recipe.is_of_collections = true;
  recipe.canonical_params = [model = settings.model](const json::object& given) {
    return canonical_sweep_params(given, model);
  };
  recipe.stages = {sweep_spec(ml::ModelStore(models_directory))};
  return recipe;
}

engine::Recipe make_assign_recipe() {
  engine::Recipe recipe{"assign", "new recordings in the clusters of a collection", {}};
  recipe.is_of_collections = true;
  recipe.canonical_params = canonical_assign_params;
  recipe.stages = {assign_spec()};
  return recipe;
}

engine::Recipe make_cluster_recipe(const BioacousticsSettings& settings,
                                   const std::filesystem::path& models_directory) {
  engine::Recipe recipe{"clusters", "groups of like windows in a collection, and a map", {}};
  recipe.is_of_collections = true;
  recipe.canonical_params = [model = settings.model](const json::object& given) {
    return canonical_cluster_params(given, model);
  };
  recipe.stages = {cluster_spec(ml::ModelStore(models_directory))};
  return recipe;
}

engine::Recipe make_recipe(const BioacousticsSettings& settings,
                           const std::filesystem::path& models_directory) {
  const ml::ModelStore models(models_directory);
  engine::Recipe recipe{
      "bioacoustics", "what recorders say, and a vector for each window of each recording", {}};
  recipe.canonical_params = [model = settings.model,
                             models](const json::object& given) -> Result<json::object> {
    BALEEN_ASSIGN_OR_RETURN(json::object params, canonical_encoding_params(given, model));
    // A model that is not there is told once, before the first of thousands of recordings is copied.
    BALEEN_RETURN_IF_ERROR(resolve_encoding(params, models));
    return params;
  };
  recipe.stages = {describe_spec(), embed_spec(settings.embed, models)};
  return recipe;
}

}  // namespace baleen::bioacoustics
