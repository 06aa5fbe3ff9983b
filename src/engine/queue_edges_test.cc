// What the queue does at its edges: stages it does not know, work that can be resumed, runs of one worker only.

#include "engine/queue_rules.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

class QueueEdges : public testing::EngineFixture {
 protected:
  /// A recipe of one stage, whose output and scratch file survive an attempt that may be tried again.
  void add_resumable() {
    Recipe resumable{"resumable", "", {}};
    resumable.stages.push_back(testing::toy_stage(
        "grow", {"original"},
        [](const StageRequest&, const std::vector<int>& in) -> Result<int> { return in[0]; }));
    resumable.stages[0].outputs[0].is_resumable = true;
    resumable.stages[0].scratch = {"notes"};
    ASSERT_TRUE(recipes_.add(resumable).ok());
    ASSERT_TRUE(mine_.submit(**recipes_.find("resumable"), asset(3), {}).ok());
  }
  /// Begins the work: the output, its alternative and the scratch file are there.
  static std::vector<std::filesystem::path> begin(const Assignment& assignment) {
    const StageOutputSlot& slot = assignment.request.outputs.front();
    std::vector<std::filesystem::path> files = {slot.temporary, assignment.request.scratch.front()};
    for (const auto& file : files) EXPECT_TRUE(core::write_file_atomic(file, "half").ok());
    return files;
  }
  static int count(const std::vector<std::filesystem::path>& files) {
    return static_cast<int>(std::count_if(files.begin(), files.end(), [](const auto& file) {
      return std::filesystem::exists(file);
    }));
  }
  void fail_with(const Assignment& assignment, ErrorCode code) {
    ASSERT_TRUE(mine_.fail_attempt(assignment, fail(code, "unlucky"), {}, 0).ok());
  }

  Queue mine_ = queue(database_, "me");
};

TEST_F(QueueEdges, AStageThatThisProgramDoesNotKnowIsGivenUpAndTheOthersGoOn) {
  Recipe other = testing::toy_recipe();
  other.name = "other";
  ASSERT_TRUE(recipes_.add(other).ok());
  ASSERT_TRUE(mine_.submit(**recipes_.find("other"), asset(3), {}).ok());
  submit(mine_, 3);
  RecipeRegistry fewer;
  Recipe toy = testing::toy_recipe();
  toy.stages.pop_back();
  ASSERT_TRUE(fewer.add(toy).ok());
  Queue older(database_, root_, fewer, {}, clock_);
  EXPECT_EQ(drain(older), (std::vector<std::string>{"double", "square", "negate"}));
  EXPECT_EQ(
      number_of(
          "SELECT COUNT(*) FROM tasks WHERE state = 'failed' AND error_code = 'NOT_SUPPORTED'"),
      2);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs WHERE state = 'failed'"), 2);
}

TEST_F(QueueEdges, AStageThatCannotChooseItsParametersFailsWithItsReason) {
  RecipeRegistry recipes;
  Recipe toy = testing::toy_recipe();
  bool has_model = true;
  toy.stages[1].setup = [&](const PlanView&) -> Result<StageSetup> {
    if (!has_model) return fail(ErrorCode::model_not_found, "it was removed");
    return StageSetup{};
  };
  ASSERT_TRUE(recipes.add(toy).ok());
  Queue worker(database_, root_, recipes, {}, clock_);
  ASSERT_TRUE(worker.submit(**recipes.find("toy"), asset(3), {}).ok());
  has_model = false;
  EXPECT_EQ(drain(worker), (std::vector<std::string>{"double", "negate"}));
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'square'"), "MODEL_NOT_FOUND");
  EXPECT_FALSE(worker.submit(**recipes.find("toy"), asset(3), {}).ok())
      << "a plan needs every stage";
}

TEST_F(QueueEdges, OneClaimLooksAtSoManyTasksAndTheNextGoesOn) {
  for (int i = 0; i < rules::kTasksPerClaim + 5; ++i) {
    const std::string asset_id = asset(i);
    ASSERT_TRUE(mine_.submit(recipe(), asset_id, {}).ok());
    std::filesystem::remove_all(root_.path / "audio" / asset_id);
  }
  EXPECT_FALSE(mine_.claim({}).value().has_value());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM tasks WHERE state = 'failed'"), rules::kTasksPerClaim);
  EXPECT_FALSE(mine_.claim({}).value().has_value());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM tasks WHERE state = 'failed'"),
            rules::kTasksPerClaim + 5);
}

TEST_F(QueueEdges, AWorkerOfItsOwnRunsTakesNoOther) {
  const std::string first = submit(mine_, 3);
  clock_.advance_s(1);
  const std::string second = submit(mine_, 4);
  ASSERT_TRUE(mine_.add_to_scope(second).ok());
  ASSERT_TRUE(mine_.add_to_scope(second).ok());
  Scope scope;
  scope.is_limited_to_my_runs = true;
  EXPECT_EQ(mine_.claim(scope).value()->run_id, second);
  scope.classes = {"none"};
  EXPECT_FALSE(mine_.claim(scope).value().has_value());
  EXPECT_FALSE(mine_.has_open_tasks(scope).value());
  scope.classes = {"cpu", "it's"};
  EXPECT_TRUE(mine_.has_open_tasks(scope).value());
}

TEST_F(QueueEdges, WhatCanBeResumedStaysForTheNextAttemptUnlessTheDiskIsFull) {
  add_resumable();
  const auto first = mine_.claim({}).value();
  const auto files = begin(*first);
  fail_with(*first, ErrorCode::io_error);
  EXPECT_EQ(count(files), 2) << "the next attempt goes on with it";
  clock_.advance_s(1000);
  const auto second = mine_.claim({}).value();
  EXPECT_EQ(second->request.outputs.front().temporary, files[0]);
  fail_with(*second, ErrorCode::disk_full);
  EXPECT_EQ(count(files), 0) << "room is worth more than work";
  clock_.advance_s(1000);
  if (const auto third = mine_.claim({}).value()) {
    begin(*third);
    fail_with(*third, ErrorCode::file_corrupt);
    EXPECT_EQ(count(files), 0) << "nobody goes on with it";
  }
}

TEST_F(QueueEdges, AStaleWorkerLeavesAloneWhatTheCurrentOneWrites) {
  add_resumable();
  Queue theirs = queue(database_, "elsewhere/boot/1/1");
  const auto stale = theirs.claim({}).value();
  (void)mine_.reclaim().value();  // Sees the lease; it has not expired.
  clock_.advance_s(601);
  ASSERT_EQ(mine_.reclaim().value(), 1);
  const auto current = mine_.claim({}).value();
  const auto files = begin(*current);
  ASSERT_EQ(theirs.finish(*stale, {}).value(), FinishState::fenced_off);
  ASSERT_TRUE(theirs.interrupt(*stale).ok());
  (void)theirs.fail_attempt(*stale, fail(ErrorCode::disk_full, "late"), {}, 0).value();
  EXPECT_EQ(count(files), 2);
  EXPECT_EQ(mine_.heartbeat({current->request.fence}).value().size(), 0U)
      << "nor is its lease gone";
}

TEST_F(QueueEdges, ACanceledTaskLeavesNothingThoughItsWorkerIsLate) {
  add_resumable();
  const auto running = mine_.claim({}).value();
  const auto files = begin(*running);
  EXPECT_EQ(mine_.cancel_run(running->run_id).value(), 1);
  EXPECT_EQ(count(files), 0);
  begin(*running);  // It has not seen it yet.
  EXPECT_EQ(mine_.heartbeat({running->request.fence}).value().size(), 1U);
  ASSERT_TRUE(mine_.interrupt(*running).ok());
  EXPECT_EQ(count(files), 0);
}

TEST_F(QueueEdges, AFailedRenameIsNoArtifact) {
  submit(mine_, 3);
  const auto assignment = mine_.claim({}).value();
  AttemptResult result = execute(*assignment);
  std::filesystem::remove(result.files.front().temporary);
  EXPECT_FALSE(mine_.finish(*assignment, result).ok());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'double_v1'"), 0);
  EXPECT_EQ(text_of("SELECT state FROM tasks WHERE stage = 'double'"), "running");
}

TEST_F(QueueEdges, OtherContentOrAnotherModelIsAReasonToRun) {
  submit(mine_, 3);
  drain(mine_);
  Recipe newer = testing::toy_recipe();
  newer.stages[1].setup = [](const PlanView&) -> Result<StageSetup> {
    return StageSetup{"", "", {}, {{"net", "sha"}}};
  };
  Planner planner(database_, root_);
  EXPECT_EQ(planner.plan(newer, asset(3)).value()[1].reason, Reason::model_changed);
  EXPECT_EQ(planner.plan(newer, asset(3)).value()[1].why, "another model is installed");
  ASSERT_TRUE(
      database_
          .execute(
              "UPDATE artifact_index SET content_sha256 = 'x' WHERE artifact_type = 'double_v1'")
          .ok());
  EXPECT_EQ(planner.look_at(*recipe().find_stage("negate"), asset(3), {})->reason,
            Reason::input_changed);
  SubmitOptions forced;
  forced.forced_stages = {"sum"};
  ASSERT_TRUE(mine_.submit(recipe(), asset(3), forced).ok());
  EXPECT_EQ(text_of("SELECT reason FROM tasks WHERE is_forced = 1"), "forced: asked for");
  for (int i = 0; i <= static_cast<int>(Reason::fresh); ++i)
    EXPECT_FALSE(to_string(static_cast<Reason>(i)).empty());
}

TEST_F(QueueEdges, ARequestSurvivesItsWayToTheExecutor) {
  add_resumable();
  const auto assignment = mine_.claim({}).value();
  const json::object sent = assignment->request.to_json();
  EXPECT_EQ(core::to_json(StageRequest::from_json(sent).to_json()), core::to_json(sent));
}

TEST_F(QueueEdges, ManyAreChangedByEveryFilterAPortionAtATime) {
  for (const int number : {3, 4, 5}) {
    submit(mine_, number);
    clock_.advance_s(1);
  }
  const auto change_all = [&](BulkRequest request) {
    std::int64_t n_changed = 0;
    BulkOutcome outcome;
    do {
      outcome = mine_.change_many(request).value();
      n_changed += outcome.n_changed;
      request.cursor = outcome.cursor;
    } while (outcome.n_changed > 0);
    EXPECT_EQ(outcome.n_left, 0);
    return n_changed;
  };
  BulkRequest request;
  request.action = BulkAction::cancel;
  request.limit = 2;
  request.filter.owner = "me";
  request.filter.recipe = "toy";
  request.filter.state = "queued";
  request.filter.stage = "double";
  EXPECT_EQ(change_all(request), 3);
  EXPECT_EQ(change_all(request), 0) << "they are over";
  request.action = BulkAction::retry;
  request.filter.state = "canceled";
  request.filter.error_code = "CANCELED";
  EXPECT_EQ(change_all(request), 3);
  request.action = BulkAction::cancel;
  request.filter.state = "";
  request.filter.error_code = "NO_SUCH_CODE";
  EXPECT_EQ(change_all(request), 0);
  request.filter = {};
  EXPECT_EQ(change_all(request), 3);
  request.action = BulkAction::rerun;
  request.forced_stages = {"double"};
  EXPECT_EQ(change_all(request), 3);
  for (const char* cursor : {"x", "1x,", "12", ",a"}) {
    request.cursor = cursor;
    EXPECT_EQ(mine_.change_many(request).error().code, ErrorCode::invalid_argument) << cursor;
  }
}

}  // namespace
}  // namespace baleen::engine
