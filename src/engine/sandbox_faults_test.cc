// Each system call that makes a cell fails once: work is done in a whole sandbox or not at all.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdarg>
#include <filesystem>
#include <functional>
#include <thread>

#include "core/testing/syscall_faults.h"
#include "engine/cell.h"
#include "engine/executor_process.h"
#include "engine/landlock.h"
#include "engine/system_calls.h"

namespace {
baleen::core::testing::SyscallFaults& faults() { return baleen::core::testing::syscall_faults(); }
template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}
}  // namespace

extern "C" {

int prctl(int option, ...) noexcept {
  va_list list;
  va_start(list, option);
  unsigned long words[4];
  for (unsigned long& word : words) word = va_arg(list, unsigned long);
  va_end(list);
  // Dying with the parent is for cells that outlive their executor: the executor waits for them, too.
  if (option != PR_SET_PDEATHSIG && faults().take("prctl")) return -1;
  return static_cast<int>(::syscall(SYS_prctl, option, words[0], words[1], words[2], words[3]));
}

int socketpair(int domain, int type, int protocol, int* ends) noexcept {
  if (faults().take("socketpair")) return -1;
  return static_cast<int>(::syscall(SYS_socketpair, domain, type, protocol, ends));
}

int memfd_create(const char* name, unsigned flags) noexcept {
  if (faults().take("memfd_create")) return -1;
  return static_cast<int>(::syscall(SYS_memfd_create, name, flags));
}

pid_t fork() noexcept {
  if (faults().take("fork")) return -1;
  return next<pid_t()>("fork")();
}

int sigaction(int number, const struct sigaction* action, struct sigaction* old) noexcept {
  if (number == SIGSYS && faults().take("sigaction")) return -1;
  return next<int(int, const struct sigaction*, struct sigaction*)>("sigaction")(number, action,
                                                                                 old);
}

long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long words[6];
  for (long& word : words) word = va_arg(list, long);
  va_end(list);
  const bool is_landlock = number >= 444 && number <= 446;
  if (is_landlock && faults().take("landlock")) return -1;
  static const auto real = next<long(long, ...)>("syscall");
  return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

}  // extern "C"

namespace baleen::engine {
namespace {

class SandboxFaults : public ::testing::Test {
 protected:
  SandboxFaults() {
    std::filesystem::create_directories(directory_);
    EXPECT_TRUE(core::write_file_atomic(readable_, "for the cell").ok());
  }
  ~SandboxFaults() override {
    faults().reset();
    std::filesystem::remove_all(directory_);
  }
  void SetUp() override {
    if (!sandbox_support().is_complete())
      GTEST_SKIP() << "this kernel has " << sandbox_support().to_string();
  }

  /// What holds where the work is done: each is true in a whole sandbox.
  static Result<json::object> look_around(const ProgressFn& /*progress*/) {
    const bool is_blind = ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0;
    errno = 0;
    const bool is_filtered = ::getpriority(PRIO_PROCESS, 0) == -1 && errno == ENOSYS;
    const bool is_harmless = ::kill(::getppid(), 0) != 0;
    return json::object{
        {"is_blind", is_blind}, {"is_filtered", is_filtered}, {"is_harmless", is_harmless}};
  }

  /// The same, in a thread of its own, which has the sandbox of the process.
  static Result<json::object> look_around_in_a_thread(const ProgressFn& progress) {
    Result<json::object> seen = json::object{};
    std::thread([&] { seen = look_around(progress); }).join();
    return seen;
  }

  /// Makes the sandbox and a cell in it while the n-th such call fails.
  Result<CellResult> enter(const std::string& call,
                           int error,
                           std::int64_t n,
                           CellThreads threads) {
    faults().reset();
    faults().call = call;
    faults().error = error;
    faults().skipped = n;
    const auto attempt = [&]() -> Result<CellResult> {
      BALEEN_ASSIGN_OR_RETURN(const CellSandbox sandbox,
                              CellSandbox::create(SandboxMode::required, threads));
      return run_in_cell(sandbox, {}, {{readable_}, {directory_}},
                         threads == CellThreads::one ? look_around : look_around_in_a_thread,
                         [](double) {});
    };
    Result<CellResult> result = attempt();
    faults().reset();
    return result;
  }

  const std::filesystem::path directory_ = std::filesystem::temp_directory_path() /
                                           ("baleen_sandbox_faults_" + std::to_string(::getpid()));
  const std::filesystem::path readable_ = directory_ / "readable";
};

struct Fault {
  const char* call;
  int error;
  int n_failures;  ///< At least so many of these calls must not be done without.
};

TEST_F(SandboxFaults, TheWorkIsDoneInAWholeSandboxOrNotAtAll) {
  for (const Fault& fault :
       {Fault{"landlock", EPERM, 5}, Fault{"prctl", EINVAL, 3}, Fault{"sigaction", EINVAL, 1},
        Fault{"memfd_create", EMFILE, 1}, Fault{"socketpair", EMFILE, 1}, Fault{"fork", EAGAIN, 1},
        Fault{"open", EMFILE, 1}, Fault{"pread", EIO, 1}}) {
    for (const CellThreads threads : {CellThreads::one, CellThreads::many}) {
      int n_failures = 0;
      for (std::int64_t n = 0; n < 12; ++n) {
        SCOPED_TRACE(std::string(fault.call) + " " + std::to_string(n));
        const Result<CellResult> result = enter(fault.call, fault.error, n, threads);
        if (!result.ok()) {
          ++n_failures;
          EXPECT_NE(result.error().code, ErrorCode::internal);
          continue;
        }
        for (const auto& claim : result->answer) {
          EXPECT_NE(claim.value(), json::value(false)) << claim.key();
        }
      }
      EXPECT_GE(n_failures, fault.n_failures) << fault.call;
      EXPECT_LT(n_failures, 12) << fault.call << ": without a fault it must work";
    }
  }
}

TEST_F(SandboxFaults, AnExecutorDoesNotLiveInHalfASandbox) {
  for (const Fault& fault :
       {Fault{"landlock", EPERM, 3}, Fault{"prctl", EINVAL, 3}, Fault{"memfd_create", EMFILE, 1}}) {
    int n_refused = 0;
    for (std::int64_t n = 0; n < 8; ++n) {
      SCOPED_TRACE(std::string(fault.call) + " " + std::to_string(n));
      const CellSandbox none = CellSandbox::create(SandboxMode::off).value();
      const auto result = run_in_cell(
          none, {}, {},
          [&](const ProgressFn&) -> Result<json::object> {
            faults().call = fault.call;
            faults().error = fault.error;
            faults().skipped = n;
            const Result<void> entered =
                enter_executor_sandbox(SandboxMode::required, {{}, {directory_}});
            faults().reset();
            if (!entered.ok()) return entered.error();
            const bool has_network = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
            const bool may_write = ::open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600) >= 0;
            return json::object{{"has_network", has_network}, {"may_write", may_write}};
          },
          [](double) {});
      if (!result.ok()) {
        ++n_refused;
        continue;
      }
      EXPECT_FALSE(result->answer.at("has_network").as_bool());
      EXPECT_FALSE(result->answer.at("may_write").as_bool());
    }
    EXPECT_GE(n_refused, fault.n_failures) << fault.call;
    EXPECT_LT(n_refused, 8) << fault.call;
  }
}

TEST_F(SandboxFaults, AnExecutorThatCannotBeStartedIsAnError) {
  for (const char* call : {"socketpair", "fork"}) {
    faults().reset();
    faults().call = call;
    faults().error = EAGAIN;
    const Result<ExecutorProcess> process = ExecutorProcess::start({{"baleen-test"}});
    faults().reset();
    ASSERT_FALSE(process.ok()) << call;
    EXPECT_NE(process.error().message.find(call), std::string::npos) << process.error().message;
  }
}

TEST_F(SandboxFaults, AKernelWithoutEitherHalfIsSaidToBeOne) {
  faults().call = "landlock";
  faults().error = ENOSYS;
  EXPECT_EQ(landlock_abi(), 0);
  faults().reset();
  faults().call = "prctl";
  faults().error = EINVAL;
  EXPECT_FALSE(has_system_call_filters());
  faults().reset();
  EXPECT_EQ(check_sandbox(SandboxMode::required, {0, true}).error().code,
            ErrorCode::sandbox_unavailable);
  EXPECT_EQ(check_sandbox(SandboxMode::required, {1, false}).error().code,
            ErrorCode::sandbox_unavailable);
  EXPECT_TRUE(check_sandbox(SandboxMode::best_effort, {0, false}).ok());
  EXPECT_EQ((SandboxSupport{0, false}).to_string(), "no Landlock, no seccomp");
}

}  // namespace
}  // namespace baleen::engine
