#include "store/host_guard.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>

#include "core/clock.h"
#include "store/database.h"

namespace baleen::store {
namespace {

class HostGuardTest : public ::testing::Test {
 protected:
  HostGuardTest() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("baleen_host_" + std::to_string(::getpid()) + "_" +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~HostGuardTest() override { std::filesystem::remove_all(directory_); }

  Result<HostGuard> acquire(const Host& host) { return HostGuard::acquire(directory_, host); }
  [[nodiscard]] std::string name() const {
    return core::read_text_file(directory_ / "host").value();
  }

  std::filesystem::path directory_;
  const Host kelp_{"boot-1", "machine-1", "kelp"};
  const Host krill_{"boot-2", "machine-2", "krill"};
};

TEST_F(HostGuardTest, AnotherHostIsRefusedByNameWhileOneProcessLives) {
  auto first = std::make_unique<HostGuard>(acquire(kelp_).value());
  auto second = std::make_unique<HostGuard>(acquire(kelp_).value());
  EXPECT_TRUE(first->is_held());
  for (int i = 0; i < 2; ++i) {
    const Result<HostGuard> refused = acquire(krill_);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::store_in_use_by_other_host);
    EXPECT_NE(refused.error().message.find("kelp"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("boot-1"), std::string::npos);
    EXPECT_TRUE(acquire(kelp_).ok()) << "a refusal disturbs nobody";
    first.reset();
  }
  second.reset();
  const HostGuard taken = acquire(krill_).value();
  EXPECT_NE(name().find("krill"), std::string::npos);
  EXPECT_EQ(acquire(kelp_).error().code, ErrorCode::store_in_use_by_other_host);
}

TEST_F(HostGuardTest, ARebootTakesOverAtOnce) {
  { const HostGuard before = acquire(kelp_).value(); }
  Host rebooted = kelp_;
  rebooted.boot_id = "boot-9";
  const HostGuard after = acquire(rebooted).value();
  EXPECT_NE(name().find("boot-9"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(directory_ / "host"), 512U);
}

TEST_F(HostGuardTest, ATornOrForeignFileIsWrittenAnew) {
  for (const char* torn : {"", "{", "{\"boot_id\": \"boot", "[1]", "\0\0"}) {
    ASSERT_TRUE(core::write_file_atomic(directory_ / "host", torn).ok());
    const HostGuard guard = acquire(kelp_).value();
    EXPECT_NE(name().find("boot-1"), std::string::npos);
    EXPECT_EQ(acquire(krill_).error().code, ErrorCode::store_in_use_by_other_host);
  }
}

TEST_F(HostGuardTest, OfManyStartersOnTwoHostsOnlyThoseOfOneGetIn) {
  for (int round = 0; round < 15; ++round) {
    SCOPED_TRACE(round);
    std::atomic<int> n_in[2] = {0, 0};
    std::atomic<bool> is_mixed{false};
    std::vector<std::thread> starters;
    for (int i = 0; i < 8; ++i) {
      starters.emplace_back([&, i] {
        for (int n = 0; n < 20; ++n) {
          const Result<HostGuard> guard = acquire(i % 2 == 0 ? kelp_ : krill_);
          if (!guard.ok()) continue;
          ++n_in[i % 2];
          if (n_in[1 - i % 2] > 0) is_mixed = true;
          std::this_thread::yield();
          --n_in[i % 2];
        }
      });
    }
    for (std::thread& starter : starters) starter.join();
    EXPECT_FALSE(is_mixed) << "two hosts were in at once";
  }
}

TEST_F(HostGuardTest, StartersOfOneHostNeverRefuseEachOther) {
  for (int round = 0; round < 15; ++round) {
    std::filesystem::remove(directory_ / "host");
    std::atomic<int> n_refused{0};
    std::vector<std::thread> starters;
    for (int i = 0; i < 8; ++i) {
      starters.emplace_back([&] {
        if (!acquire(kelp_).ok()) ++n_refused;
      });
    }
    for (std::thread& starter : starters) starter.join();
    EXPECT_EQ(n_refused, 0);
  }
}

TEST_F(HostGuardTest, AReadOnlyDirectoryIsLookedAtAndNotWrittenTo) {
  const bool is_root = ::geteuid() == 0;  // Who may write everywhere: be somebody else for a while.
  if (is_root) {
    ASSERT_EQ(::chown(directory_.c_str(), 65534, 65534), 0);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  ::chmod(directory_.c_str(), 0500);
  EXPECT_FALSE(acquire(kelp_).value().is_held()) << "nothing there, nothing can be made";
  ::chmod(directory_.c_str(), 0700);
  const HostGuard there = acquire(kelp_).value();
  ::chmod((directory_ / "host").c_str(), 0400);
  EXPECT_TRUE(acquire(kelp_).value().is_held());
  EXPECT_EQ(acquire(krill_).error().code, ErrorCode::store_in_use_by_other_host);
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

TEST_F(HostGuardTest, AProcessOfAnotherContainerIsKnownByItsLock) {
  core::ProcessIdentity other = core::this_process();
  other.pid_namespace += 1;
  EXPECT_EQ(liveness({directory_}, other), core::Liveness::unknown) << "no store, no locks";
  {
    const HostGuard theirs = HostGuard::acquire(directory_, this_host(), other).value();
    EXPECT_EQ(liveness({directory_}, other), core::Liveness::alive);
  }
  EXPECT_EQ(liveness({directory_}, other), core::Liveness::dead);
  other.boot_id = "another";
  other.machine_id = "another";
  EXPECT_EQ(liveness({directory_}, other), core::Liveness::unknown);
}

TEST_F(HostGuardTest, EveryOpenDatabaseIsGuarded) {
  {
    const Database database = Database::open(directory_ / "baleen.db").value();
    EXPECT_EQ(acquire(krill_).error().code, ErrorCode::store_in_use_by_other_host);
  }
  const HostGuard theirs = acquire(krill_).value();
  const Result<Database> refused = Database::open(directory_ / "baleen.db");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::store_in_use_by_other_host);
}

TEST_F(HostGuardTest, WhatCannotBeOpenedIsAnError) {
  EXPECT_EQ(HostGuard::acquire(directory_ / "nothing").error().code, ErrorCode::file_not_found);
  std::filesystem::create_directory(directory_ / "host");
  EXPECT_EQ(acquire(kelp_).error().code, ErrorCode::io_error);
}

TEST_F(HostGuardTest, AHostThatKnowsNoBootIsKnownByItsMachine) {
  const Host bare{"", "machine-3", "limpet"};
  const HostGuard first = acquire(bare).value();
  EXPECT_TRUE(acquire(bare).ok());
  EXPECT_EQ(acquire({"", "machine-4", "whelk"}).error().code,
            ErrorCode::store_in_use_by_other_host);
}

TEST_F(HostGuardTest, CostsNextToNothing) {
  { const HostGuard first = HostGuard::acquire(directory_).value(); }
  constexpr int kTimes = 1000;
  const double begin_s = core::process_cpu_s();
  for (int i = 0; i < kTimes; ++i) ASSERT_TRUE(HostGuard::acquire(directory_).ok());
  const double each_us = 1e6 * (core::process_cpu_s() - begin_s) / kTimes;
  RecordProperty("each_us", std::to_string(each_us));
  EXPECT_LT(each_us, 200);
}

}  // namespace
}  // namespace baleen::store
