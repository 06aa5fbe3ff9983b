#include "core/ids.h"

#include <gtest/gtest.h>

#include "core/clock.h"
#include "core/process.h"

namespace baleen::core {
namespace {

TEST(Ids, NewIdsDifferAndSortByTime) {
  const std::string first = new_id();
  EXPECT_EQ(first.size(), 36U);
  EXPECT_EQ(first[14], '7');
  EXPECT_NE(first, new_id());
}

TEST(Ids, DerivedIdsAreTheSameForTheSameText) {
  EXPECT_EQ(derived_id("x"), derived_id("x"));
  EXPECT_NE(derived_id("x"), derived_id("y"));
  EXPECT_EQ(derived_id("x")[14], '8');
}

TEST(Clock, WritesRfc3339InUtc) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1'700'000'000'123'456), "2023-11-14T22:13:20.123Z");
}

TEST(ProcessIdentity, SurvivesItsTextFormAndKnowsTheLivingFromTheDead) {
  const ProcessIdentity self = this_process();
  const auto copy = ProcessIdentity::parse(self.to_string());
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(liveness(*copy), Liveness::alive);
  ProcessIdentity reused = self;
  reused.start_ticks += 1;  // Same pid, another process.
  EXPECT_EQ(liveness(reused), Liveness::dead);
  ProcessIdentity rebooted = self;
  rebooted.boot_id = "another";
  EXPECT_EQ(liveness(rebooted), Liveness::dead);
  ProcessIdentity remote = self;
  remote.machine_id = "another";
  EXPECT_EQ(liveness(remote), Liveness::unknown);
  EXPECT_FALSE(ProcessIdentity::parse("a/b/c").has_value());
}

}  // namespace
}  // namespace baleen::core
