#include "engine/recipe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/testing/toy_recipe.h"

namespace baleen::engine {
namespace {

TEST(Recipe, KnowsItsArrowsFromTheTypesItsStagesReadAndMake) {
  const Recipe recipe = testing::toy_recipe();
  EXPECT_EQ(recipe.upstream_of(0), std::vector<int>{});
  EXPECT_EQ(recipe.upstream_of(1), std::vector<int>{0});
  EXPECT_EQ(recipe.upstream_of(3), (std::vector<int>{1, 2}));
  EXPECT_EQ(recipe.producer_of("negate_v1"), 2);
  EXPECT_EQ(recipe.producer_of("original"), -1);
}

TEST(RecipeRegistry, RefusesWhatCannotRun) {
  RecipeRegistry registry;
  ASSERT_TRUE(registry.add(testing::toy_recipe()).ok());
  EXPECT_FALSE(registry.add(testing::toy_recipe()).ok()) << "twice";

  Recipe backwards = testing::toy_recipe();
  backwards.name = "backwards";
  std::swap(backwards.stages[0], backwards.stages[3]);
  EXPECT_EQ(registry.add(backwards).error().code, ErrorCode::invalid_argument);

  Recipe twice = testing::toy_recipe();
  twice.name = "twice";
  twice.stages[2].outputs = twice.stages[1].outputs;
  EXPECT_EQ(registry.add(twice).error().code, ErrorCode::invalid_argument);

  const auto unknown = registry.find("tpy");
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_NE(unknown.error().message.find("toy"), std::string::npos) << "says what there is";
}

TEST(StageRequest, SurvivesTheWayToTheExecutor) {
  StageRequest request;
  request.task_id = 7;
  request.fence = 9;
  request.stage = "square";
  request.params = {{"a", 1.5}};
  request.inputs.push_back({"in", "a/b c", "x", "y"});
  request.outputs.push_back({"out", "t", "alt", "final"});
  request.scratch.emplace_back("s");
  const StageRequest copy = StageRequest::from_json(request.to_json());
  EXPECT_EQ(copy.fence, 9);
  EXPECT_EQ(copy.params, request.params);
  EXPECT_EQ(copy.input("in").path, "a/b c");
  EXPECT_EQ(copy.output("out").final_path, "final");
  EXPECT_EQ(copy.scratch.size(), 1U);
}

}  // namespace
}  // namespace baleen::engine
