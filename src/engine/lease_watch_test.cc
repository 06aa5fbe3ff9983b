#include "engine/lease_watch.h"

#include <gtest/gtest.h>

namespace baleen::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000, kHour = 3600 * kSecond, kTtl = 600 * kSecond;
constexpr std::int64_t kNow = 1'700'000'000 * kSecond;

/// A wall clock that can be set, and a steady one.
struct Clocks {
  std::int64_t wall_us = kNow, steady_us = 50 * kSecond;
  void pass(std::int64_t us) { wall_us += us, steady_us += us; }
};

struct LeaseWatchTest : ::testing::Test {
  bool look(std::int64_t expires_at_us, bool is_owner_alive = false) {
    watch.begin_look(clocks.wall_us, clocks.steady_us);
    return watch.has_expired(7, expires_at_us, kTtl, is_owner_alive);
  }
  Clocks clocks;
  LeaseWatch watch;
};

TEST_F(LeaseWatchTest, ALeaseEndsAtItsTimeWhereClocksAreLeftAlone) {
  const std::int64_t end_us = clocks.wall_us + kTtl;
  EXPECT_FALSE(look(end_us));
  clocks.pass(kTtl);
  EXPECT_FALSE(look(end_us));
  clocks.pass(1);
  EXPECT_TRUE(look(end_us));
}

TEST_F(LeaseWatchTest, OneThatHasEndedBeforeTheFirstLookIsOver) {
  EXPECT_TRUE(look(clocks.wall_us - 1));
}

TEST_F(LeaseWatchTest, AClockSetForwardEndsNoLease) {
  std::int64_t end_us = clocks.wall_us + kTtl;
  EXPECT_FALSE(look(end_us));
  clocks.wall_us += kHour;
  EXPECT_FALSE(look(end_us)) << "seen before";
  clocks.pass(kSecond);
  EXPECT_FALSE(look(end_us + kSecond)) << "written by the old clock, seen only now";
  clocks.pass(kSecond);
  EXPECT_FALSE(look(clocks.wall_us + kTtl)) << "written by the new clock";
}

TEST_F(LeaseWatchTest, AClockSetForwardDoesNotKeepALeaseEither) {
  const std::int64_t end_us = clocks.wall_us + kTtl;
  EXPECT_FALSE(look(end_us));
  clocks.wall_us += kHour;
  clocks.pass(kTtl + 1);
  EXPECT_TRUE(look(end_us));
}

TEST_F(LeaseWatchTest, AClockSetBackKeepsNoLeaseLongerThanItsTtl) {
  const std::int64_t end_us = clocks.wall_us + kTtl;
  EXPECT_FALSE(look(end_us));
  clocks.wall_us -= kHour;
  clocks.pass(kTtl + 1);
  EXPECT_TRUE(look(end_us));
}

TEST_F(LeaseWatchTest, ALeaseOfTheFutureIsBoundedThoughNobodySawTheClockBeingSet) {
  const std::int64_t end_us = clocks.wall_us + kHour + kTtl;
  EXPECT_FALSE(look(end_us));
  clocks.pass(kTtl + 1);
  EXPECT_TRUE(look(end_us));
}

TEST_F(LeaseWatchTest, ToAndFroIsNoMoreThanEither) {
  const std::int64_t end_us = clocks.wall_us + kTtl;
  for (const std::int64_t jump : {kHour, -2 * kHour, 2 * kHour, -kHour}) {
    EXPECT_FALSE(look(end_us));
    clocks.wall_us += jump;
    EXPECT_FALSE(look(end_us)) << jump;
    EXPECT_FALSE(look(end_us + clocks.steady_us)) << "a heartbeat of the first clock";
    clocks.pass(kSecond);
  }
}

TEST_F(LeaseWatchTest, ALivingOwnerMayBeatBeforeItsLeaseIsTaken) {
  const std::int64_t end_us =
      clocks.wall_us - kHour;  // Suspended, both of us; or we have just come.
  EXPECT_FALSE(look(end_us, true));
  clocks.pass(kSecond);
  EXPECT_FALSE(look(end_us, true));
  EXPECT_FALSE(look(clocks.wall_us + kTtl, true)) << "it has";
  clocks.pass(kTtl + 1);
  EXPECT_FALSE(look(end_us, true));
  clocks.pass(3 * kSecond);
  EXPECT_TRUE(look(end_us, true)) << "it does not: stopped";
}

TEST_F(LeaseWatchTest, TellsWhenDelaysMayHaveGrown) {
  EXPECT_TRUE(watch.begin_look(clocks.wall_us, clocks.steady_us)) << "who knows what was before";
  clocks.pass(kSecond);
  EXPECT_FALSE(watch.begin_look(clocks.wall_us, clocks.steady_us));
  clocks.wall_us += kHour;
  EXPECT_FALSE(watch.begin_look(clocks.wall_us, clocks.steady_us));
  clocks.wall_us -= kHour;
  EXPECT_TRUE(watch.begin_look(clocks.wall_us, clocks.steady_us));
  EXPECT_FALSE(watch.begin_look(clocks.wall_us, clocks.steady_us));
}

}  // namespace
}  // namespace baleen::engine
