#pragma once

/// A recipe without audio, for tests of the engine: `double` reads a number from the original and
/// writes twice that; `square` and `negate` read the doubled one; `sum` adds the two.

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "core/file.h"
#include "engine/executor.h"
#include "engine/recipe.h"

namespace baleen::engine::testing {

using ToyFn = std::function<Result<int>(const StageRequest&, const std::vector<int>&)>;

class ToyStage final : public Stage {
 public:
  explicit ToyStage(ToyFn work) : work_(std::move(work)) {}
  Result<StageOutcome> run(const StageRequest& request, const ProgressFn& progress) override {
    std::vector<int> numbers;
    for (const StageInput& input : request.inputs) {
      BALEEN_ASSIGN_OR_RETURN(const std::string text, core::read_text_file(input.path));
      numbers.push_back(std::atoi(text.c_str()));
    }
    progress(0.5);
    BALEEN_ASSIGN_OR_RETURN(const int number, work_(request, numbers));
    const StageOutputSlot& slot = request.outputs.front();
    BALEEN_RETURN_IF_ERROR(core::write_file_synced(slot.temporary, std::to_string(number)));
    StageOutcome outcome;
    outcome.artifacts.push_back({slot.type, slot.temporary, "", ""});
    outcome.metrics["number"] = number;
    return outcome;
  }

 private:
  ToyFn work_;
};

inline StageSpec toy_stage(const std::string& name,
                           const std::vector<std::string>& inputs,
                           ToyFn work,
                           json::object params = {}) {
  StageSpec spec;
  spec.name = name;
  spec.version = "1";
  for (const std::string& type : inputs)
    spec.inputs.push_back({type, false, ErrorCode::input_not_found});
  spec.outputs.push_back({name + "_v1", name + "/{asset}.txt", name + ".v1", "1.0.0", false});
  spec.setup = [params](const PlanView&) -> Result<StageSetup> {
    return StageSetup{"", "", params, {}};
  };
  spec.make = [work] { return std::make_unique<ToyStage>(work); };
  return spec;
}

/// `square` misbehaves as the number says: 13 fails for good, 17 fails retryably, 19 dies, 23 hangs.
inline Recipe toy_recipe(json::object double_params = {}) {
  Recipe recipe{"toy", "numbers", {}};
  recipe.stages.push_back(toy_stage(
      "double", {"original"},
      [](const StageRequest&, const std::vector<int>& in) -> Result<int> { return 2 * in[0]; },
      std::move(double_params)));
  recipe.stages.push_back(toy_stage(
      "square", {"double_v1"}, [](const StageRequest&, const std::vector<int>& in) -> Result<int> {
        if (in[0] == 26) return fail(ErrorCode::file_corrupt, "unlucky");
        if (in[0] == 34) return fail(ErrorCode::io_error, "unlucky for now");
        if (in[0] == 38) std::abort();
        if (in[0] == 46) ::pause();
        return static_cast<int>(std::int64_t{in[0]} * in[0] % 1'000'000'007);
      }));
  recipe.stages.push_back(toy_stage(
      "negate", {"double_v1"},
      [](const StageRequest&, const std::vector<int>& in) -> Result<int> { return -in[0]; }));
  recipe.stages.push_back(
      toy_stage("sum", {"square_v1", "negate_v1"},
                [](const StageRequest&, const std::vector<int>& in) -> Result<int> {
                  return in[0] + in[1];
                }));
  return recipe;
}

/// Its stage counts the threads that it may have, in threads.
inline Recipe threads_recipe() {
  Recipe recipe{"threads", "counts", {}};
  recipe.stages.push_back(
      toy_stage("count", {"original"},
                [](const StageRequest& request, const std::vector<int>&) -> Result<int> {
                  std::atomic<int> n_threads = 0;
                  for (int i = 0; i < request.n_threads; ++i)
                    std::thread([&] { ++n_threads; }).join();
                  return n_threads.load();
                }));
  recipe.stages.front().uses_threads = true;
  return recipe;
}

/// What the test program is when a supervisor starts it as an executor. Confined as far as the machine can.
inline int serve_toy_recipe(int socket, const std::filesystem::path& work_directory) {
  ExecutorOptions options;
  options.sandbox = SandboxMode::best_effort;
  options.work_directory = work_directory;
  RecipeRegistry recipes;
  if (!recipes.add(toy_recipe()).ok() || !recipes.add(threads_recipe()).ok() ||
      !confine_executor(options).ok())
    return 2;
  return run_executor(core::Fd(socket), options, recipes, {});
}

}  // namespace baleen::engine::testing
