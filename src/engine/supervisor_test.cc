#include "engine/supervisor.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "engine/executor.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

class SupervisorTest : public testing::EngineFixture {
 protected:
  SupervisorTest()
      : real_queue_(database_, root_, recipes_, fast_retries(), core::system_clock()) {}
  static QueueOptions fast_retries() {
    QueueOptions options;
    options.retry.delays_s = {0};
    return options;
  }
  SupervisorOptions until_done(int executors = 2) {
    SupervisorOptions options;
    options.executors = executors;
    options.command = {{"baleen-test", "--executor"}};
    options.is_until_done = true;
    return options;
  }
  void submit_number(int number) {
    ASSERT_TRUE(real_queue_.submit(recipe(), asset(number), {}).ok());
  }

  Queue real_queue_;
  std::atomic<bool> stop_ = false;
  std::vector<TaskReport> reports_;
  std::function<void(const TaskReport&)> observer_ = [this](const TaskReport& report) {
    reports_.push_back(report);
  };
};

TEST_F(SupervisorTest, WorksUntilEverythingIsDone) {
  for (int number = 1; number <= 5; ++number) submit_number(number);
  Supervisor supervisor(real_queue_, until_done(), observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs WHERE state = 'complete'"), 5);
  EXPECT_EQ(supervisor.counts().complete, 20);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM pipeline_jobs WHERE status = 'running'"), 0);
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(SupervisorTest, ABatchGoesOnWhenOneFileFailsAndOneKillsItsExecutor) {
  for (const int number : {3, 13, 19, 4}) submit_number(number);
  Supervisor supervisor(real_queue_, until_done(), observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs WHERE state = 'complete'"), 2);
  EXPECT_EQ(
      number_of("SELECT COUNT(*) FROM tasks WHERE error_code = 'FILE_CORRUPT' AND attempts = 1"),
      1);
  EXPECT_EQ(
      number_of("SELECT COUNT(*) FROM tasks WHERE error_code = 'WORKER_ERROR' AND attempts = 3"),
      1);
  EXPECT_NE(
      text_of("SELECT error_message FROM tasks WHERE error_code = 'WORKER_ERROR'").find("signal 6"),
      std::string::npos);
}

TEST_F(SupervisorTest, AStalledExecutorIsKilledAndExplained) {
  submit_number(23);
  SupervisorOptions options = until_done(1);
  // The other stage must not seem to stall while its executor starts, on a busy machine or under a sanitizer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  options.stall_timeout_s = 5;
#else
  options.stall_timeout_s = 1;
#endif
  Supervisor supervisor(real_queue_, options, observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'square'"), "STAGE_STALLED");
}

TEST_F(SupervisorTest, StoppingGivesTheTaskBackUnharmed) {
  submit_number(23);
  SupervisorOptions options = until_done(1);
  Supervisor supervisor(real_queue_, options, [&](const TaskReport& report) {
    if (report.stage == "square" && report.kind == TaskReport::Kind::started) stop_ = true;
  });
  EXPECT_EQ(supervisor.run(stop_, [] { return false; }).error().code, ErrorCode::canceled);
  EXPECT_EQ(text_of("SELECT state FROM tasks WHERE stage = 'square'"), "queued");
  EXPECT_EQ(number_of("SELECT attempts FROM tasks WHERE stage = 'square'"), 0);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM stage_locks"), 0);
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(SupervisorTest, AnExecutorThatWasIdleWhenItDiedIsReplaced) {
  submit_number(1);
  Supervisor supervisor(real_queue_, until_done(1), observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  submit_number(2);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs WHERE state = 'complete'"), 2);
}

TEST_F(SupervisorTest, AnExecutorWhoseSupervisorDiedBeforeItBeganDoesNothing) {
  submit_number(5);
  const Assignment assignment = *real_queue_.claim({}).value();
  const auto& slot = assignment.request.outputs.front();
  ASSERT_TRUE(core::make_directories(slot.temporary.parent_path()).ok());
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  core::Fd supervisors(ends[0]);
  const core::Fd executors(ends[1]);
  json::object message = assignment.request.to_json();
  message["op"] = "run";
  ASSERT_TRUE(send_message(supervisors, message).ok());
  supervisors.reset();
  EXPECT_EQ(run_executor(executors, recipes_,
                         [](const auto&) -> Result<json::object> { return json::object{}; }),
            0);
  EXPECT_FALSE(std::filesystem::exists(slot.temporary));
}

TEST(AttemptResult, OfWordsThatNoExecutorSaysIsAnErrorAndNothingWorse) {
  StageRequest request;
  request.outputs.emplace_back().type = "a";
  const auto parse = [&](std::string_view text) {
    return parse_attempt_result(core::parse_json(text, "message").value().as_object(), request);
  };
  EXPECT_EQ(parse(R"({"files":[{"type":"a","bytes":3}],"warnings":[{"code":"X"}]})")->files.size(),
            1U);
  EXPECT_TRUE(parse("{}").ok());
  for (const char* text :
       {R"({"files":[3]})", R"({"warnings":[null]})", R"({"files":[{"type":"b"}]})",
        R"({"files":[{}]})", R"({"files":[{"type":"a"},{"type":"a"}]})",
        R"({"files":[{"type":"a","bytes":-1}]})"}) {
    const Result<AttemptResult> result = parse(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().code, ErrorCode::worker_error) << text;
  }
}

}  // namespace
}  // namespace baleen::engine

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--executor") == 0) {
    baleen::engine::confine_executor(0, 0);
    baleen::engine::RecipeRegistry recipes;
    if (!recipes.add(baleen::engine::testing::toy_recipe()).ok()) return 2;
    return baleen::engine::run_executor(
        baleen::core::Fd(std::atoi(argv[2])), recipes,
        [](const auto&) -> baleen::Result<baleen::json::object> { return baleen::json::object{}; });
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
