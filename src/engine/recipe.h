#pragma once

/// Recipes: small graphs of stages, registered by hand in `app`.
///
/// An arrow goes from the stage that makes an artifact type to every stage that reads it; types that
/// no stage of the recipe makes (such as `original`) are there from the start.

#include <map>
#include <string>
#include <vector>

#include "engine/stage.h"

namespace baleen::engine {

struct Recipe {
  std::string name;
  std::string summary;
  std::vector<StageSpec> stages;   ///< In an order in which every input is made before it is read.
  bool is_of_collections = false;  ///< Its runs are over collections, not single recordings.
  /// Checks what a run is submitted with and writes it in one way only: defaults filled in. A recipe without it
  /// takes no parameters.
  std::function<Result<json::object>(const json::object&)> canonical_params = {};

  /// Parameters of a run as they are stored. INVALID_ARGUMENT.
  [[nodiscard]] Result<json::object> check_params(const json::object& given) const;
  [[nodiscard]] const StageSpec* find_stage(std::string_view stage) const;
  /// The index of the stage that makes this artifact type, or -1.
  [[nodiscard]] int producer_of(std::string_view artifact_type) const;
  /// The indices of the stages whose artifacts this stage reads, ascending.
  [[nodiscard]] std::vector<int> upstream_of(int stage_index) const;
};

class RecipeRegistry {
 public:
  /// INVALID_ARGUMENT for a duplicate name, a type made twice or an input read before it is made.
  [[nodiscard]] Result<void> add(Recipe recipe);
  [[nodiscard]] Result<const Recipe*> find(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, Recipe, std::less<>>& all() const { return recipes_; }

 private:
  std::map<std::string, Recipe, std::less<>> recipes_;
};

}  // namespace baleen::engine
