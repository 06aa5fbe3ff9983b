#include "core/ids.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

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

TEST(Clock, WritesTimesBefore1970AndFarAhead) {
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339(-1'000'000), "1969-12-31T23:59:59.000Z");
  EXPECT_EQ(rfc3339(-86'400'500'000), "1969-12-30T23:59:59.500Z");
  EXPECT_EQ(rfc3339(7'258'118'400'000'000), "2200-01-01T00:00:00.000Z");
}

TEST(Clock, HasAClockThatNobodySets) {
  const std::int64_t first = system_clock().steady_us();
  EXPECT_GT(first, 0);
  EXPECT_GE(system_clock().steady_us(), first);
}

TEST(ProcessIdentity, SurvivesItsTextFormAndKnowsTheLivingFromTheDead) {
  const ProcessIdentity self = this_process();
  const auto copy = ProcessIdentity::parse(self.to_string());
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(liveness(*copy), Liveness::alive);
  ProcessIdentity reused = self;
  reused.start_ticks += 1;  // Same pid, another process.
  EXPECT_EQ(liveness(reused), Liveness::dead);
  reused.start_ticks = self.start_ticks - 1;  // As it is in fact: the dead one began earlier.
  EXPECT_EQ(liveness(reused), Liveness::dead);
  ProcessIdentity rebooted = self;
  rebooted.boot_id = "another";
  EXPECT_EQ(liveness(rebooted), Liveness::dead);
  ProcessIdentity remote = self;
  remote.machine_id = "another";
  EXPECT_EQ(liveness(remote), Liveness::unknown);
  for (const char* text : {"a/b/c", "a/b/x/1", "a/b/1/x", "a/b/1/1x", "", "a/b//1"})
    EXPECT_FALSE(ProcessIdentity::parse(text).has_value()) << text;
  ProcessIdentity contained = self;
  contained.pid_namespace += 1;  // Its pid says nothing here.
  EXPECT_EQ(liveness(contained), Liveness::unknown);
  contained.start_ticks += 1;
  EXPECT_EQ(liveness(contained), Liveness::unknown);
  EXPECT_FALSE(ProcessIdentity::parse("a/b/c").has_value());
  EXPECT_FALSE(ProcessIdentity::parse("a/b/1/2/3/4").has_value());
  EXPECT_FALSE(ProcessIdentity::parse("a/b/1/2/c").has_value());
}

TEST(ProcessIdentity, ReadsWhatOlderVersionsWrote) {
  const ProcessIdentity& self = this_process();
  EXPECT_GT(self.pid_namespace, 0U);
  const auto old =
      ProcessIdentity::parse(self.machine_id + "/" + self.boot_id + "/" + std::to_string(self.pid) +
                             "/" + std::to_string(self.start_ticks));
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->pid_namespace, 0U);
  EXPECT_EQ(liveness(*old), Liveness::alive);
  EXPECT_EQ(ProcessIdentity::parse(old->to_string())->pid, self.pid);
}

TEST(ProcessIdentity, AChildThatHasDiedIsDeadEvenBeforeItIsBuried) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::_exit(::read(ends[0], &byte, 1) == 1 ? 0 : 1);
  }
  ProcessIdentity identity = this_process();
  identity.pid = child;
  std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string word;
  for (int field = 3; field <= 22; ++field) fields >> word;
  identity.start_ticks = std::stoull(word);
  EXPECT_EQ(liveness(identity), Liveness::alive);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(liveness(identity), Liveness::dead) << "a zombie works no more";
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(liveness(identity), Liveness::dead);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Process, KnowsItsEnvironmentByBothNamesAndItself) {
  ::setenv("SSIS_OF_A_TEST", "old", 1);
  EXPECT_EQ(environment("OF_A_TEST"), "old");
  ::setenv("BALEEN_OF_A_TEST", "new", 1);
  EXPECT_EQ(environment("OF_A_TEST"), "new");
  EXPECT_EQ(environment("THAT_NOBODY_SET"), "");
  EXPECT_FALSE(version().empty());
  EXPECT_FALSE(host_name().empty());
  EXPECT_GT(rss_bytes(::getpid()), 1 << 20);
  EXPECT_EQ(rss_bytes(-1), 0);
  EXPECT_GE(peak_rss_bytes(), 1 << 20);
  trim_heap();
}

}  // namespace
}  // namespace baleen::core
