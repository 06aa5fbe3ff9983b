#include "engine/recipe.h"

#include <algorithm>
#include <set>

#include "core/check.h"

namespace baleen::engine {
namespace {

template <typename List>
auto& find_type(List& list, std::string_view type) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.type == type; });
  BALEEN_CHECK(found != list.end());
  return *found;
}

}  // namespace

const StageInput& StageRequest::input(std::string_view type) const {
  return find_type(inputs, type);
}
const StageOutputSlot& StageRequest::output(std::string_view type) const {
  return find_type(outputs, type);
}

json::object StageRequest::to_json() const {
  json::array input_list;
  for (const StageInput& in : inputs) {
    input_list.push_back({{"type", in.type},
                          {"path", in.path.string()},
                          {"alias", in.feature_spec_alias},
                          {"asset", in.asset_id}});
  }
  json::array output_list;
  for (const StageOutputSlot& out : outputs) {
    output_list.push_back({{"type", out.type},
                           {"temporary", out.temporary.string()},
                           {"alternative", out.alternative.string()},
                           {"final_path", out.final_path}});
  }
  json::array scratch_list;
  for (const auto& path : scratch) scratch_list.emplace_back(path.string());
  return {{"task_id", task_id},
          {"fence", fence},
          {"recipe", recipe},
          {"stage", stage},
          {"asset_id", asset_id},
          {"trace_id", trace_id},
          {"feature_spec_alias", feature_spec_alias},
          {"feature_spec_id", feature_spec_id},
          {"signature", signature},
          {"computed_at", computed_at},
          {"params", params},
          {"models", models},
          {"payload", payload},
          {"inputs", input_list},
          {"outputs", output_list},
          {"scratch", scratch_list},
          {"n_threads", n_threads},
          {"work_directory", work_directory.string()}};
}

StageRequest StageRequest::from_json(const json::object& object) {
  StageRequest request;
  request.task_id = core::get_int(object, "task_id");
  request.fence = core::get_int(object, "fence");
  request.recipe = core::get_string(object, "recipe");
  request.stage = core::get_string(object, "stage");
  request.asset_id = core::get_string(object, "asset_id");
  request.trace_id = core::get_string(object, "trace_id");
  request.feature_spec_alias = core::get_string(object, "feature_spec_alias");
  request.feature_spec_id = core::get_string(object, "feature_spec_id");
  request.signature = core::get_string(object, "signature");
  request.computed_at = core::get_string(object, "computed_at");
  request.params = core::get_object(object, "params");
  request.models = core::get_object(object, "models");
  request.payload = core::get_object(object, "payload");
  for (const json::value& value : core::get_array(object, "inputs")) {
    const json::object& in = value.as_object();
    request.inputs.push_back({core::get_string(in, "type"), core::get_string(in, "path"),
                              core::get_string(in, "alias"), core::get_string(in, "asset")});
  }
  for (const json::value& value : core::get_array(object, "outputs")) {
    const json::object& out = value.as_object();
    request.outputs.push_back({core::get_string(out, "type"), core::get_string(out, "temporary"),
                               core::get_string(out, "alternative"),
                               core::get_string(out, "final_path")});
  }
  for (const json::value& value : core::get_array(object, "scratch")) {
    request.scratch.emplace_back(std::string(value.as_string()));
  }
  request.work_directory = core::get_string(object, "work_directory");
  request.n_threads = static_cast<int>(core::get_int(object, "n_threads", 1));
  return request;
}

json::object StageOutcome::to_json() const {
  json::array artifact_list;
  for (const ProducedArtifact& artifact : artifacts) {
    artifact_list.push_back({{"type", artifact.type},
                             {"temporary", artifact.temporary.string()},
                             {"content_sha256", artifact.content_sha256},
                             {"document", artifact.document_json}});
  }
  json::array warning_list;
  for (const StageWarning& warning : warnings) {
    const std::string_view code = core::error_info(warning.code).name;
    warning_list.push_back(
        {{"code", json::string_view(code.data(), code.size())}, {"message", warning.message}});
  }
  return {{"artifacts", artifact_list}, {"metrics", metrics}, {"warnings", warning_list}};
}

StageOutcome StageOutcome::from_json(const json::object& object) {
  StageOutcome outcome;
  for (const json::value& value : core::get_array(object, "artifacts")) {
    if (!value.is_object()) continue;
    const json::object& artifact = value.get_object();
    outcome.artifacts.push_back(
        {core::get_string(artifact, "type"), core::get_string(artifact, "temporary"),
         core::get_string(artifact, "content_sha256"), core::get_string(artifact, "document")});
  }
  outcome.metrics = core::get_object(object, "metrics");
  for (const json::value& value : core::get_array(object, "warnings")) {
    if (!value.is_object()) continue;
    const auto code = core::parse_error_code(core::get_string(value.get_object(), "code"));
    if (code) outcome.warnings.push_back({*code, core::get_string(value.get_object(), "message")});
  }
  return outcome;
}

Result<json::object> Recipe::check_params(const json::object& given) const {
  if (canonical_params) return canonical_params(given);
  if (given.empty()) return json::object{};
  return fail(ErrorCode::invalid_argument, "recipe '{}' takes no parameters", name);
}

const StageSpec* Recipe::find_stage(std::string_view stage) const {
  for (const StageSpec& spec : stages) {
    if (spec.name == stage) return &spec;
  }
  return nullptr;
}

int Recipe::producer_of(std::string_view artifact_type) const {
  for (std::size_t i = 0; i < stages.size(); ++i) {
    for (const OutputSpec& output : stages[i].outputs) {
      if (output.type == artifact_type) return static_cast<int>(i);
    }
  }
  return -1;
}

std::vector<int> Recipe::upstream_of(int stage_index) const {
  std::set<int> upstream;
  for (const InputSpec& input : stages[static_cast<std::size_t>(stage_index)].inputs) {
    const int producer = producer_of(input.type);
    if (producer >= 0) upstream.insert(producer);
  }
  return {upstream.begin(), upstream.end()};
}

Result<void> RecipeRegistry::add(Recipe recipe) {
  if (recipes_.contains(recipe.name)) {
    return fail(ErrorCode::invalid_argument, "recipe '{}' is registered twice", recipe.name);
  }
  std::set<std::string> stage_names;
  std::set<std::string> types;
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    const StageSpec& spec = recipe.stages[i];
    if (!stage_names.insert(spec.name).second) {
      return fail(ErrorCode::invalid_argument, "recipe '{}': stage '{}' is there twice",
                  recipe.name, spec.name);
    }
    for (const int upstream : recipe.upstream_of(static_cast<int>(i))) {
      if (upstream >= static_cast<int>(i)) {
        return fail(ErrorCode::invalid_argument,
                    "recipe '{}': stage '{}' reads what is only made at or after it", recipe.name,
                    spec.name);
      }
    }
    for (const OutputSpec& output : spec.outputs) {
      if (!types.insert(output.type).second) {
        return fail(ErrorCode::invalid_argument, "recipe '{}': '{}' is made twice", recipe.name,
                    output.type);
      }
    }
  }
  std::string name = recipe.name;
  recipes_.emplace(std::move(name), std::move(recipe));
  return {};
}

Result<const Recipe*> RecipeRegistry::find(std::string_view name) const {
  const auto found = recipes_.find(name);
  if (found != recipes_.end()) return &found->second;
  std::string known;
  for (const auto& [other, recipe] :
       recipes_)  // Those over collections have commands of their own.
    if (!recipe.is_of_collections) known += (known.empty() ? "" : ", ") + other;
  return fail(ErrorCode::not_found, "there is no recipe '{}'; there is: {}", name, known);
}

}  // namespace baleen::engine
