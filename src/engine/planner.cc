#include "engine/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/sha256.h"
#include "store/assets.h"
#include "store/collections.h"

namespace baleen::engine {
namespace {

class DatabaseView final : public PlanView {
 public:
  DatabaseView(store::Database& database,
               const store::DataRoot& root,
               std::string_view asset_id,
               const json::object& params)
      : database_(database), root_(root), asset_id_(asset_id), params_(params) {}
  [[nodiscard]] bool has_artifact(std::string_view type, std::string_view alias) const override {
    const auto found = store::find_latest_artifact(database_, asset_id_, type, alias);
    if (!found.ok()) error_ = found.error();
    return found.ok() && found->has_value() &&
           store::look_at_file(root_, **found) == store::FileState::intact;
  }
  [[nodiscard]] std::string digest_of(std::string_view type) const override {
    const auto found = store::find_latest_artifact(database_, asset_id_, type, "");
    if (!found.ok()) error_ = found.error();
    return found.ok() && found->has_value() ? (*found)->content_sha256 : "";
  }
  [[nodiscard]] std::string document_of(std::string_view type,
                                        std::string_view alias) const override {
    const auto found = store::find_latest_artifact(database_, asset_id_, type, alias);
    if (!found.ok()) error_ = found.error();
    return found.ok() && found->has_value() ? (*found)->document_json : "";
  }
  [[nodiscard]] std::string subject_id() const override { return std::string(asset_id_); }
  [[nodiscard]] std::string filename() const override {
    const auto found = store::find_asset(database_, asset_id_);
    if (!found.ok()) error_ = found.error();
    return found.ok() && found->has_value() ? (*found)->original_filename : "";
  }
  [[nodiscard]] const json::object& params() const override { return params_; }
  [[nodiscard]] std::vector<Member> members() const override {
    std::vector<Member> members;
    const auto found = store::list_members(database_, asset_id_);
    if (!found.ok()) {
      error_ = found.error();
      return members;
    }
    for (const store::CollectionMember& member : *found)
      members.push_back({member.asset_id, member.filename, member.metadata.to_json()});
    return members;
  }
  /// What kept it from looking: then nothing that was chosen by its answers counts.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  store::Database& database_;
  const store::DataRoot& root_;
  std::string_view asset_id_;
  const json::object& params_;
  mutable std::optional<Error> error_;
};

json::object digests_of(const StageSpec& spec, const std::vector<store::Artifact>& inputs) {
  json::object digests;
  for (const InputSpec& input : spec.inputs) {
    std::string lines;
    std::size_t count = 0;
    for (const store::Artifact& artifact : inputs) {
      if (artifact.type != input.type) continue;
      ++count;
      lines = input.is_of_members ? lines + artifact.asset_id + " " + artifact.content_sha256 + "\n"
                                  : artifact.content_sha256;
    }
    digests[input.type] =
        input.is_of_members ? fmt::format("{} of {}", core::sha256_hex(lines), count) : lines;
  }
  return digests;
}

json::object signature_key(const StageSpec& spec,
                           const StageSetup& setup,
                           const std::vector<store::Artifact>& inputs) {
  json::object key{{"stage", spec.name},
                   {"stage_version", spec.version},
                   {"feature_spec_id", setup.feature_spec_id},
                   {"params", setup.params},
                   {"models", setup.models},
                   {"inputs", digests_of(spec, inputs)}};
  if (!setup.payload.empty())
    key["payload"] = core::sha256_hex(core::to_canonical_json(setup.payload));
  return key;
}

/// The first part of the key in which an older signature differs.
Reason difference(const json::object& older, const json::object& now) {
  const auto differs = [&](std::string_view key) {
    const json::value* a = older.if_contains({key.data(), key.size()});
    const json::value* b = now.if_contains({key.data(), key.size()});
    return (a == nullptr) != (b == nullptr) || (a != nullptr && *a != *b);
  };
  if (differs("inputs")) return Reason::input_changed;
  if (differs("stage_version")) return Reason::code_changed;
  if (differs("models")) return Reason::model_changed;
  return Reason::params_changed;
}

std::string sentence(Reason reason, std::string_view detail) {
  switch (reason) {
    case Reason::never_ran: return "no artifact of this stage exists yet";
    case Reason::input_changed: return "an input has other content than last time";
    case Reason::params_changed: return "its parameters have changed";
    case Reason::code_changed: return "the stage has a newer version";
    case Reason::model_changed: return "another model is installed";
    case Reason::output_missing: return fmt::format("{} is gone", detail);
    case Reason::output_damaged: return fmt::format("{} has another size than recorded", detail);
    case Reason::upstream_stale: return fmt::format("{} runs first", detail);
    case Reason::input_missing: return fmt::format("its input {} does not exist", detail);
    case Reason::forced: return "asked for";
    case Reason::fresh: return "up to date";
  }
  return {};
}

}  // namespace

std::string alias_of(const InputSpec& input, const StageSetup& setup) {
  const auto other = setup.input_aliases.find(input.type);
  if (other != setup.input_aliases.end()) return other->second;
  return input.is_of_alias ? setup.feature_spec_alias : std::string();
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::never_ran: return "never_ran";
    case Reason::input_changed: return "input_changed";
    case Reason::params_changed: return "params_changed";
    case Reason::code_changed: return "code_changed";
    case Reason::model_changed: return "model_changed";
    case Reason::output_missing: return "output_missing";
    case Reason::output_damaged: return "output_damaged";
    case Reason::upstream_stale: return "upstream_stale";
    case Reason::input_missing: return "input_missing";
    case Reason::forced: return "forced";
    case Reason::fresh: return "fresh";
  }
  return "never_ran";
}

/// Whether the input is there; if not the plan says what is missing.
Result<bool> Planner::find_input(const InputSpec& input,
                                 std::string_view asset_id,
                                 StagePlan& plan) {
  const std::string alias = alias_of(input, plan.setup);
  std::vector<store::Artifact> candidates;
  if (input.is_of_members) {
    BALEEN_ASSIGN_OR_RETURN(candidates, store::find_latest_artifacts_of_members(database_, asset_id,
                                                                                input.type, alias));
    const auto& chosen = plan.setup.member_ids;
    const std::set<std::string_view> ids =
        chosen ? std::set<std::string_view>(chosen->begin(), chosen->end())
               : std::set<std::string_view>();
    std::erase_if(candidates, [&](const store::Artifact& artifact) {
      return chosen && !ids.contains(artifact.asset_id);
    });
  } else {
    BALEEN_ASSIGN_OR_RETURN(std::optional<store::Artifact> found,
                            store::find_latest_artifact(database_, asset_id, input.type, alias));
    if (found) candidates.push_back(std::move(*found));
  }
  const std::string missing = candidates.empty() ? input.type : candidates.front().path;
  std::erase_if(candidates, [&](const store::Artifact& artifact) {
    return store::look_at_file(root_, artifact) != store::FileState::intact;
  });
  if (candidates.empty()) {
    plan.reason = Reason::input_missing;
    plan.missing_code = input.missing_code;
    plan.missing_type = input.type;
    plan.why =
        input.is_of_members && missing == input.type
            ? fmt::format("no recording of the collection has the {} that it asks for", input.type)
            : sentence(plan.reason, missing);
    plan.inputs.clear();
    return false;
  }
  std::move(candidates.begin(), candidates.end(), std::back_inserter(plan.inputs));
  return true;
}

Result<StagePlan> Planner::look_at(const StageSpec& spec,
                                   std::string_view asset_id,
                                   const json::object& params) {
  StagePlan plan;
  plan.spec = &spec;
  const DatabaseView view(database_, root_, asset_id, params);
  BALEEN_ASSIGN_OR_RETURN(plan.setup, spec.setup(view));
  if (view.error()) return *view.error();
  for (const InputSpec& input : spec.inputs) {
    BALEEN_ASSIGN_OR_RETURN(const bool is_there, find_input(input, asset_id, plan));
    if (!is_there) return plan;
  }
  plan.signature_json = core::to_canonical_json(signature_key(spec, plan.setup, plan.inputs));
  plan.signature = core::sha256_hex(plan.signature_json);
  BALEEN_ASSIGN_OR_RETURN(plan.outputs,
                          store::find_artifacts_by_signature(database_, plan.signature));
  std::erase_if(plan.outputs,
                [&](const store::Artifact& artifact) { return artifact.asset_id != asset_id; });

  if (plan.outputs.size() == spec.outputs.size()) {
    plan.reason = Reason::fresh;
    std::string detail;
    for (const store::Artifact& output : plan.outputs) {
      const store::FileState state = store::look_at_file(root_, output);
      if (state == store::FileState::intact) continue;
      plan.reason =
          state == store::FileState::missing ? Reason::output_missing : Reason::output_damaged;
      detail = output.path;
    }
    plan.why = sentence(plan.reason, detail);
  } else {
    BALEEN_RETURN_IF_ERROR(explain_staleness(plan, asset_id));
  }
  return plan;
}

Result<void> Planner::explain_staleness(StagePlan& plan, std::string_view asset_id) {
  plan.reason = Reason::never_ran;
  for (const OutputSpec& output : plan.spec->outputs) {
    BALEEN_ASSIGN_OR_RETURN(const std::optional<store::Artifact> older,
                            store::find_latest_artifact(database_, asset_id, output.type, ""));
    if (!older) continue;
    const Result<json::value> key = core::parse_json(older->signature_json, "signature");
    const Result<json::value> now = core::parse_json(plan.signature_json, "signature");
    if (key.ok() && key->is_object() && now.ok())
      plan.reason = difference(key->get_object(), now->get_object());
  }
  plan.why = sentence(plan.reason, "");
  return {};
}

Result<std::vector<StagePlan>> Planner::plan(const Recipe& recipe,
                                             std::string_view asset_id,
                                             const json::object& params) {
  std::vector<StagePlan> plans;
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    BALEEN_ASSIGN_OR_RETURN(StagePlan plan, look_at(recipe.stages[i], asset_id, params));
    for (const int upstream : recipe.upstream_of(static_cast<int>(i))) {
      if (plans[static_cast<std::size_t>(upstream)].is_fresh()) continue;
      // What exists now may be replaced by something else, so nothing can be said of the signature yet.
      if (plan.is_fresh() || plan.reason == Reason::input_missing) {
        plan.reason = Reason::upstream_stale;
        plan.why = sentence(plan.reason, recipe.stages[static_cast<std::size_t>(upstream)].name);
      }
      plan.signature.clear();
      break;
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace baleen::engine
