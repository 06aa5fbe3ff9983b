#include "engine/explain.h"

#include <gmock/gmock.h>

#include "engine/run_log.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Explain : public testing::EngineFixture {
 protected:
  std::int64_t task(const std::string& run_id, const std::string& stage) {
    return number_of("SELECT task_id FROM tasks WHERE run_id = '" + run_id + "' AND stage = '" +
                     stage + "'");
  }
  /// The kinds of what a task waits for.
  std::vector<std::string> kinds(std::int64_t task_id, const std::vector<LiveWorker>& workers) {
    std::vector<std::string> kinds;
    reasons_ = explain_task(database_, workers, task_id).value();
    for (const json::value& reason : reasons_)
      kinds.push_back(core::get_string(reason.as_object(), "kind"));
    return kinds;
  }
  std::string detail(std::size_t i) {
    return core::get_string(reasons_.at(i).as_object(), "detail");
  }
  json::array reasons_;
  const std::vector<LiveWorker> idle_ = {LiveWorker{"w", "here", 1, 0, 2, 0, 0, {}}};
};

TEST_F(Explain, ANewFileWouldRunEverythingAndAFinishedOneNothing) {
  const json::object unknown = explain_asset(database_, root_, recipe(), {}).value();
  const json::array& stages = core::get_array(unknown, "stages");
  ASSERT_EQ(stages.size(), recipe().stages.size() + 1);
  EXPECT_EQ(core::get_string(stages[0].as_object(), "stage"), "ingest");
  EXPECT_EQ(core::to_json(stages[1].as_object().at("waits_for")), R"(["ingest"])");
  EXPECT_EQ(core::to_json(stages.back().as_object().at("waits_for")), R"(["square","negate"])");

  Queue work = queue(database_, "w");
  const std::string run_id = submit(work, 3);
  drain(work);
  const std::string asset_id = text_of("SELECT asset_id FROM runs");
  const json::object known = explain_asset(database_, root_, recipe(), asset_id).value();
  for (const json::value& value : core::get_array(known, "stages")) {
    EXPECT_FALSE(core::get_bool(value.as_object(), "would_run"));
    EXPECT_EQ(core::get_string(value.as_object(), "reason"), "fresh");
    EXPECT_EQ(core::get_string(value.as_object(), "signature").size(), 64U);
  }
}

TEST_F(Explain, ThePlanIsThatOfTheNewestRunNotOfOneThatNobodyAskedFor) {
  Recipe with_params = testing::toy_recipe({});
  with_params.canonical_params = [](const json::object& given) -> Result<json::object> {
    return json::object{{"factor", core::get_int(given, "factor", 2)}};
  };
  for (StageSpec& stage : with_params.stages) {
    const auto setup = stage.setup;
    stage.setup = [setup](const PlanView& view) -> Result<StageSetup> {
      BALEEN_ASSIGN_OR_RETURN(StageSetup made, setup(view));
      made.params = view.params();
      return made;
    };
  }
  Queue work = queue(database_, "w");
  const std::string asset_id = asset(3);
  EXPECT_EQ(newest_recipe_of(database_, asset_id).value(), "");
  ASSERT_TRUE(work.submit(with_params, asset_id, {.params = {{"factor", 7}}}).ok());
  EXPECT_EQ(newest_recipe_of(database_, asset_id).value(), "toy");
  const json::object told = explain_asset(database_, root_, with_params, asset_id).value();
  EXPECT_EQ(core::to_json(told.at("params")), R"({"factor":7})");
}

TEST_F(Explain, AWaitingTaskNamesWhatComesFirstAndWhetherThatHasFailed) {
  Queue work = queue(database_, "w");
  const std::string run_id = submit(work, 3);
  EXPECT_THAT(kinds(task(run_id, "square"), idle_), ElementsAre("upstream"));
  EXPECT_EQ(detail(0), "double comes first, and is queued");
  auto assignment = work.claim({}).value();
  ASSERT_TRUE(work.fail_attempt(*assignment, fail(ErrorCode::file_corrupt, "x"), {}, 1).ok());
  EXPECT_THAT(kinds(task(run_id, "square"), idle_), ElementsAre("upstream"));
  EXPECT_THAT(detail(0), HasSubstr("double has failed (FILE_CORRUPT)"));
  EXPECT_TRUE(kinds(task(run_id, "double"), idle_).empty()) << "it is over";
}

TEST_F(Explain, AQueuedTaskWaitsForItsTurnForWorkersAndForAPauseToEnd) {
  Queue work = queue(database_, "w");
  submit(work, 3);
  const std::string later = submit(work, 4);
  EXPECT_THAT(kinds(task(later, "double"), idle_), ElementsAre("turn"));
  EXPECT_THAT(detail(0), HasSubstr("1 of the same owner's tasks"));
  EXPECT_THAT(kinds(task(later, "double"), {}), ElementsAre("turn", "worker"));
  EXPECT_THAT(detail(1), HasSubstr("no worker is running"));
  LiveWorker busy = idle_[0];
  busy.tasks.resize(2);
  EXPECT_THAT(kinds(task(later, "double"), {busy}), ElementsAre("turn", "worker"));
  EXPECT_EQ(detail(1), "all 2 executors are busy");
  ASSERT_TRUE(work.pause("toy", "").ok());
  EXPECT_THAT(kinds(task(later, "double"), idle_), ElementsAre("pause"));
  EXPECT_THAT(detail(0), HasSubstr("recipe toy is paused since"));
}

TEST_F(Explain, ATaskOfAnotherRunThatIsAtTheSameStageIsALease) {
  Queue work = queue(database_, "w");
  submit(work, 3);
  ASSERT_TRUE(work.claim({}).value());
  SubmitOptions options;
  options.forced_stages = {"double"};
  const std::string second = work.submit(recipe(), asset(3), options).value().run_id;
  EXPECT_THAT(kinds(task(second, "double"), idle_), ElementsAre("lease"));
}

TEST_F(Explain, AnUnknownTaskIsNotFound) {
  EXPECT_EQ(explain_task(database_, {}, 999).error().code, ErrorCode::not_found);
}

TEST_F(Explain, ProgressIsAddedToRunningTasksOnly) {
  json::object run{{"duration_s", 100.0},
                   {"tasks",
                    {{{"task_id", 1}, {"state", "running"}},
                     {{"task_id", 2}, {"state", "complete"}},
                     {{"task_id", 3}, {"state", "running"}}}}};
  LiveWorker worker = idle_[0];
  worker.tasks = {{1, "r", "a", "decode", 1, 0, 10, 0.25}, {2, "r", "a", "x", 1, 0, 10, 0.5}};
  add_progress(run, {worker});
  const json::array& tasks = core::get_array(run, "tasks");
  EXPECT_EQ(core::to_json(tasks[0].as_object().at("progress")),
            R"({"fraction":0.25,"seconds":10.0,"eta_s":30.0,"audio_x":2.5,"worker":"w"})");
  EXPECT_TRUE(tasks[1].as_object().at("progress").is_null());
  EXPECT_TRUE(tasks[2].as_object().at("progress").is_null());
}

TEST_F(Explain, TheLogOfARunTellsItsStoryInOrder) {
  Queue work = queue(database_, "w");
  const std::string run_id = submit(work, 3);
  auto assignment = work.claim({}).value();
  ASSERT_TRUE(
      work.fail_attempt(*assignment, fail(ErrorCode::file_corrupt, "no\nsound"), {}, 1).ok());
  ASSERT_TRUE(
      core::write_file_atomic(
          root_.logs() / "baleen.jsonl",
          R"({"time":"2023-11-14T22:13:20.500Z","level":"info","message":"seen","run_id":")" +
              run_id + "\",\"stage\":\"double\"}\n{\"message\":\"other\"}\nno json\n")
          .ok());
  const std::string log = run_log(database_, root_, run_id, {}).value();
  const std::size_t submitted = log.find("run.submitted");
  const std::size_t failed = log.find("FILE_CORRUPT: no sound");
  ASSERT_NE(submitted, std::string::npos) << log;
  ASSERT_NE(failed, std::string::npos) << log;
  EXPECT_LT(submitted, failed);
  EXPECT_THAT(log, HasSubstr("seen"));
  EXPECT_THAT(log, ::testing::Not(HasSubstr("other")));
  EXPECT_EQ(run_log(database_, root_, run_id, task(run_id, "square")).value().find("FILE_CORRUPT"),
            std::string::npos);
  EXPECT_EQ(run_log(database_, root_, run_id, 999).error().code, ErrorCode::not_found);
  EXPECT_EQ(run_log(database_, root_, "none", {}).error().code, ErrorCode::not_found);
}

TEST_F(Explain, NoMemberOfALoggedLineBreaksTheLinesOfTheLog) {
  Queue work = queue(database_, "w");
  const std::string run_id = submit(work, 3);
  const auto lines_with = [&](const std::string& logged) {
    EXPECT_TRUE(core::write_file_atomic(root_.logs() / "baleen.jsonl", logged).ok());
    const std::string log = run_log(database_, root_, run_id, {}).value();
    EXPECT_EQ(log.find('\x1b'), std::string::npos) << log;
    return std::count(log.begin(), log.end(), '\n');
  };
  const auto before = lines_with("");
  EXPECT_EQ(lines_with(
                R"({"time":"t\n\u001b[2J","level":"l\n","stage":"s\n","message":"m\n","run_id":")" +
                run_id + "\"}\n"),
            before + 1);
}

class Bulk : public testing::EngineFixture {
 protected:
  Queue work_ = queue(database_, "w");
  /// Runs that failed with a code.
  std::vector<std::string> fail_runs(int first, int count, ErrorCode code) {
    std::vector<std::string> run_ids;
    for (int number = first; number < first + count; ++number) {
      run_ids.push_back(submit(work_, number));
      auto assignment = work_.claim({}).value();
      EXPECT_TRUE(work_.fail_attempt(*assignment, fail(code, "x"), {}, 1).ok());
    }
    return run_ids;
  }
  std::int64_t count_runs(const std::string& state) {
    return number_of("SELECT COUNT(*) FROM runs WHERE state = '" + state + "'");
  }
};

TEST_F(Bulk, RetriesWhatFailedWithACodeInPortionsUntilNothingIsLeft) {
  fail_runs(100, 5, ErrorCode::file_corrupt);
  fail_runs(200, 2, ErrorCode::codec_unsupported);
  BulkRequest request;
  request.filter.error_code = "FILE_CORRUPT";
  request.limit = 2;
  std::vector<std::int64_t> changed, left;
  do {
    const BulkOutcome outcome = work_.change_many(request).value();
    changed.push_back(outcome.n_changed);
    left.push_back(outcome.n_left);
    request.cursor = outcome.cursor;
  } while (left.back() > 0);
  EXPECT_THAT(changed, ElementsAre(2, 2, 1));
  EXPECT_THAT(left, ElementsAre(3, 1, 0));
  EXPECT_EQ(count_runs("failed"), 2);
}

TEST_F(Bulk, WhatFailsAgainMeanwhileIsNotRetriedAgain) {
  fail_runs(100, 3, ErrorCode::file_corrupt);
  BulkRequest request;
  request.limit = 1;
  int n_portions = 0;
  for (std::int64_t n_left = 1; n_left > 0; ++n_portions) {
    ASSERT_LT(n_portions, 5);
    const BulkOutcome outcome = work_.change_many(request).value();
    n_left = outcome.n_left;
    request.cursor = outcome.cursor;
    auto assignment = work_.claim({}).value();
    ASSERT_TRUE(work_.fail_attempt(*assignment, fail(ErrorCode::file_corrupt, "x"), {}, 1).ok());
  }
  EXPECT_EQ(n_portions, 3);
}

TEST_F(Bulk, CancelsWhatIsOpenAndRerunsWhatIsOver) {
  submit(work_, 2);
  submit(work_, 4);
  BulkRequest request;
  request.action = BulkAction::cancel;
  EXPECT_EQ(work_.change_many(request).value().n_changed, 2);
  EXPECT_EQ(count_runs("canceled"), 2);
  clock_.advance_s(1);
  request.action = BulkAction::rerun;
  const BulkOutcome outcome = work_.change_many(request).value();
  EXPECT_EQ(outcome.n_changed, 2);
  EXPECT_EQ(outcome.n_left, 0);
  EXPECT_EQ(count_runs("queued"), 2);
}

TEST_F(Bulk, AFilterByOwnerAndByIdTouchesNobodyElse) {
  const std::vector<std::string> runs = fail_runs(100, 3, ErrorCode::file_corrupt);
  BulkRequest request;
  request.filter.owner = "somebody";
  EXPECT_EQ(work_.change_many(request).value().n_changed, 0);
  request.filter.owner = "me";
  request.filter.run_ids = {runs[1], "none"};
  EXPECT_EQ(work_.change_many(request).value().n_changed, 1);
  EXPECT_EQ(text_of("SELECT run_id FROM runs WHERE state <> 'failed'"), runs[1]);
  request.cursor = "nonsense";
  EXPECT_EQ(work_.change_many(request).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace baleen::engine
