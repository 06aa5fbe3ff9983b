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

}  // namespace
}  // namespace baleen::store
