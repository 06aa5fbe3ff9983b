#include "ops/settings.h"

#include <gtest/gtest.h>

#include "ops/housekeeping.h"
#include "ops/testing/ops_fixture.h"

namespace baleen::ops {
namespace {

class Settings : public testing::OpsFixture {
 protected:
  void add_event(std::int64_t days_ago, const char* run) {
    ASSERT_TRUE(database_
                    .execute("INSERT INTO events (time_us, type, run_id) VALUES ($1, 'x', $2)",
                             clock_.now_us() - days_ago * 86'400'000'000, run)
                    .ok());
  }
  std::int64_t count_events() {
    return database_.query("SELECT COUNT(*) FROM events").value().front().integer(0);
  }
  SettingStore settings_{database_};
};

TEST_F(Settings, ASettingHasItsDefaultUntilItIsChangedAndAfterNull) {
  EXPECT_EQ(settings_.get("retention.events_days").value(), 90);
  ASSERT_TRUE(settings_.change({{"retention.events_days", 7}}).ok());
  EXPECT_EQ(settings_.get("retention.events_days").value(), 7);
  ASSERT_TRUE(settings_.change({{"retention.events_days", 8}}).ok());
  EXPECT_EQ(settings_.get("retention.events_days").value(), 8);
  ASSERT_TRUE(settings_.change({{"retention.events_days", nullptr}}).ok());
  EXPECT_EQ(settings_.get("retention.events_days").value(), 90);
}

TEST_F(Settings, WhatIsWrongIsRefusedAndNothingChanges) {
  for (const json::object& wrong :
       {json::object{{"no.such", 1}}, json::object{{"retention.events_days", 0}},
        json::object{{"retention.events_days", "7"}},
        json::object{{"retention.events_days", 1.5}}}) {
    json::object values{{"uploads.open_max", 5}};
    for (const json::key_value_pair& member : wrong) values[member.key()] = member.value();
    EXPECT_EQ(settings_.change(values).error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(settings_.get("uploads.open_max").value(), 100);
}

TEST_F(Settings, TheListSaysWhatIsSet) {
  ASSERT_TRUE(settings_.change({{"uploads.open_max", 5}}).ok());
  const json::array items = settings_.list().value();
  EXPECT_EQ(items.size(), setting_specs().size());
  for (const json::value& value : items) {
    const json::object& item = value.as_object();
    const bool is_it = core::get_string(item, "name") == "uploads.open_max";
    EXPECT_EQ(core::get_string(item, "source"), is_it ? "database" : "default");
  }
}

TEST_F(Settings, OldEventsAreForgottenButNotThoseOfOpenRunsNorTheNewest) {
  ASSERT_TRUE(database_
                  .execute_script("INSERT INTO runs (run_id, recipe, asset_id, owner_entity_id, "
                                  "state, trace_id, created_at_us) "
                                  "VALUES ('over', 'x', 'a', 'o', 'complete', 't', 1), ('open', "
                                  "'x', 'a', 'o', 'running', 't', "
                                  "1)")
                  .ok());
  for (int i = 0; i < 1200; ++i) add_event(100, "over");
  add_event(100, "open");
  add_event(89, "over");
  EXPECT_EQ(forget_old_events(database_, clock_).value(), 1200);
  EXPECT_EQ(count_events(), 2);
  clock_.advance_s(100 * 86'400.0);
  EXPECT_EQ(forget_old_events(database_, clock_).value(), 0);
  add_event(0, "over");
  EXPECT_EQ(forget_old_events(database_, clock_).value(), 1);
}

}  // namespace
}  // namespace baleen::ops
