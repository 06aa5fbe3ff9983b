#pragma once

/// The command line of `baleen`. `app` gives it what it may not know itself: recipes, models, checks.

#include <functional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "engine/executor.h"
#include "engine/recipe.h"
#include "store/paths.h"

namespace baleen::cli {

/// One line of `baleen doctor`.
struct Check {
  enum class State { ok, warning, missing } state = State::ok;
  std::string name, finding, action;
};

struct ModelCommand {
  enum class Verb { list, add, pull, verify } verb = Verb::list;
  std::string argument;  ///< add: a file; pull, verify: a name (verify: empty for all).
  std::string name;      ///< add: the name to give an unknown file.
};

struct Program {
  std::function<Result<engine::RecipeRegistry>(const Config&, const store::DataRoot&)> recipes;
  engine::ProbeFn probe;
  std::function<Result<json::array>(const store::DataRoot&, const ModelCommand&)> models;
  std::function<std::vector<Check>(const Config&, const store::DataRoot&)> checks;
};

/// Runs one command; returns the exit status of the process.
[[nodiscard]] int run(int argc, char** argv, const Program& program);

}  // namespace baleen::cli
