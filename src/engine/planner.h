#pragma once

/// The planner: which stages of a recipe are stale for an asset, and why.
///
/// A stage is fresh if intact artifacts with exactly its signature exist. The signature is the
/// sha256 of (stage, stage version, parameters, content digests of the inputs, model digests), so
/// freshness needs no clock and no trust in file times.

#include <optional>
#include <string>
#include <vector>

#include "engine/recipe.h"
#include "store/artifacts.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::engine {

enum class Reason {
  never_ran,
  input_changed,
  params_changed,
  code_changed,
  model_changed,
  output_missing,
  output_damaged,
  upstream_stale,  ///< An input is about to be made again.
  input_missing,   ///< An input does not exist and no stage of this plan makes it.
  forced,          ///< Asked for by rerun.
  fresh,           ///< Nothing to do: the artifacts are there.
};
[[nodiscard]] std::string_view to_string(Reason reason);

/// Which alias an artifact must have to be this input; "": any.
[[nodiscard]] std::string alias_of(const InputSpec& input, const StageSetup& setup);

/// One stage, looked at now.
struct StagePlan {
  const StageSpec* spec = nullptr;
  StageSetup setup;
  Reason reason = Reason::never_ran;
  std::string why;             ///< One sentence for people.
  std::string signature;       ///< Empty while an input is missing or about to change.
  std::string signature_json;  ///< What it is the digest of.
  std::vector<store::Artifact>
      inputs;  ///< In the order of spec->inputs, of members by their ids; only if the signature is known.
  std::vector<store::Artifact> outputs;  ///< The fresh artifacts, if any.
  ErrorCode missing_code = ErrorCode::input_not_found;
  std::string missing_type;  ///< The first input that is missing.

  [[nodiscard]] bool is_fresh() const { return reason == Reason::fresh; }
};

class Planner {
 public:
  Planner(store::Database& database, const store::DataRoot& root)
      : database_(database), root_(root) {}

  /// Looks at one stage as if its upstream were done. `params`: those of the run, canonical.
  [[nodiscard]] Result<StagePlan> look_at(const StageSpec& spec,
                                          std::string_view asset_id,
                                          const json::object& params);
  /// Looks at the whole recipe in order; stages below a stale one are `upstream_stale`.
  [[nodiscard]] Result<std::vector<StagePlan>> plan(const Recipe& recipe,
                                                    std::string_view asset_id,
                                                    const json::object& params = {});

 private:
  [[nodiscard]] Result<bool> find_input(const InputSpec& input,
                                        std::string_view asset_id,
                                        StagePlan& plan);
  [[nodiscard]] Result<void> explain_staleness(StagePlan& plan, std::string_view asset_id);

  store::Database& database_;
  const store::DataRoot& root_;
};

}  // namespace baleen::engine
