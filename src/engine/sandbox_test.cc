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
  return act.starts_with("fork") || act.find("thread") != std::string_view::npos ||
         act.find("with a process") != std::string_view::npos || act == "spawn a program" ||
         act == "bring code" || act == "allocate without end" || act == "crash";
#else
  (void)act;
  return false;
#endif
}

class SandboxTest : public testing::EngineFixture {
 protected:
  SandboxTest() : real_queue_(database_, root_, recipes_, options(), core::system_clock()) {
    for (const CellThreads threads : {CellThreads::one, CellThreads::many})
      EXPECT_TRUE(recipes_.add(testing::hostile_recipe(threads)).ok());
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
  std::string fate_of(const std::string& act,
                      const std::string& mode = "required",
                      CellThreads threads = CellThreads::one) {
    const auto order = root_.path / "orders" / act;
    EXPECT_TRUE(core::write_file_atomic(order, act + "\n" + victim_.string()).ok());
    for (const auto& path : {order, peaceful()}) {
      const auto asset =
          ingest_file(database_, root_, {path, "me", {}},
                      [](const auto&) -> Result<json::object> { return json::object{}; });
      EXPECT_TRUE(
          real_queue_
              .submit(**recipes_.find(threads == CellThreads::one ? "hostile" : "hostile_threads"),
                      asset.value().asset.asset_id, {})
              .ok());
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

constexpr Fate kFates[] = {
    Fate{"read another asset", "PERMISSION_DENIED", "open"},
    Fate{"read the database", "PERMISSION_DENIED", "open"},
    Fate{"read the system", "PERMISSION_DENIED", "root"},
    Fate{"write outside", "IO_ERROR", "chmod"},  // The last of the tries: ENOSYS.
    Fate{"truncate another file", "SANDBOX_VIOLATION", "truncate"},
    Fate{"open a socket", "SANDBOX_VIOLATION", "socket"},
    Fate{"open a socket behind a handler of its own", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"fork", "SANDBOX_VIOLATION", "clone"},
    Fate{"start a thread", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"compute in many threads", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"start threads without end", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"fork in a thread", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"open a socket in a thread", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"read another asset in a thread", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"kill its parent in a thread", "SANDBOX_VIOLATION", "forbidden"},
    Fate{"share its memory with a process", "SANDBOX_VIOLATION", "clone"},
    Fate{"enter a namespace with a process", "SANDBOX_VIOLATION", "clone"},
    Fate{"enter a namespace with a thread", "SANDBOX_VIOLATION", "clone"},
    Fate{"start less than a thread", "SANDBOX_VIOLATION", "clone"},
    Fate{"start a thread with a flag that the kernel cuts off", "SANDBOX_VIOLATION", "clone"},
    Fate{"fork by the other call", "IO_ERROR", "clone3"},
    Fate{"spawn a program", "SANDBOX_VIOLATION", "forbidden"},
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
    Fate{"crash", "WORKER_ERROR", "signal 11"}};

/// Those of a stage with threads that are others.
constexpr Fate kFatesWithThreads[] = {
    Fate{"start a thread", "complete", ""},
    Fate{"compute in many threads", "complete", ""},
    Fate{"start threads without end", "WORKER_ERROR", "unavailable"},
    Fate{"fork in a thread", "SANDBOX_VIOLATION", "clone"},
    Fate{"open a socket in a thread", "SANDBOX_VIOLATION", "socket"},
    Fate{"read another asset in a thread", "PERMISSION_DENIED", "open"},
    Fate{"kill its parent in a thread", "PERMISSION_DENIED", "kill"}};

Fate with_threads(const Fate& usual) {
  const std::string_view act = usual.act;
  const auto* other = std::ranges::find(
      kFatesWithThreads, act, [](const Fate& fate) { return std::string_view(fate.act); });
  return other == std::end(kFatesWithThreads) ? usual : *other;
}

class HostileTest : public SandboxTest,
                    public ::testing::WithParamInterface<std::tuple<Fate, CellThreads>> {};

TEST_P(HostileTest, FailsIsReportedAndHarmsNobody) {
  const auto& [usual, threads] = GetParam();
  const Fate fate = threads == CellThreads::one ? usual : with_threads(usual);
  if (is_for_sanitizers(fate.act)) GTEST_SKIP() << "allowed under sanitizers";
  EXPECT_EQ(fate_of(fate.act, "required", threads), fate.code);
  EXPECT_NE(message_.find(fate.word), std::string::npos) << message_;
}

std::string name_of(const ::testing::TestParamInfo<HostileTest::ParamType>& param) {
  const auto& [fate, threads] = param.param;
  std::string name = fate.act;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name + (threads == CellThreads::one ? "" : "_where_threads_are");
}

INSTANTIATE_TEST_SUITE_P(Acts,
                         HostileTest,
                         ::testing::Combine(::testing::ValuesIn(kFates),
                                            ::testing::Values(CellThreads::one, CellThreads::many)),
                         name_of);

TEST_F(SandboxTest, WithoutItTheActsSucceed) {
  for (const char* act : {"read another asset", "open a socket"})
    EXPECT_EQ(fate_of(act, "off"), "complete") << act;
}

TEST_F(SandboxTest, EveryActIsTried) {
  std::size_t n_tried = 2;  // "nothing", which is no attack.
  const auto* test = ::testing::UnitTest::GetInstance();
  for (int i = 0; i < test->total_test_suite_count(); ++i) {
    if (std::strcmp(test->GetTestSuite(i)->name(), "Acts/HostileTest") == 0)
      n_tried += static_cast<std::size_t>(test->GetTestSuite(i)->total_test_count());
  }
  EXPECT_EQ(n_tried, 2 * testing::acts().size());
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
    for (const auto threads : {engine::CellThreads::one, engine::CellThreads::many})
      if (!recipes.add(engine::testing::hostile_recipe(threads)).ok()) return 2;
    if (!engine::confine_executor(options).ok()) return 3;
    return engine::run_executor(core::Fd(std::atoi(argv[3])), options, recipes, {});
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
