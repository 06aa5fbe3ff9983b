#include "engine/lists.h"

#include <set>

#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

using testing::EngineFixture;

class Lists : public EngineFixture {
 protected:
  static std::vector<std::string> ids(const json::array& items, const char* key) {
    std::vector<std::string> ids;
    for (const json::value& item : items) ids.push_back(core::to_json(item.as_object().at(key)));
    return ids;
  }
  Queue queue_ = queue(database_, "me");
};

TEST_F(Lists, PagesHoldEveryRunOnceThoughOthersComeMeanwhile) {
  std::set<std::string> expected;
  for (int i = 0; i < 7; ++i) {
    expected.insert("\"" + submit(queue_, i) + "\"");
    if (i % 2 == 0) clock_.advance_s(1);  // Some of the same moment: ids settle ties.
  }
  for (const bool is_newest_first : {false, true}) {
    std::vector<std::string> seen;
    PageQuery page{3, "", is_newest_first};
    int n_pages = 0;
    do {
      const Page got = list_runs(database_, {}, page).value();
      for (const std::string& id : ids(got.items, "run_id")) seen.push_back(id);
      page.cursor = got.next;
      if (n_pages++ == 0 && is_newest_first) {
        clock_.advance_s(1);
        submit(queue_, 100);  // Newer than all: belongs before the first page.
      }
    } while (!page.cursor.empty());
    EXPECT_EQ(n_pages, 3);
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), expected);
    EXPECT_EQ(seen.size(), expected.size()) << "something came twice";
  }
}

TEST_F(Lists, OwnersSeeOnlyTheirOwn) {
  (void)queue_.submit(recipe(), asset(1, "anna"), {}).value();
  (void)queue_.submit(recipe(), asset(2, "bert"), {}).value();
  ListFilter anna;
  anna.owner = "anna";
  for (const auto& page :
       {list_assets(database_, anna, {}).value(), list_runs(database_, anna, {}).value(),
        list_tasks(database_, anna, {}).value(), list_attempts(database_, anna, {}).value()}) {
    EXPECT_FALSE(page.items.empty());
    for (const json::value& item : page.items) {
      EXPECT_EQ(text_of("SELECT owner_entity_id FROM audio_assets WHERE asset_id = '" +
                        core::get_string(item.as_object(), "asset_id") + "'"),
                "anna");
    }
  }
  const json::array events = list_events(database_, anna, 0, 100).value();
  EXPECT_FALSE(events.empty());
  for (const json::value& event : events)
    EXPECT_EQ(core::get_string(event.as_object(), "owner_entity_id"), "anna");
}

TEST_F(Lists, TasksCanBeFoundByStateAndCodeWithTheirAdvice) {
  submit(queue_, 1);
  const Assignment assignment = *queue_.claim({}).value();
  (void)queue_.fail_attempt(assignment, fail(ErrorCode::file_corrupt, "broken"), {}, 0).value();
  ListFilter filter;
  filter.state = "failed";
  filter.error_code = "FILE_CORRUPT";
  const Page failed = list_tasks(database_, filter, {}).value();
  ASSERT_EQ(failed.items.size(), 1U);
  const json::object& error = core::get_object(failed.items[0].as_object(), "error");
  EXPECT_EQ(core::get_string(error, "message"), "broken");
  EXPECT_FALSE(core::get_string(error, "action").empty());
  filter.error_code = "MODEL_OOM";
  EXPECT_TRUE(list_tasks(database_, filter, {}).value().items.empty());
}

TEST_F(Lists, EventsGoOnWhereTheLastOneWas) {
  submit(queue_, 1);
  const json::array first = list_events(database_, {}, 0, 1).value();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(core::get_string(first[0].as_object(), "type"), "run.submitted");
  const std::int64_t last = core::get_int(first[0].as_object(), "id");
  drain(queue_);
  const json::array rest = list_events(database_, {}, last, 100).value();
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(core::get_int(rest[0].as_object(), "id"), last + 1);
  EXPECT_EQ(newest_event(database_).value(),
            core::get_int(rest[rest.size() - 1].as_object(), "id"));
}

TEST_F(Lists, WhatIsNoCursorLimitOrStateIsRefused) {
  ListFilter no_state;
  no_state.state = "done";
  ListFilter no_task;
  no_task.task_id = "1 OR 1=1";
  const std::vector<Result<Page>> refused = {list_runs(database_, {}, PageQuery{0, "", true}),
                                             list_runs(database_, {}, PageQuery{501, "", true}),
                                             list_runs(database_, {}, PageQuery{50, "x", true}),
                                             list_runs(database_, {}, PageQuery{50, "1x,a", true}),
                                             list_tasks(database_, {}, PageQuery{50, "-1", true}),
                                             list_tasks(database_, no_state, {}),
                                             list_attempts(database_, no_task, {})};
  for (const Result<Page>& result : refused) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace baleen::engine
