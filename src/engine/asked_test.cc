// What people ask at the edges: pages by name, filters that name nothing, beginnings that several have.

#include "engine/explain.h"
#include "engine/lists.h"
#include "engine/run_log.h"
#include "engine/status.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

class Asked : public testing::EngineFixture {
 protected:
  Queue queue_ = queue(database_, "me");
};

TEST_F(Asked, AssetsByNameComeInTheOrderOfTheirNamesPageByPage) {
  for (const int number : {30, 3, 31, 4, 32, 33}) asset(number);
  ListFilter filter;
  filter.name = "3";
  PageQuery query{2, "", true};
  std::string names;
  int n_pages = 0;
  do {
    const Page page = list_assets(database_, filter, query).value();
    for (const json::value& item : page.items)
      names += core::get_string(item.as_object(), "original_filename") + " ";
    query.cursor = page.next;
    ++n_pages;
  } while (!query.cursor.empty() && n_pages < 9);
  EXPECT_EQ(names, "3.txt 30.txt 31.txt 32.txt 33.txt ");
  EXPECT_EQ(n_pages, 3);
  query.cursor = "none";
  EXPECT_EQ(list_assets(database_, filter, query).error().code, ErrorCode::invalid_argument);
  query = {0, "", true};
  EXPECT_EQ(list_assets(database_, filter, query).error().code, ErrorCode::invalid_argument);
}

TEST_F(Asked, TasksAndAttemptsByIdStateAndPage) {
  submit(queue_, 3);
  drain(queue_);
  for (const bool is_newest_first : {true, false}) {
    PageQuery query{3, "", is_newest_first};
    const Page first = list_tasks(database_, {}, query).value();
    ASSERT_EQ(first.items.size(), 3U);
    query.cursor = first.next;
    const Page second = list_tasks(database_, {}, query).value();
    ASSERT_EQ(second.items.size(), 1U);
    EXPECT_EQ(core::get_string(second.items[0].as_object(), "stage"),
              is_newest_first ? "double" : "sum");
    query.cursor = "-1";
    EXPECT_FALSE(list_tasks(database_, {}, query).ok());
  }
  ListFilter filter;
  filter.task_id = "2";
  EXPECT_EQ(list_tasks(database_, filter, {}).value().items.size(), 1U);
  EXPECT_EQ(list_attempts(database_, filter, {}).value().items.size(), 1U);
  filter.task_id = "two";
  EXPECT_FALSE(list_tasks(database_, filter, {}).ok());
  EXPECT_FALSE(list_attempts(database_, filter, {}).ok());
}

TEST_F(Asked, AttemptsByTheirState) {
  submit(queue_, 3);
  const auto failed = queue_.claim({}).value();
  ASSERT_TRUE(queue_.fail_attempt(*failed, fail(ErrorCode::io_error, "unlucky"), {}, 0).ok());
  clock_.advance_s(100);
  const auto running = queue_.claim({}).value();
  const auto count = [&](const char* state) {
    ListFilter filter;
    filter.state = state;
    const Result<Page> page = list_attempts(database_, filter, {});
    return page.ok() ? static_cast<int>(page->items.size()) : -1;
  };
  EXPECT_EQ(count("failed"), 1);
  EXPECT_EQ(count("running"), 1);
  EXPECT_EQ(count("complete"), 1) << "its ingest";
  EXPECT_EQ(count("canceled"), 0);
  EXPECT_EQ(count("no such state"), -1);
  ListFilter by_code;
  by_code.error_code = "IO_ERROR";
  EXPECT_EQ(list_attempts(database_, by_code, {}).value().items.size(), 1U);
  const json::object health = describe_health(database_).value();
  EXPECT_NE(core::to_json(health).find("\"fence\":" + std::to_string(running->request.fence)),
            std::string::npos);
}

TEST_F(Asked, ABeginningThatSeveralHaveIsNoName) {
  const std::string first = submit(queue_, 3);
  const std::string second = submit(queue_, 4);
  std::size_t same = 0;
  while (first[same] == second[same]) ++same;
  ASSERT_GE(same, 4U) << "ids of one moment begin alike";
  EXPECT_EQ(resolve_run(database_, first.substr(0, same)).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(resolve_run(database_, first.substr(0, same + 1)).value(), first);
  EXPECT_EQ(resolve_run(database_, "ab").error().code, ErrorCode::not_found);
  const std::string lonely = asset(9);
  EXPECT_EQ(resolve_run(database_, lonely).error().code, ErrorCode::not_found) << "it has no run";
  ASSERT_TRUE(
      database_
          .execute(
              "INSERT INTO audio_assets SELECT substr(asset_id, 1, 30) || 'twin', owner_entity_id, "
              "'other', source_uri, original_path, original_filename, bytes, container, codec, "
              "duration_s, sample_rate_hz, channels, metadata_json, created_at_us FROM "
              "audio_assets "
              "WHERE asset_id = $1",
              lonely)
          .ok());
  EXPECT_EQ(resolve_asset(database_, lonely.substr(0, 12)).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(resolve_asset(database_, lonely).value(), lonely);
  EXPECT_FALSE(describe_run(database_, "none").ok());
  EXPECT_FALSE(describe_asset(database_, "none").ok());
  EXPECT_FALSE(run_log(database_, root_, "none", std::nullopt).ok());
}

TEST_F(Asked, WhatATaskWaitsForIsSaid) {
  const std::string run_id = submit(queue_, 3);
  const auto kinds_of = [&](int task) {
    std::string kinds;
    const json::array reasons = explain_task(database_, {}, task).value();
    for (const json::value& reason : reasons)
      kinds += core::get_string(reason.as_object(), "kind") + " ";
    return kinds;
  };
  const auto failed = queue_.claim({}).value();
  ASSERT_TRUE(queue_.fail_attempt(*failed, fail(ErrorCode::io_error, "unlucky"), {}, 0).ok());
  // Delays are told by the system's clock, and the test's is of the past.
  ASSERT_TRUE(database_
                  .execute("UPDATE tasks SET not_before_us = $1 WHERE stage = 'double'",
                           core::system_clock().now_us() + 3'600'000'000)
                  .ok());
  EXPECT_NE(kinds_of(1).find("retry"), std::string::npos) << kinds_of(1);
  EXPECT_NE(kinds_of(2).find("upstream"), std::string::npos);
  EXPECT_EQ(queue_.cancel_run(run_id).value(), 4);
  ASSERT_TRUE(database_.execute("UPDATE tasks SET state = 'waiting' WHERE stage = 'square'").ok());
  const json::array reasons = explain_task(database_, {}, 2).value();
  EXPECT_NE(core::to_json(reasons).find("was canceled"), std::string::npos)
      << core::to_json(reasons);
  EXPECT_FALSE(explain_task(database_, {}, 99).ok());
}

}  // namespace
}  // namespace baleen::engine
