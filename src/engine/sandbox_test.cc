#include "engine/sandbox.h"

#include <sys/resource.h>

#include <cstring>

#include "engine/supervisor.h"
#include "engine/testing/engine_fixture.h"
#include "engine/testing/hostile_recipe.h"

namespace baleen::engine {
namespace {

constexpr std::int64_t kMemoryMax = 600'000'000;
constexpr std::int64_t kFileMax = 20'000'000;

/// Sanitizers start threads, map code and need address space themselves: there the sandbox lets them. They catch
/// signals, too, and end the process in their own way.
bool is_for_sanitizers(std::string_view act) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return act == "fork" || act == "start a thread" || act == "bring code" ||
         act == "allocate without end" || act == "crash";
#else
  (void)act;
  return false;
#endif
}

class SandboxTest : public testing::EngineFixture {
 protected:
  SandboxTest() : real_queue_(database_, root_, recipes_, options(), core::system_clock()) {
    EXPECT_TRUE(recipes_.add(testing::hostile_recipe()).ok());
    EXPECT_TRUE(core::write_file_atomic(victim_, "of another owner").ok());
  }
  static QueueOptions options() {
    QueueOptions options;
    options.retry.attempts_max = 1;
    return options;
  }
  void SetUp() override {
    if (!sandbox_support().is_complete())
      GTEST_SKIP() << "this kernel has " << sandbox_support().to_string();
  }

  /// Lets the act loose in an executor, and something harmless after it. How the act ended: "complete" or its
  /// error code; the message is in `message_`.
  std::string fate_of(const std::string& act, const std::string& mode = "required") {
    const auto order = root_.path / "orders" / act;
    EXPECT_TRUE(core::write_file_atomic(order, act + "\n" + victim_.string()).ok());
    for (const auto& path : {order, peaceful()}) {
      const auto asset =
          ingest_file(database_, root_, {path, "me", {}},
                      [](const auto&) -> Result<json::object> { return json::object{}; });
      EXPECT_TRUE(
          real_queue_.submit(**recipes_.find("hostile"), asset.value().asset.asset_id, {}).ok());
    }
    SupervisorOptions supervision;
    const bool is_endless = act.find("forever") != std::string::npos;
    supervision.executors = 1;
    supervision.command = {{"baleen-test", root_.work(), mode}};
    supervision.is_until_done = true;
    supervision.stall_timeout_s = is_endless ? 1.5 : 60;
    Supervisor supervisor(real_queue_, supervision, nullptr);
    EXPECT_TRUE(supervisor.run(stop_, [] { return false; }).ok());
    EXPECT_EQ(core::read_text_file(victim_).value(), "of another owner");
    EXPECT_EQ(text_of("SELECT t.state FROM tasks t JOIN runs r ON r.run_id = t.run_id ORDER BY "
                      "r.created_at_us DESC LIMIT 1"),
              "complete")
        << "the work after it suffered";
    const auto rows =
        database_.query("SELECT error_code, error_message FROM tasks WHERE state = 'failed'");
    if (rows.value().empty()) return "complete";
    message_ = rows.value().front().text(1);
    return rows.value().front().text(0);
  }
  std::filesystem::path peaceful() {
    const auto path = root_.path / "orders" / "peaceful";
    EXPECT_TRUE(core::write_file_atomic(path, "nothing\n").ok());
    return path;
  }

  const std::filesystem::path victim_ = root_.path / "audio" / "other" / "original.wav";
  Queue real_queue_;
  std::atomic<bool> stop_ = false;
  std::string message_;
};

/// Every act of the hostile recipe, and how it must end.
struct Fate {
  const char* act;
  const char* code;
  const char* word;  ///< In the message.
};

class HostileTest : public SandboxTest, public ::testing::WithParamInterface<Fate> {};

TEST_P(HostileTest, FailsIsReportedAndHarmsNobody) {
  if (is_for_sanitizers(GetParam().act)) GTEST_SKIP() << "allowed under sanitizers";
  EXPECT_EQ(fate_of(GetParam().act), GetParam().code);
  EXPECT_NE(message_.find(GetParam().word), std::string::npos) << message_;
}

INSTANTIATE_TEST_SUITE_P(
    Acts,
    HostileTest,
    ::testing::Values(
        Fate{"read another asset", "PERMISSION_DENIED", "open"},
        Fate{"read the database", "PERMISSION_DENIED", "open"},
        Fate{"read the system", "PERMISSION_DENIED", "root"},
        Fate{"write outside", "IO_ERROR", "chmod"},  // The last of the tries: ENOSYS.
        Fate{"truncate another file", "SANDBOX_VIOLATION", "truncate"},
        Fate{"open a socket", "SANDBOX_VIOLATION", "socket"},
        Fate{"open a socket behind a handler of its own", "SANDBOX_VIOLATION", "forbidden"},
        Fate{"fork", "SANDBOX_VIOLATION", "clone"},
        Fate{"start a thread", "SANDBOX_VIOLATION", "forbidden"},
        Fate{"start a program", "SANDBOX_VIOLATION", "execve"},
        Fate{"trace its parent", "SANDBOX_VIOLATION", "ptrace"},
        Fate{"kill its parent", "PERMISSION_DENIED", "group"},
        Fate{"bring code", "IO_ERROR", "mmap"},
        Fate{"lift its limits", "IO_ERROR", "setrlimit"},
        Fate{"allocate without end", "MODEL_OOM", "memory"},
        Fate{"run forever", "STAGE_STALLED", "no progress"},
        Fate{"sleep forever behind a closed socket", "STAGE_STALLED", "no progress"},
        Fate{"write without end", "DISK_FULL", "File too large"},
        Fate{"talk nonsense", "WORKER_ERROR", "signal 9"},
        Fate{"pass another file off as its work", "SANDBOX_VIOLATION", "names a file"},
        Fate{"crash", "WORKER_ERROR", "signal 11"}),
    [](const auto& fate) {
      std::string name = fate.param.act;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

TEST_F(SandboxTest, WithoutItTheActsSucceed) {
  for (const char* act : {"read another asset", "open a socket"})
    EXPECT_EQ(fate_of(act, "off"), "complete") << act;
}

TEST_F(SandboxTest, EveryActIsTried) {
  std::size_t n_tried = 1;  // "nothing", which is no attack.
  const auto* test = ::testing::UnitTest::GetInstance();
  for (int i = 0; i < test->total_test_suite_count(); ++i) {
    if (std::strcmp(test->GetTestSuite(i)->name(), "Acts/HostileTest") == 0)
      n_tried += static_cast<std::size_t>(test->GetTestSuite(i)->total_test_count());
  }
  EXPECT_EQ(n_tried, testing::acts().size());
}

TEST_F(SandboxTest, AKernelWithoutItIsRefusedUnlessBestEffortIsAskedFor) {
  for (const SandboxSupport support :
       {SandboxSupport{0, true}, SandboxSupport{1, false}, SandboxSupport{}}) {
    const Result<void> refused = check_sandbox(SandboxMode::required, support);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::sandbox_unavailable);
    EXPECT_NE(refused.error().message.find(support.to_string()), std::string::npos);
    EXPECT_TRUE(check_sandbox(SandboxMode::best_effort, support).ok());
    EXPECT_TRUE(check_sandbox(SandboxMode::off, support).ok());
  }
  EXPECT_TRUE(check_sandbox(SandboxMode::required, SandboxSupport{1, true}).ok());
  EXPECT_EQ(SandboxSupport{}.to_string(), "no Landlock, no seccomp");
}

TEST_F(SandboxTest, AWordThatIsNoModeIsRefused) {
  EXPECT_EQ(parse_sandbox_mode("best-effort").value(), SandboxMode::best_effort);
  EXPECT_EQ(parse_sandbox_mode("Off").error().code, ErrorCode::config_invalid);
}

TEST_F(SandboxTest, SystemCallsHaveNames) {
  EXPECT_EQ(system_call_name(SYS_socket), "socket");
  EXPECT_EQ(system_call_name(99'999), "number 99999");
}

}  // namespace
}  // namespace baleen::engine

int main(int argc, char** argv) {
  using namespace baleen;
  const auto mode = engine::parse_sandbox_mode(argc == 4 ? argv[2] : "");
  if (mode.ok()) {  // Started by a supervisor of these tests.
    engine::ExecutorOptions options;
    options.sandbox = *mode;
    options.work_directory = argv[1];
    options.memory_bytes_max = engine::kMemoryMax;
    options.file_bytes_max = engine::kFileMax;
    engine::RecipeRegistry recipes;
    if (!recipes.add(engine::testing::hostile_recipe()).ok()) return 2;
    if (!engine::confine_executor(options).ok()) return 3;
    return engine::run_executor(core::Fd(std::atoi(argv[3])), options, recipes, {});
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
