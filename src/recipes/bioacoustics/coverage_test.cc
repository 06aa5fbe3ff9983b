#include "recipes/bioacoustics/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baleen::bioacoustics {
namespace {

using testing::HasSubstr;

/// Recordings of 60 s, one window each.
CollectionWindows minutes(const std::vector<std::array<const char*, 3>>& recordings) {
  CollectionWindows windows;
  for (const auto& [name, deployment, start] : recordings) {
    RecordingFacts facts;
    facts.asset_id = facts.filename = name;
    facts.deployment = deployment;
    facts.start_local = start;
    windows.recording.push_back(static_cast<std::uint32_t>(windows.recordings.size()));
    windows.recordings.push_back(std::move(facts));
    windows.row_index.push_back(0);
    windows.start_s.push_back(0);
    windows.end_s.push_back(60);
  }
  return windows;
}

TEST(Coverage, NamesTheGapsOfEachDeployment) {
  const json::array found = describe_coverage(minutes({{"a.wav", "reef", "2019-05-22T06:00:00Z"},
                                                       {"b.wav", "reef", "2019-05-22T06:01:00Z"},
                                                       {"c.wav", "reef", "2019-05-22T07:00:00Z"},
                                                       {"d.wav", "kelp", "2019-05-22T06:00:00Z"},
                                                       {"e.wav", "kelp", "2019-05-22T06:00:30Z"},
                                                       {"f.wav", "kelp", ""}}));
  ASSERT_EQ(found.size(), 2U);
  const json::object& kelp = found[0].as_object();
  EXPECT_EQ(core::get_string(kelp, "deployment"), "kelp");
  EXPECT_EQ(core::get_int(kelp, "recordings"), 3);
  EXPECT_EQ(core::get_int(kelp, "without_start"), 1);
  EXPECT_EQ(core::get_double(kelp, "overlaps_s"), 30);
  EXPECT_EQ(core::get_double(kelp, "recorded_s"), 90);
  const json::object& reef = found[1].as_object();
  EXPECT_EQ(core::get_int(reef, "windows"), 3);
  EXPECT_EQ(core::get_double(reef, "gaps_s"), 58 * 60);
  ASSERT_EQ(core::get_array(reef, "breaks").size(), 1U);
  EXPECT_THAT(std::string(core::get_array(reef, "breaks")[0].as_string()), HasSubstr("c.wav"));
}

TEST(Coverage, TimesWithAZoneAreNotHeldAgainstThoseWithoutOne) {
  const json::array found = describe_coverage(minutes(
      {{"a.wav", "reef", "2019-05-22T06:00:00Z"}, {"b.wav", "reef", "2019-05-22T09:00:00"}}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(core::get_double(found[0].as_object(), "gaps_s"), 0);
}

}  // namespace
}  // namespace baleen::bioacoustics
