#include "engine/queue.h"

#include "core/process.h"
#include "engine/status.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

using testing::EngineFixture;
using Stages = std::vector<std::string>;

class QueueTest : public EngineFixture {
 protected:
  Queue mine_ = queue(database_, core::this_process().to_string());
};

TEST_F(QueueTest, RunsStagesInTheOrderOfTheirArrowsAndPublishesTheirFiles) {
  const std::string run_id = submit(mine_, 3);
  EXPECT_EQ(drain(mine_), (Stages{"double", "square", "negate", "sum"}));
  EXPECT_EQ(text_of("SELECT state FROM runs"), "complete");
  const std::string path =
      text_of("SELECT path FROM artifact_index WHERE artifact_type = 'sum_v1'");
  EXPECT_EQ(core::read_text_file(root_.at(path)).value(), "30");  // (2·3)² − 2·3
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM stage_locks"), 0);
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(QueueTest, ASecondSubmitOfTheSameAssetDoesNothingAndSaysSo) {
  const std::string run_id = submit(mine_, 3);
  const Submitted joined = mine_.submit(recipe(), asset(3), {}).value();
  EXPECT_EQ(joined.run_id, run_id) << "an open run is joined";
  EXPECT_FALSE(joined.is_new);
  drain(mine_);
  const Submitted again = mine_.submit(recipe(), asset(3), {}).value();
  EXPECT_TRUE(again.is_fresh);
  EXPECT_EQ(again.run_id, run_id);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs"), 1);
}

TEST_F(QueueTest, RecordsWhyEachStageIsStale) {
  submit(mine_, 3);
  drain(mine_);
  Planner planner(database_, root_);
  const std::string asset_id = asset(3);

  const auto fresh = planner.plan(recipe(), asset_id).value();
  for (const StagePlan& plan : fresh) EXPECT_EQ(plan.reason, Reason::fresh);

  const Recipe other_params = testing::toy_recipe({{"factor", 2}});
  const auto changed = planner.plan(other_params, asset_id).value();
  EXPECT_EQ(changed[0].reason, Reason::params_changed);
  EXPECT_EQ(changed[1].reason, Reason::upstream_stale);

  Recipe newer = testing::toy_recipe();
  newer.stages[3].version = "2";
  EXPECT_EQ(planner.plan(newer, asset_id).value()[3].reason, Reason::code_changed);

  const std::string path =
      text_of("SELECT path FROM artifact_index WHERE artifact_type = 'sum_v1'");
  ASSERT_TRUE(core::write_file_atomic(root_.at(path), "other size").ok());
  EXPECT_EQ(planner.plan(recipe(), asset_id).value()[3].reason, Reason::output_damaged);
  std::filesystem::remove(root_.at(path));
  EXPECT_EQ(planner.plan(recipe(), asset_id).value()[3].reason, Reason::output_missing);
}

TEST_F(QueueTest, OnlyWhatIsMissingIsMadeAgain) {
  submit(mine_, 3);
  drain(mine_);
  std::filesystem::remove(
      root_.at(text_of("SELECT path FROM artifact_index WHERE artifact_type = 'double_v1'")));
  submit(mine_, 3);
  EXPECT_EQ(drain(mine_), Stages{"double"}) << "its content is the same, so nothing below it runs";
  EXPECT_EQ(text_of("SELECT state FROM runs ORDER BY created_at_us DESC"), "complete");
}

TEST_F(QueueTest, AnotherSignatureGetsAFileBesideTheFirst) {
  submit(mine_, 3);
  drain(mine_);
  RecipeRegistry newer;
  Recipe second = testing::toy_recipe();
  second.stages[3].version = "2";
  ASSERT_TRUE(newer.add(second).ok());
  Queue upgraded(database_, root_, newer, {}, clock_);
  ASSERT_TRUE(upgraded.submit(**newer.find("toy"), asset(3), {}).ok());
  EXPECT_EQ(drain(upgraded), Stages{"sum"});
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'sum_v1'"), 2);
  EXPECT_EQ(
      number_of("SELECT COUNT(DISTINCT path) FROM artifact_index WHERE artifact_type = 'sum_v1'"),
      2);
}

TEST_F(QueueTest, ForcedStagesRunAgainAndReplaceTheirOwnArtifact) {
  submit(mine_, 3);
  drain(mine_);
  SubmitOptions forced;
  forced.forced_stages = {"square"};
  ASSERT_TRUE(mine_.submit(recipe(), asset(3), forced).value().is_new);
  EXPECT_EQ(drain(mine_), Stages{"square"});
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'square_v1'"), 1);
}

TEST_F(QueueTest, ARetryableFailureIsTriedThreeTimesWithGrowingDelaysAndThenGivenUp) {
  submit(mine_, 3);
  const Error error = fail(ErrorCode::io_error, "unlucky");
  for (const double delay_s : {60.0, 300.0}) {
    const auto attempt = mine_.claim({}).value();
    ASSERT_TRUE(attempt.has_value());
    const FailState state = mine_.fail_attempt(*attempt, error, {}, 0.1).value();
    EXPECT_TRUE(state.will_retry);
    EXPECT_EQ(state.retry_in_s, delay_s);
    clock_.advance_s(delay_s - 1);
    EXPECT_FALSE(mine_.claim({}).value().has_value()) << "not before the delay is over";
    EXPECT_NEAR(mine_.next_due_s({}).value().value(), 1.0, 1e-3);
    clock_.advance_s(2);
  }
  const auto last = mine_.claim({}).value();
  EXPECT_EQ(last->attempt, 3);
  EXPECT_FALSE(mine_.fail_attempt(*last, error, {}, 0.1).value().will_retry);
  EXPECT_EQ(text_of("SELECT state FROM runs"), "failed");
  EXPECT_EQ(
      number_of("SELECT COUNT(*) FROM pipeline_jobs WHERE stage = 'double' AND status = 'failed'"),
      3);  // I6

  EXPECT_EQ(mine_.retry_run(text_of("SELECT run_id FROM runs")).value(), 1);
  EXPECT_EQ(drain(mine_).size(), 4U) << "retry gives fresh attempts and the run goes on";
}

TEST_F(QueueTest, AnErrorThatCannotPassIsNotTriedAgain) {
  submit(mine_, 3);
  const auto attempt = mine_.claim({}).value();
  EXPECT_FALSE(
      mine_.fail_attempt(*attempt, fail(ErrorCode::file_corrupt, "bad"), {}, 0).value().will_retry);
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'double'"), "FILE_CORRUPT");
}

TEST_F(QueueTest, AnIndependentBranchGoesOnWhenItsSiblingFails) {
  submit(mine_, 3);
  Stages ran;
  while (auto assignment = mine_.claim({}).value()) {
    ran.push_back(assignment->request.stage);
    if (assignment->request.stage == "square") {
      ASSERT_TRUE(
          mine_.fail_attempt(*assignment, fail(ErrorCode::file_corrupt, "bad"), {}, 0).ok());
    } else {
      ASSERT_TRUE(mine_.finish(*assignment, execute(*assignment)).ok());
    }
  }
  EXPECT_EQ(ran, (Stages{"double", "square", "negate"}));
  EXPECT_EQ(text_of("SELECT state FROM runs"), "failed");
}

TEST_F(QueueTest, TheLeaseOfADeadOwnerIsReclaimedAtOnceAndCostsNoAttempt) {  // I5
  core::ProcessIdentity dead = core::this_process();
  dead.start_ticks += 1;
  Queue theirs = queue(database_, dead.to_string());
  submit(mine_, 3);
  const auto lost = theirs.claim({}).value();
  ASSERT_TRUE(lost.has_value());
  ASSERT_TRUE(core::make_directories(lost->request.outputs[0].temporary.parent_path()).ok());
  ASSERT_TRUE(core::write_file_synced(lost->request.outputs[0].temporary, "half").ok());

  EXPECT_EQ(mine_.reclaim().value(), 1);
  EXPECT_EQ(count_temporaries(), 0) << "what the dead one was writing is gone";
  EXPECT_EQ(text_of("SELECT status FROM pipeline_jobs WHERE stage = 'double'"), "interrupted");
  const auto again = mine_.claim({}).value();
  EXPECT_EQ(again->attempt, 1);
  EXPECT_GT(again->request.fence, lost->request.fence);
  const std::string metrics =
      text_of("SELECT metrics_json FROM pipeline_jobs WHERE status = 'interrupted'");
  EXPECT_NE(metrics.find("owner_dead"), std::string::npos) << metrics;
}

TEST_F(QueueTest, ALivingOwnersLeaseIsLeftAloneUntilItExpires) {
  Queue theirs = queue(database_, "elsewhere/boot/1/1");
  submit(mine_, 3);
  ASSERT_TRUE(theirs.claim({}).value().has_value());
  EXPECT_EQ(mine_.reclaim().value(), 0);
  EXPECT_FALSE(mine_.claim({}).value().has_value());
  clock_.advance_s(601);
  EXPECT_EQ(mine_.reclaim().value(), 1);
}

TEST_F(QueueTest, HeartbeatsKeepALeaseAndReportALostOne) {
  Queue theirs = queue(database_, "elsewhere/boot/1/1");
  submit(mine_, 3);
  const auto held = theirs.claim({}).value();
  clock_.advance_s(500);
  EXPECT_TRUE(theirs.heartbeat({held->request.fence}).value().empty());
  clock_.advance_s(500);
  EXPECT_EQ(mine_.reclaim().value(), 0);
  clock_.advance_s(601);
  EXPECT_EQ(mine_.reclaim().value(), 1);
  EXPECT_EQ(theirs.heartbeat({held->request.fence}).value(),
            std::vector<std::int64_t>{held->request.fence});
}

TEST_F(QueueTest, AStaleWorkerCannotPublish) {  // I2
  Queue theirs = queue(database_, "elsewhere/boot/1/1");
  submit(mine_, 3);
  const auto stale = theirs.claim({}).value();
  const AttemptResult stale_result = execute(*stale);
  clock_.advance_s(601);
  ASSERT_EQ(mine_.reclaim().value(), 1);
  const auto current = mine_.claim({}).value();
  EXPECT_EQ(theirs.finish(*stale, stale_result).value(), FinishState::fenced_off);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'double_v1'"), 0);
  EXPECT_EQ(mine_.finish(*current, execute(*current)).value(), FinishState::published);
  EXPECT_EQ(theirs.finish(*stale, stale_result).value(), FinishState::fenced_off);
  EXPECT_EQ(
      number_of(
          "SELECT COUNT(*) FROM pipeline_jobs WHERE stage = 'double' AND status = 'complete'"),
      1);
}

TEST_F(QueueTest, TwoTasksOfOneStageAndAssetNeverRunAtOnce) {  // I1
  submit(mine_, 3);
  SubmitOptions forced;
  forced.forced_stages = {"double"};
  ASSERT_TRUE(mine_.submit(recipe(), asset(3), forced).value().is_new);
  ASSERT_TRUE(mine_.claim({}).value().has_value());
  EXPECT_FALSE(mine_.claim({}).value().has_value());
}

TEST_F(QueueTest, AMissingInputMakesItsProducerRunAgain) {
  submit(mine_, 3);
  for (const char* stage : {"double", "square"}) {
    const auto assignment = mine_.claim({}).value();
    ASSERT_EQ(assignment->request.stage, stage);
    ASSERT_TRUE(mine_.finish(*assignment, execute(*assignment)).ok());
  }
  std::filesystem::remove(
      root_.at(text_of("SELECT path FROM artifact_index WHERE artifact_type = 'double_v1'")));
  EXPECT_EQ(drain(mine_), (Stages{"double", "negate", "sum"}));
  EXPECT_EQ(text_of("SELECT state FROM runs"), "complete");
  EXPECT_EQ(text_of("SELECT error_code FROM pipeline_jobs WHERE status = 'failed'"),
            "INPUT_NOT_FOUND");
}

TEST_F(QueueTest, ACanceledRunStopsAndItsRunningAttemptCannotPublish) {
  const std::string run_id = submit(mine_, 3);
  const auto running = mine_.claim({}).value();
  EXPECT_EQ(mine_.cancel_run(run_id).value(), 4);
  EXPECT_EQ(mine_.heartbeat({running->request.fence}).value().size(), 1U);
  EXPECT_EQ(mine_.finish(*running, execute(*running)).value(), FinishState::fenced_off);
  EXPECT_EQ(text_of("SELECT state FROM runs"), "canceled");
  EXPECT_EQ(mine_.retry_run(run_id).value(), 4);
  EXPECT_EQ(drain(mine_).size(), 4U);
}

TEST_F(QueueTest, AnAttemptThatFailsAfterItWasCanceledIsNoFailure) {
  const std::string run_id = submit(mine_, 3);
  const Assignment assignment = *mine_.claim({}).value();
  ASSERT_TRUE(mine_.cancel_run(run_id).ok());
  const FailState state =
      mine_.fail_attempt(assignment, fail(ErrorCode::io_error, "its folder is gone"), {}, 0)
          .value();
  EXPECT_TRUE(state.is_fenced_off);
  EXPECT_FALSE(state.will_retry);
  EXPECT_EQ(text_of("SELECT state FROM runs"), "canceled");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM pipeline_jobs WHERE status = 'failed'"), 0);
}

TEST_F(QueueTest, ARunThatHasFailedDoesNotEndAgainWhenItIsCanceled) {
  const std::string run_id = submit(mine_, 3);
  const auto attempt = mine_.claim({}).value();
  ASSERT_TRUE(mine_.fail_attempt(*attempt, fail(ErrorCode::file_corrupt, "bad"), {}, 0).ok());
  drain(mine_);
  ASSERT_EQ(text_of("SELECT state FROM runs"), "failed");
  ASSERT_TRUE(mine_.cancel_run(run_id).ok());
  EXPECT_EQ(text_of("SELECT state FROM runs"), "failed");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM events WHERE type = 'run.failed'"), 1);
}

TEST_F(QueueTest, WhatACanceledAttemptLeftIsRemovedThoughItsWorkerDiedBeforeItHeard) {
  core::ProcessIdentity dead = core::this_process();
  dead.start_ticks += 1;
  Queue theirs = queue(database_, dead.to_string());
  const std::string run_id = submit(theirs, 3);
  const Assignment lost = theirs.claim({}).value().value();
  ASSERT_TRUE(mine_.cancel_run(run_id).ok());
  for (const auto& slot : lost.request.outputs) {
    ASSERT_TRUE(core::write_file_atomic(slot.temporary, "half").ok());
    ASSERT_TRUE(core::write_file_atomic(slot.alternative, "half").ok());
  }
  ASSERT_TRUE(mine_.remove_remains_of_canceled().ok());
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(QueueTest, WhatACanceledAttemptOfALivingWorkerLeavesIsForThatToRemove) {
  const std::string run_id = submit(mine_, 3);
  const Assignment held = mine_.claim({}).value().value();
  ASSERT_TRUE(mine_.cancel_run(run_id).ok());
  ASSERT_TRUE(core::write_file_atomic(held.request.outputs[0].alternative, "half").ok());
  ASSERT_TRUE(mine_.remove_remains_of_canceled().ok());
  EXPECT_EQ(count_temporaries(), 1);
  ASSERT_TRUE(mine_.interrupt(held).ok());
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(QueueTest, ACollidingFeatureSpecIsRefused) {
  RecipeRegistry recipes;
  Recipe colliding = testing::toy_recipe();
  colliding.stages[0].setup = [](const PlanView&) -> Result<StageSetup> {
    return StageSetup{"abc", "one id", {}, {}};
  };
  colliding.stages[3].setup = [](const PlanView&) -> Result<StageSetup> {
    return StageSetup{"abc", "another id", {}, {}};
  };
  ASSERT_TRUE(recipes.add(colliding).ok());
  Queue queue(database_, root_, recipes, {}, clock_);
  ASSERT_TRUE(queue.submit(**recipes.find("toy"), asset(3), {}).ok());
  EXPECT_EQ(drain(queue).size(), 3U);
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'sum'"),
            "FEATURE_SPEC_ALIAS_COLLISION");
  EXPECT_EQ(text_of("SELECT feature_spec_id FROM feature_specs"), "one id");
}

TEST_F(QueueTest, DescribesARunForPeopleAndPrograms) {
  const std::string run_id = submit(mine_, 3);
  drain(mine_);
  const json::object run = describe_run(database_, run_id).value();
  EXPECT_EQ(core::get_string(run, "state"), "complete");
  EXPECT_EQ(core::get_array(run, "tasks").size(), 4U);
  EXPECT_EQ(core::get_array(run, "artifacts").size(), 5U);
  EXPECT_EQ(resolve_run(database_, run_id.substr(0, 30)).value(), run_id);
  EXPECT_EQ(resolve_run(database_, asset(3).substr(0, 8)).value(), run_id);
  EXPECT_EQ(resolve_run(database_, "nonsense").error().code, ErrorCode::not_found);
  EXPECT_DOUBLE_EQ(core::get_double(describe_health(database_).value(), "success_rate"), 1.0);
}

TEST_F(QueueTest, AFileThatAppearsAfterItsLeaseWasReclaimedIsRemovedLater) {
  Queue dead = queue(database_, "dead");
  submit(dead, 4);
  const Assignment assignment = *dead.claim({}).value();
  clock_.advance_s(601);
  Queue worker = queue(database_, "alive");
  ASSERT_EQ(worker.reclaim().value(), 1);
  const auto& late = assignment.request.outputs.front().temporary;
  ASSERT_TRUE(core::write_file_atomic(late, "half").ok());
  ASSERT_EQ(worker.reclaim().value(), 0);
  EXPECT_FALSE(std::filesystem::exists(late));
}

}  // namespace
}  // namespace baleen::engine
