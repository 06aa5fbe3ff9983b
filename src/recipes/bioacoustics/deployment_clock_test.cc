#include "recipes/bioacoustics/deployment_clock.h"

#include <gtest/gtest.h>

namespace baleen::bioacoustics {
namespace {

json::object sync(std::initializer_list<std::pair<const char*, const char*>> points) {
  json::array list;
  for (const auto& [recorder, truth] : points)
    list.push_back({{"recorder", recorder}, {"true", truth}});
  return {{"tag_data", {{"clock_sync", std::move(list)}}}};
}

TEST(DeploymentClock, PutsAStartIntoTrueTimeByWhatWasComparedBeforeAndAfter) {
  // Ten seconds too fast after ten days, and right at the beginning.
  const json::object known = sync({{"2019-05-01T00:00:00Z", "2019-05-01T00:00:00Z"},
                                   {"2019-05-11T00:00:10Z", "2019-05-11T00:00:00Z"}});
  const json::object recording{{"start_local", "2019-05-06T02:00:05+02:00"},
                               {"start_utc", "2019-05-06T00:00:05.000Z"},
                               {"serial", nullptr}};
  const json::object corrected = in_true_time(recording, known).value();
  EXPECT_EQ(core::get_string(corrected, "start_local"), "2019-05-06T02:00:00+02:00");
  EXPECT_EQ(core::get_string(corrected, "start_utc"), "2019-05-06T00:00:00.000Z");
  EXPECT_TRUE(corrected.contains("serial"));
}

TEST(DeploymentClock, OneComparisonMovesAllAndAClockWithoutZoneIsComparedWithoutOne) {
  const json::object known = sync({{"2019-05-01T06:00:30", "2019-05-01T06:00:00"}});
  const json::object recording{{"start_local", "2019-05-06T02:00:30"}, {"start_utc", nullptr}};
  const json::object corrected = in_true_time(recording, known).value();
  EXPECT_EQ(core::get_string(corrected, "start_local"), "2019-05-06T02:00:00");
  EXPECT_TRUE(corrected.at("start_utc").is_null());
}

TEST(DeploymentClock, WithoutComparisonsOrAStartNothingChanges) {
  const json::object recording{{"start_local", "2019-05-06T02:00:30"}};
  EXPECT_EQ(in_true_time(recording, {}).value(), recording);
  const json::object known = sync({{"2019-05-01T06:00:30", "2019-05-01T06:00:00"}});
  EXPECT_EQ(in_true_time({{"start_local", nullptr}}, known).value(),
            (json::object{{"start_local", nullptr}}));
}

TEST(DeploymentClock, RefusesWhatIsNoComparison) {
  const json::object recording{{"start_local", "2019-05-06T02:00:30"}};
  const auto code = [&](const json::object& metadata) {
    return in_true_time(recording, metadata).error().code;
  };
  EXPECT_EQ(code(sync({{"soon", "2019-05-01T06:00:00"}})), ErrorCode::invalid_argument);
  EXPECT_EQ(code(sync({{"2019-05-01T06:00:00Z", "2019-05-01T06:00:00Z"}})),
            ErrorCode::invalid_argument)
      << "the recording has no zone";
  EXPECT_EQ(code({{"tag_data", {{"clock_sync", 5}}}}), ErrorCode::invalid_argument);
  EXPECT_EQ(code(sync({{"2019-05-01T00:00:00", "2019-05-01T00:00:00"},
                       {"2019-05-02T00:00:00", "2019-05-02T01:00:00"}})),
            ErrorCode::invalid_argument)
      << "that is no drift: the clock was set";
}

}  // namespace
}  // namespace baleen::bioacoustics
