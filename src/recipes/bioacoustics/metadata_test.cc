#include "recipes/bioacoustics/metadata.h"

#include <gtest/gtest.h>

namespace baleen::bioacoustics {
namespace {

const json::object kKnown{{"tag_data", {{"species", "humpback"}, {"depth_m", 12.5}}},
                          {"group_composition", json::array{"mother", "calf"}}};

TEST(Where, NamesValuesByTheirPaths) {
  EXPECT_TRUE(matches(kKnown, {}));
  EXPECT_TRUE(matches(kKnown, {{"tag_data.species", "humpback"}}));
  EXPECT_FALSE(matches(kKnown, {{"tag_data.species", "orca"}}));
  EXPECT_FALSE(matches(kKnown, {{"tag_data.genus", "Megaptera"}}));
  EXPECT_FALSE(matches(kKnown, {{"tag_data.species.x", "humpback"}}));
  EXPECT_TRUE(matches(kKnown, {{"tag_data.depth_m", 12.5}}));
  EXPECT_FALSE(matches(kKnown, {{"tag_data.species", "humpback"}, {"tag_data.depth_m", 3}}));
}

TEST(Where, AListIsAnyOfItsValues) {
  EXPECT_TRUE(matches(kKnown, {{"group_composition", "calf"}}));
  EXPECT_TRUE(matches(kKnown, {{"tag_data.species", json::array{"orca", "humpback"}}}));
  EXPECT_FALSE(matches(kKnown, {{"group_composition", json::array{"escort"}}}));
}

TEST(Where, WhatIsNoFilterIsRefused) {
  EXPECT_TRUE(check_where({{"a.b", 1}}).ok());
  EXPECT_EQ(check_where({{"tag_data", {{"species", "humpback"}}}}).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(check_where({{"", 1}}).error().code, ErrorCode::invalid_argument);
}

TEST(MetadataSummary, CountsWindowsByWhatIsKnown) {
  MetadataSummary summary;
  const RecordingFacts night{"a", kKnown, "2019-05-22T23:59:00-04:00"};
  const RecordingFacts unknown{"b", {}, ""};
  summary.add(night, 0);
  summary.add(night, 90);  // After midnight.
  summary.add(unknown, 0);
  const json::object counted = summary.to_json();
  EXPECT_EQ(counted.at("recordings"), 2);
  EXPECT_EQ(counted.at("hours").at(23), 1);
  EXPECT_EQ(counted.at("hours").at(0), 1);
  EXPECT_EQ(counted.at("values").at("tag_data.species"), json::value({{"humpback", 2}}));
  EXPECT_EQ(counted.at("values").at("group_composition"),
            json::value({{"calf", 2}, {"mother", 2}}));
}

TEST(MetadataSummary, RareValuesAreCountedTogether) {
  MetadataSummary summary;
  for (int i = 0; i < 30; ++i)
    summary.add({std::to_string(i), {{"tag_data", {{"tag", i}}}}, ""}, 0);
  EXPECT_TRUE(summary.to_json().at("hours").is_null());
  const json::value tags = summary.to_json().at("values").at("tag_data.tag");
  EXPECT_EQ(tags.as_object().size(), MetadataSummary::kValuesMax + 1);
  EXPECT_EQ(tags.at("(others)"), 10);
}

TEST(DeploymentOf, BelievesPeopleBeforeRecorders) {
  const json::object recorder{{"serial", {{"value", "S4A03895"}, {"source", "file name"}}},
                              {"deployment", nullptr}};
  const json::object stated{{"serial", {{"value", "S4A03895"}, {"source", "guano"}}},
                            {"deployment", {{"value", "reef-2"}, {"source", "guano"}}}};
  EXPECT_EQ(deployment_of({}, {}), "");
  EXPECT_EQ(deployment_of({}, recorder), "S4A03895");
  EXPECT_EQ(deployment_of({{"tag_data", {{"site", "reef"}}}}, {}), "reef");
  EXPECT_EQ(deployment_of({{"tag_data", {{"site", 7}}}}, recorder), "S4A03895 at 7");
  EXPECT_EQ(deployment_of({{"tag_data", {{"site", 7}}}}, stated), "reef-2");
  EXPECT_EQ(deployment_of({{"tag_data", {{"deployment", "a"}, {"site", "b"}}}}, stated), "a");
  EXPECT_EQ(deployment_of({{"tag_data", {{"deployment", json::object()}}}}, recorder), "S4A03895");
}

}  // namespace
}  // namespace baleen::bioacoustics
