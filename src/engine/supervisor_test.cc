#include "engine/supervisor.h"

#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>

#include "engine/executor.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

/// So long a stage may hang. Another must not seem to while its executor starts, on a busy machine or under a sanitizer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kHangS = 5;
#else
constexpr double kHangS = 1;
#endif

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
    options.command = {{"baleen-test", root_.work(), "--executor"}};
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

TEST_F(SupervisorTest, ATaskThatCanUseThreadsGetsTheProcessorsThatNoOtherUses) {
  ASSERT_TRUE(recipes_.add(testing::threads_recipe()).ok());
  int n_assets = 0;
  const auto threads_of_tasks = [&](int executors, int processors) {
    for (int i = 0; i < 2; ++i)
      EXPECT_TRUE(real_queue_.submit(**recipes_.find("threads"), asset(++n_assets), {}).ok());
    SupervisorOptions options = until_done(executors);
    options.processors = processors;
    EXPECT_TRUE(Supervisor(real_queue_, options, nullptr).run(stop_, [] { return false; }).ok());
    const auto rows =
        database_.query("SELECT metrics_json FROM pipeline_jobs ORDER BY id DESC LIMIT 2");
    std::vector<std::int64_t> counts;
    for (const auto& row : rows.value()) {
      const json::object metrics = core::parse_json_object(row.text(0), "metrics").value();
      EXPECT_EQ(core::get_int(metrics, "threads"), core::get_int(metrics, "number"));
      counts.insert(counts.begin(), core::get_int(metrics, "number"));
    }
    return counts;
  };
  using Counts = std::vector<std::int64_t>;
  EXPECT_EQ(threads_of_tasks(4, 3), Counts({3, 1})) << "the second begins while the first works";
  EXPECT_EQ(threads_of_tasks(2, 8), Counts({2, 1})) << "no more than the worker was given";
  EXPECT_EQ(threads_of_tasks(1, 8), Counts({1, 1})) << "one after the other";
  EXPECT_EQ(threads_of_tasks(40, 64), Counts({kTaskThreadsMax, kTaskThreadsMax}));
}

TEST_F(SupervisorTest, AStalledExecutorIsKilledAndExplained) {
  submit_number(23);
  SupervisorOptions options = until_done(1);
  options.stall_timeout_s = kHangS;
  Supervisor supervisor(real_queue_, options, observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'square'"), "STAGE_STALLED");
}

TEST_F(SupervisorTest, AnExecutorThatNeverEndsIsKilledHoweverBusyItSeems) {
  submit_number(23);
  SupervisorOptions options = until_done(1);
  options.task_timeout_s = kHangS;
  Supervisor supervisor(real_queue_, options, observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'square'"), "STAGE_STALLED");
  EXPECT_NE(
      text_of("SELECT error_message FROM tasks WHERE stage = 'square'").find("not done after"),
      std::string::npos);
}

TEST_F(SupervisorTest, AnExecutorThatHangsUpAndLivesOnIsKilled) {
  submit_number(5);
  SupervisorOptions options = until_done(1);
  options.command = {{"baleen-test", root_.work(), "--mute"}};
  Supervisor supervisor(real_queue_, options, observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'double'"), "WORKER_ERROR");
  EXPECT_NE(text_of("SELECT error_message FROM tasks WHERE stage = 'double'").find("lived on"),
            std::string::npos);
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
  EXPECT_EQ(run_executor(executors, {}, recipes_, {}), 0);
  EXPECT_FALSE(std::filesystem::exists(slot.temporary));
}

TEST_F(SupervisorTest, WhatIsCanceledWhileItRunsIsDroppedAtTheNextHeartbeat) {
  submit_number(23);  // Hangs.
  SupervisorOptions options = until_done(1);
  options.lease_ttl_s = 0.4;
  Supervisor supervisor(real_queue_, options, observer_);
  store::Database theirs = open();
  Queue people = queue(theirs, "people");
  bool is_canceled = false;
  const auto cancel = [&] {
    if (!is_canceled && !reports_.empty() && reports_.back().stage == "square" &&
        reports_.back().kind == TaskReport::Kind::started)
      is_canceled = people.cancel_run(reports_.back().run_id).value() > 0;
    return false;
  };
  ASSERT_TRUE(supervisor.run(stop_, cancel).ok());
  EXPECT_EQ(reports_.back().kind, TaskReport::Kind::interrupted);
  EXPECT_EQ(text_of("SELECT state FROM runs"), "canceled");
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(SupervisorTest, TheLeaseOfADeadWorkerIsTakenBackAndItsTaskDone) {
  core::ProcessIdentity dead = core::this_process();
  dead.start_ticks += 1;
  QueueOptions options = fast_retries();
  options.owner = dead.to_string();
  Queue theirs(database_, root_, recipes_, options, core::system_clock());
  submit_number(3);
  ASSERT_TRUE(theirs.claim({}).value().has_value());
  Supervisor supervisor(real_queue_, until_done(1), observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(supervisor.counts().reclaimed, 1);
  EXPECT_EQ(supervisor.counts().complete, 4);
}

TEST_F(SupervisorTest, OneWhoseDatabaseFailsSaysSoAndTheNextGoesOn) {
  int n_failures = 0;
  for (int i = 0; i < 12; ++i) {
    submit_number(100 + i);
    database_.fail_after(5 * i);
    Supervisor first(real_queue_, until_done(1), observer_);
    const Result<void> outcome = first.run(stop_, [] { return false; });
    if (!outcome.ok()) {
      ++n_failures;
      EXPECT_EQ(outcome.error().code, ErrorCode::database_error) << outcome.error().to_string();
      EXPECT_EQ(number_of("SELECT COUNT(*) FROM stage_locks"), 0) << "it gave back what it had";
    }
    database_.fail_after(-1);
    Supervisor second(real_queue_, until_done(1), observer_);
    ASSERT_TRUE(second.run(stop_, [] { return false; }).ok());
  }
  EXPECT_GE(n_failures, 8);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs WHERE state = 'complete'"), 12);
}

TEST_F(SupervisorTest, AResultThatComesAfterItsLeaseIsGoneIsDropped) {
  submit_number(3);
  store::Database theirs = open();
  Queue people = queue(theirs, "people");
  SupervisorOptions options = until_done(1);
  options.cancel_check_s = 3600;  // It learns of it from the result, however late that comes.
  Supervisor supervisor(real_queue_, options, [&](const TaskReport& report) {
    if (report.kind == TaskReport::Kind::started) {
      EXPECT_EQ(people.cancel_run(report.run_id).value(), 4);
    }
    reports_.push_back(report);
  });
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  EXPECT_EQ(supervisor.counts().fenced_off, 1);
  EXPECT_EQ(reports_.back().kind, TaskReport::Kind::interrupted);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'double_v1'"), 0);
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(SupervisorTest, AnExecutorThatWasKilledWhileItWasIdleCostsATaskNothingButATry) {
  submit_number(1);
  Supervisor supervisor(real_queue_, until_done(1), observer_);
  ASSERT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
  // A run gives its executors back at its end; between two tasks of one run they are kept.
  submit_number(2);
  bool is_killed = false;
  const auto kill_once = [&] {
    if (is_killed) return false;
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    int pid = 0;
    if (children >> pid) is_killed = ::kill(pid, SIGKILL) == 0;
    return false;
  };
  ASSERT_TRUE(supervisor.run(stop_, kill_once).ok());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs WHERE state = 'complete'"), 2);
  if (is_killed) {
    EXPECT_GE(supervisor.counts().executor_deaths, 1);
    EXPECT_EQ(number_of("SELECT COUNT(*) FROM pipeline_jobs WHERE error_code = 'WORKER_ERROR'"), 1);
  }
}

TEST_F(SupervisorTest, AnExecutorAnswersWhatItUnderstandsAndIsToldApartWhenItIsGone) {
  ExecutorProcess executor = ExecutorProcess::start(until_done().command).value();
  EXPECT_EQ(executor.ask({{"op", "sing"}}).error().code, ErrorCode::internal);
  json::object unknown{{"op", "run"}, {"recipe", "toy"}, {"stage", "none"}};
  EXPECT_FALSE(executor.ask(unknown).ok());
  EXPECT_FALSE(executor.ask({{"op", "probe"}, {"path", "none"}}).ok())
      << "this one looks at nothing";
  executor = ExecutorProcess::start(until_done().command).value();
  EXPECT_EQ(executor.ask({{"op", "sing"}}).error().code, ErrorCode::internal);
  ::kill(executor.pid(), SIGKILL);
  const Result<json::object> answer = executor.ask({{"op", "sing"}});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(executor.reap(), answer.error().message.find("killed") != std::string::npos
                                 ? "is gone"
                                 : "was killed by signal 9 (Killed)");
  EXPECT_EQ(executor.reap(), "is gone");
}

TEST_F(SupervisorTest, AnExecutorThatTakesTooLongIsStopped) {
  ExecutorProcess executor = ExecutorProcess::start(until_done().command).value();
  EXPECT_EQ(executor.ask({{"op", "sing"}}, 30).error().code, ErrorCode::internal);
  ::kill(executor.pid(), SIGSTOP);
  EXPECT_EQ(executor.ask({{"op", "sing"}}, 0.1).error().code, ErrorCode::stage_stalled);
  EXPECT_FALSE(executor.is_alive());
  EXPECT_EQ(executor.ask({{"op", "sing"}}).error().code, ErrorCode::worker_error);
}

TEST(Protocol, ABrokenPeerIsAnErrorAndNothingWorse) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const core::Fd ours(ends[0]);
  core::Fd theirs(ends[1]);
  std::vector<json::object> messages;
  for (const char* text : {"[1]\n", "nonsense\n"}) {
    MessageReader reader;
    ASSERT_EQ(::write(theirs.get(), text, std::strlen(text)),
              static_cast<ssize_t>(std::strlen(text)));
    EXPECT_FALSE(reader.read_available(ours, messages).ok()) << text;
  }
  MessageReader reader;
  const std::string block(1 << 16, 'x');
  Result<bool> read = true;
  for (std::size_t sent = 0; read.ok() && sent < kMessageBytesMax + (1 << 20);
       sent += block.size()) {
    ASSERT_GT(::write(theirs.get(), block.data(), block.size()), 0);
    read = reader.read_available(ours, messages);
  }
  EXPECT_FALSE(read.ok()) << "a line without end";
  theirs.reset();
  EXPECT_FALSE(send_message(ours, {{"op", "run"}}).ok());
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
  if (argc == 4 && std::strcmp(argv[2], "--executor") == 0) {
    return baleen::engine::testing::serve_toy_recipe(std::atoi(argv[3]), argv[1]);
  }
  if (argc == 4 && std::strcmp(argv[2], "--mute") == 0) {  // Listens, closes its end and lives on.
    std::array<char, 65536> request{};
    (void)!::read(std::atoi(argv[3]), request.data(), request.size());
    ::close(std::atoi(argv[3]));
    ::pause();
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
