#include "store/watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "store/database.h"

namespace baleen::store {
namespace {

class Watch : public ::testing::Test {
 protected:
  Watch() { std::filesystem::create_directories(root_.path); }
  ~Watch() override { std::filesystem::remove_all(root_.path); }
  Database open() { return Database::open(root_.database()).value(); }
  const DataRoot root_{std::filesystem::temp_directory_path() /
                       ("baleen_watch_test_" + std::to_string(::getpid()))};
};

TEST_F(Watch, AnothersCommitIsNewsOnceAndReadingIsNone) {
  Database writer = open();
  ASSERT_TRUE(writer.execute_script("CREATE TABLE t (x INTEGER)").ok());
  DatabaseWatch watch(root_);
  ASSERT_TRUE(watch.is_watching());
  EXPECT_FALSE(watch.take_news());
  Database reader = open();
  ASSERT_TRUE(reader.query("SELECT * FROM t").ok());
  EXPECT_FALSE(watch.take_news());
  ASSERT_TRUE(writer.execute("INSERT INTO t VALUES ($1)", std::int64_t{1}).ok());
  EXPECT_TRUE(watch.take_news());
  EXPECT_FALSE(watch.take_news());
}

TEST_F(Watch, ItOutlivesTheLog) {
  {
    Database first = open();
    ASSERT_TRUE(first.execute_script("CREATE TABLE t (x INTEGER)").ok());
  }
  DatabaseWatch watch(root_);
  for (int i = 0; i < 3; ++i) {
    Database next = open();  // Closed again: the log goes and comes back.
    ASSERT_TRUE(next.execute("INSERT INTO t VALUES ($1)", std::int64_t{1}).ok());
    EXPECT_TRUE(watch.take_news());
  }
}

TEST_F(Watch, OtherFilesAreNoNews) {
  DatabaseWatch watch(root_);
  ASSERT_TRUE(core::write_file_atomic(root_.path / "admin-token", "x").ok());
  EXPECT_FALSE(watch.take_news());
}

TEST(News, IsLookedAtSoonAndAFewTimesMore) {
  NewsSchedule schedule;
  EXPECT_FALSE(schedule.take_due(0));
  EXPECT_FALSE(schedule.wait_s(0).has_value());
  schedule.on_news(10);
  EXPECT_FALSE(schedule.take_due(10));
  int n_looks = 0;
  double now_s = 10;
  while (const auto wait_s = schedule.wait_s(now_s)) {
    now_s += *wait_s + 1e-9;
    n_looks += schedule.take_due(now_s) ? 1 : 0;
  }
  EXPECT_EQ(n_looks, 7);
  EXPECT_GT(now_s, 14) << "a slow disk would be missed";
}

TEST(News, SwarmsNeitherStarveALookNorMakeOneEach) {
  NewsSchedule schedule;
  int n_looks = 0;
  for (int ms = 0; ms < 10'000; ++ms) {
    schedule.on_news(1e-3 * ms);
    n_looks += schedule.take_due(1e-3 * ms) ? 1 : 0;
  }
  EXPECT_GT(n_looks, 300);
  EXPECT_LT(n_looks, 520);
}

}  // namespace
}  // namespace baleen::store
