#include "store/database.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <latch>
#include <thread>

#include "core/testing/syscall_faults.h"
#include "store/schema.h"

namespace baleen::store {
namespace {

class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest()
      : directory_(std::filesystem::temp_directory_path() /
                   ("baleen_database_test_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(directory_);
  }
  ~DatabaseTest() override { std::filesystem::remove_all(directory_); }
  Database open() { return Database::open(directory_ / "test.db").value(); }
  std::filesystem::path directory_;
};

TEST_F(DatabaseTest, OpenedWhileTheDiskFailsForAMomentItIsForWritingOrNotAtAll) {
  auto& faults = core::testing::syscall_faults();
  ASSERT_TRUE(
      Database::open(directory_ / "test.db").value().execute_script("CREATE TABLE t (x)").ok());
  int n_refused = 0;
  for (int i = 0; i < 12; ++i) {
    SCOPED_TRACE(i);
    faults.reset();
    faults.call = "open64";
    faults.error = EIO;
    faults.skipped = i;
    Result<Database> opened = Database::open(directory_ / "test.db");
    faults.reset();
    n_refused += opened.ok() ? 0 : 1;
    if (!opened.ok()) continue;
    EXPECT_TRUE(opened->execute_script("INSERT INTO t VALUES (1)").ok());
  }
  EXPECT_GT(n_refused, 0);
}

TEST_F(DatabaseTest, KeepsWhatWasBoundOfEveryType) {
  Database database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (i INTEGER, r REAL, s TEXT, n TEXT)").ok());
  ASSERT_TRUE(database
                  .execute("INSERT INTO t VALUES ($1, $2, $3, $4)", std::int64_t{1} << 40, 0.5,
                           "a\"'\n", nullptr)
                  .ok());
  const auto rows = database.query("SELECT * FROM t").value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].integer(0), std::int64_t{1} << 40);
  EXPECT_EQ(rows[0].real(1), 0.5);
  EXPECT_EQ(rows[0].text(2), "a\"'\n");
  EXPECT_TRUE(rows[0].is_null(3));
}

TEST_F(DatabaseTest, ValuesAreMeantByTheirNumbersInWhateverOrderTheyStand) {
  Database database = open();
  const auto rows = database.query("SELECT $3, $1, $2, $1", "one", 2, 3.5).value();
  EXPECT_EQ(rows.front().text(1), "one");
  EXPECT_EQ(rows.front().integer(2), 2);
  EXPECT_EQ(rows.front().real(0), 3.5);
  EXPECT_EQ(rows.front().text(3), "one");
}

TEST_F(DatabaseTest, RollsBackWhenTheWorkFails) {
  Database database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (i INTEGER)").ok());
  const Result<void> outcome = database.transaction("TEST", [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(database.execute("INSERT INTO t VALUES (1)"));
    return fail(ErrorCode::conflict, "changed my mind");
  });
  EXPECT_EQ(outcome.error().code, ErrorCode::conflict);
  EXPECT_TRUE(database.query("SELECT * FROM t").value().empty());
  EXPECT_TRUE(database.transaction("TEST", [] { return Result<void>(); }).ok())
      << "usable afterwards";
}

TEST_F(DatabaseTest, ReportsBadSqlWithItsText) {
  Database database = open();
  const auto result = database.query("SELECT nonsense FROM nowhere");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::database_error);
  EXPECT_NE(result.error().message.find("nowhere"), std::string::npos);
}

TEST_F(DatabaseTest, SaysThatThereIsNoRoomWhereAFileMayNotGrow) {
  Database database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (s TEXT)").ok());
  const auto previous_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = 40'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto refused = database.execute("INSERT INTO t VALUES ($1)", std::string(100'000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, previous_handler);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::disk_full) << refused.error().message;
  EXPECT_TRUE(database.execute("INSERT INTO t VALUES ('y')").ok()) << "and goes on afterwards";
}

TEST_F(DatabaseTest, ManyProcessesIncrementWithoutLossOrALockError) {
  {
    Database database = open();
    ASSERT_TRUE(database.execute("CREATE TABLE counter (n INTEGER)").ok());
    ASSERT_TRUE(database.execute("INSERT INTO counter VALUES (0)").ok());
  }
  constexpr int kProcesses = 4;
  constexpr int kIncrements = 50;
  for (int i = 0; i < kProcesses; ++i) {
    if (::fork() == 0) {
      Database mine = open();
      for (int k = 0; k < kIncrements; ++k) {
        const Result<void> done = mine.transaction("TEST", [&]() -> Result<void> {
          BALEEN_ASSIGN_OR_RETURN(const auto rows, mine.query("SELECT n FROM counter"));
          BALEEN_RETURN_IF_ERROR(mine.execute("UPDATE counter SET n = $1", rows[0].integer(0) + 1));
          return {};
        });
        if (!done.ok()) ::_exit(1);
      }
      ::_exit(0);
    }
  }
  for (int i = 0; i < kProcesses; ++i) {
    int status = 0;
    ::wait(&status);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(open().query("SELECT n FROM counter").value()[0].integer(0), kProcesses * kIncrements);
}

TEST_F(DatabaseTest, ManyMayOpenANewDatabaseAtOnce) {
  for (int round = 0; round < 40; ++round) {
    const std::filesystem::path path = directory_ / (std::to_string(round) + ".db");
    std::latch start(4);
    std::atomic<int> n_opened = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        Result<Database> database = Database::open(path);
        EXPECT_TRUE(database.ok()) << database.error().to_string();
        if (database.ok() && migrate(*database).ok()) ++n_opened;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(n_opened, 4);
  }
}

TEST_F(DatabaseTest, MigratesOnceAndRefusesANewerSchema) {
  Database database = open();
  ASSERT_TRUE(migrate(database).ok());
  ASSERT_TRUE(migrate(database).ok());
  ASSERT_TRUE(database.execute_script("PRAGMA user_version=999").ok());
  EXPECT_EQ(migrate(database).error().code, ErrorCode::schema_too_new);
}

TEST_F(DatabaseTest, HasTheFiveTablesOfTheBlueprint) {
  Database database = open();
  ASSERT_TRUE(migrate(database).ok());
  for (const char* table :
       {"audio_assets", "pipeline_jobs", "stage_locks", "artifact_index", "feature_specs"}) {
    EXPECT_TRUE(database.query(std::string("SELECT * FROM ") + table).ok()) << table;
  }
}

TEST_F(DatabaseTest, HasTablesForAnnotationsAndReviewsAfterTheUpgradeFromTheVersionBefore) {
  Database database = open();
  ASSERT_TRUE(migrate(database, 4).ok());
  ASSERT_TRUE(migrate(database).ok());
  for (const char* table :
       {"annotation_imports", "annotations", "review_actions", "linear_probes"}) {
    EXPECT_TRUE(database.query(std::string("SELECT * FROM ") + table).ok()) << table;
  }
}

TEST_F(DatabaseTest, TasksOfTheFirstVersionKnowTheirOwnerAndTurnAfterTheUpgrade) {
  Database database = open();
  ASSERT_TRUE(migrate(database, 1).ok());
  ASSERT_TRUE(
      database
          .execute_script("INSERT INTO runs (run_id, recipe, asset_id, owner_entity_id, state, "
                          "trace_id, created_at_us) VALUES ('r', 'toy', 'a', 'anna', 'queued', "
                          "'t', 900000000); INSERT INTO tasks (run_id, recipe, asset_id, stage, "
                          "stage_class, state, reason, priority, updated_at_us) VALUES ('r', "
                          "'toy', 'a', 's', 'cpu', 'queued', '', 2, 0);")
          .ok());
  ASSERT_TRUE(migrate(database).ok());
  const auto rows = database.query("SELECT owner_entity_id, rank_us FROM tasks").value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].text(0), "anna");
  EXPECT_EQ(rows[0].integer(1), 900'000'000 - 2 * 60'000'000);
}

TEST_F(DatabaseTest, EveryConnectionWaitsForTheDiskAtEveryCommit) {
  for (int i = 0; i < 2; ++i) {
    Database database = open();
    EXPECT_EQ(database.query("PRAGMA synchronous").value()[0].integer(0), 2) << "2: FULL";
    EXPECT_EQ(database.query("PRAGMA journal_mode").value()[0].text(0), "wal");
    EXPECT_EQ(database.query("PRAGMA foreign_keys").value()[0].integer(0), 1);
  }
}

TEST_F(DatabaseTest, WhatCannotBeOpenedIsSaid) {
  std::filesystem::create_directories(directory_ / "folder.db");
  EXPECT_EQ(Database::open(directory_ / "folder.db").error().code, ErrorCode::permission_denied);
  std::ofstream(directory_ / "noise.db") << std::string(8192, 'x');
  EXPECT_EQ(Database::open(directory_ / "noise.db").error().code, ErrorCode::database_error);
  EXPECT_FALSE(Database::open(directory_ / "noise.db" / "below").ok());
}

TEST_F(DatabaseTest, AFailedCommitOrRollbackIsSaidAndTheConnectionGoesOn) {
  Database database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (i INTEGER)").ok());
  const auto insert = [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(database.execute("INSERT INTO t VALUES (1)"));
    return {};
  };
  for (int failing = 0; failing < 3; ++failing) {
    database.fail_after(failing);
    EXPECT_FALSE(database.transaction("TEST", insert).ok()) << failing;
  }
  EXPECT_TRUE(database.query("SELECT * FROM t").value().empty());
  database.fail_after(2);
  const auto give_up = [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(insert());
    return fail(ErrorCode::conflict, "changed my mind");
  };
  const Result<void> outcome = database.transaction("TEST", give_up);
  EXPECT_NE(outcome.error().message.find("roll back"), std::string::npos)
      << outcome.error().to_string();
  database.fail_after(-1);
  EXPECT_FALSE(database.execute_script("CREATE TABLE").ok());
}

TEST_F(DatabaseTest, ManyStatementsAreMoreThanAreKept) {
  Database database = open();
  for (int i = 0; i < 600; ++i)
    ASSERT_EQ(database.query("SELECT " + std::to_string(i)).value()[0].integer(0), i);
  Database other = open();
  other = std::move(database);
  EXPECT_EQ(other.query("SELECT 7, 1.5, 'x'").value()[0].real(0), 7.0);
  EXPECT_EQ(other.query("SELECT 7, 1.5, 'x'").value()[0].integer(1), 1);
  EXPECT_EQ(other.query("SELECT 7, 1.5, 'x'").value()[0].real(2), 0.0);
  EXPECT_EQ(other.query("SELECT 7, 1.5, 'x'").value()[0].integer(2), 0);
  EXPECT_EQ(other.query("SELECT 7, 1.5, 'x'").value()[0].text(0), "7");
  EXPECT_EQ(other.query("SELECT 7, 1.5, 'x'").value()[0].text(1), "");
}

TEST_F(DatabaseTest, AFileThatMayNotGrowIsAFullDisk) {
  Database database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (s TEXT)").ok());
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{rlim_t{1} << 16, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result<std::int64_t> inserted =
      database.execute("INSERT INTO t VALUES ($1)", std::string(1 << 20, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_action);
  ASSERT_FALSE(inserted.ok());
  EXPECT_EQ(inserted.error().code, ErrorCode::disk_full) << inserted.error().to_string();
  EXPECT_TRUE(database.execute("INSERT INTO t VALUES ('y')").ok()) << "there is room again";
  EXPECT_EQ(database.query("SELECT s FROM t").value().size(), 1U);
}

}  // namespace
}  // namespace baleen::store
