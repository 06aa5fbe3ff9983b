// Each lock, read and write of a host's guard fails once: nobody is refused for it who was not to be, and two hosts
// are never in.

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/testing/syscall_faults.h"
#include "store/host_guard.h"

namespace baleen::store {
namespace {

using core::testing::syscall_faults;

class HostGuardFaults : public ::testing::Test {
 protected:
  HostGuardFaults() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~HostGuardFaults() override {
    syscall_faults().reset();
    std::filesystem::remove_all(directory_);
  }
  Result<HostGuard> acquire(const Host& host, const std::string& call, int error, std::int64_t n) {
    syscall_faults().reset();
    syscall_faults().call = call;
    syscall_faults().error = error;
    syscall_faults().skipped = n;
    Result<HostGuard> guard = HostGuard::acquire(directory_, host);
    was_met_ = syscall_faults().times == 0;
    syscall_faults().reset();
    return guard;
  }
  Result<HostGuard> acquire(const Host& host) { return acquire(host, "", 0, 0); }

  const std::filesystem::path directory_ = std::filesystem::temp_directory_path() /
                                           ("baleen_guard_faults_" + std::to_string(::getpid()));
  const Host kelp_{"boot-1", "machine-1", "kelp"};
  const Host krill_{"boot-2", "machine-2", "krill"};
  bool was_met_ = false;
};

TEST_F(HostGuardFaults, AFileSystemWithoutLocksIsUsedWithoutThem) {
  // Who is first, who joins, and who comes after a host that is gone.
  int n_met = 0;
  for (const int error : {ENOLCK, EINVAL}) {
    for (std::int64_t n = 0; n < 8; ++n) {
      SCOPED_TRACE(std::to_string(error) + " " + std::to_string(n));
      std::filesystem::remove(directory_ / "host");
      for (const Host* host : {&krill_, &kelp_}) {
        const Result<HostGuard> guard = acquire(*host, "fcntl", error, n);
        ASSERT_TRUE(guard.ok()) << guard.error().message;
        n_met += was_met_ ? 1 : 0;
        EXPECT_TRUE(was_met_ || guard->is_held());
      }
      const HostGuard first = acquire(kelp_).value();
      EXPECT_TRUE(first.is_held()) << "a lock was left behind";
      EXPECT_TRUE(acquire(kelp_, "fcntl", error, n).ok());
    }
  }
  EXPECT_GE(n_met, 16);
}

TEST_F(HostGuardFaults, AnInterruptedOrRefusedLockIsTriedAgain) {
  for (const int error : {EINTR, EAGAIN, EACCES}) {
    for (std::int64_t n = 0; n < (error == EINTR ? 6 : 1); ++n) {
      SCOPED_TRACE(std::to_string(error) + " " + std::to_string(n));
      std::filesystem::remove(directory_ / "host");
      const Result<HostGuard> first = acquire(kelp_, "fcntl", error, n);
      ASSERT_TRUE(first.ok()) << first.error().message;
      const Result<HostGuard> second = acquire(kelp_, "fcntl", error, n);
      ASSERT_TRUE(second.ok()) << second.error().message;
      EXPECT_TRUE(error != EINTR || (first->is_held() && second->is_held()));
    }
  }
}

TEST_F(HostGuardFaults, ANameThatCannotBeWrittenIsAnErrorAndTheGateStaysOpen) {
  const Result<HostGuard> refused = acquire(kelp_, "pwrite", ENOSPC, 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::disk_full);
  EXPECT_TRUE(acquire(kelp_).value().is_held());
}

TEST_F(HostGuardFaults, ANameThatCannotBeReadIsNobodysAndStillNobodyElseGetsIn) {
  const HostGuard first = acquire(kelp_).value();
  for (std::int64_t n = 0; n < 3; ++n) {
    EXPECT_FALSE(acquire(krill_, "pread", EIO, n).ok()) << n;
    (void)acquire(kelp_, "pread", EIO, n);
    EXPECT_EQ(acquire(krill_).error().code, ErrorCode::store_in_use_by_other_host) << n;
  }
}

TEST_F(HostGuardFaults, WithoutAnAnswerAProcessOfAnotherContainerIsNotTakenForDead) {
  core::ProcessIdentity other = core::this_process();
  other.pid_namespace += 1;
  const HostGuard theirs = HostGuard::acquire(directory_, this_host(), other).value();
  syscall_faults().call = "fcntl";
  syscall_faults().error = ENOLCK;
  EXPECT_EQ(liveness({directory_}, other), core::Liveness::unknown);
  syscall_faults().reset();
  EXPECT_EQ(liveness({directory_}, other), core::Liveness::alive);
}

}  // namespace
}  // namespace baleen::store
