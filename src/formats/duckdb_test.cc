#include "formats/duckdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace baleen::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Answer {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;  // NULL as "∅".
};

Result<Answer> ask(Duckdb& duckdb, const std::string& sql) {
  Answer answer;
  SqlSink sink;
  sink.begin = [&](const std::vector<SqlColumn>& columns) {
    for (const SqlColumn& column : columns)
      answer.names.push_back(column.name + (column.kind == SqlColumn::Kind::text ? "" : "#"));
    return Result<void>();
  };
  sink.row = [&](const std::vector<std::optional<std::string>>& values) {
    auto& row = answer.rows.emplace_back();
    for (const auto& value : values) row.push_back(value.value_or("∅"));
    return Result<void>();
  };
  BALEEN_RETURN_IF_ERROR(duckdb.query(sql, sink));
  return answer;
}

TEST(DuckdbLibrary, WhereThereIsNoneTheNextStepIsTold) {
  const char* const before = std::getenv("BALEEN_DUCKDB_LIBRARY");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("BALEEN_DUCKDB_LIBRARY", "/nowhere/libduckdb.so", 1);
  const Result<std::string> version = duckdb_version();
  if (before == nullptr) {
    ::unsetenv("BALEEN_DUCKDB_LIBRARY");
  } else {
    ::setenv("BALEEN_DUCKDB_LIBRARY", kept.c_str(), 1);
  }
  ASSERT_FALSE(version.ok());
  EXPECT_EQ(version.error().code, ErrorCode::not_supported);
  EXPECT_THAT(version.error().message, HasSubstr("/nowhere/libduckdb.so"));
  EXPECT_THAT(version.error().message, HasSubstr("BALEEN_DUCKDB_LIBRARY"));
}

class DuckdbTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto version = duckdb_version(); !version.ok())
      GTEST_SKIP() << version.error().message;
    std::filesystem::create_directories(folder_);
    const std::vector<std::string> folders = {(folder_ / "allowed/").string()};
    duckdb_.emplace(Duckdb::open(folders).value());
  }
  ~DuckdbTest() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("baleen_duckdb_" + std::to_string(::getpid()));
  std::optional<Duckdb> duckdb_;
};

TEST_F(DuckdbTest, WhatIsPutInComesBack) {
  ASSERT_TRUE(duckdb_->execute("CREATE TABLE t (i BIGINT, r DOUBLE, s VARCHAR)").ok());
  const std::string longer = "a text of more than twelve bytes: é";
  int n = 0;
  ASSERT_TRUE(duckdb_
                  ->append("t",
                           [&](std::vector<SqlValue>& values) {
                             values = {
                                 std::int64_t{n}, n / 4.0,
                                 n % 2 == 0 ? SqlValue(n % 4 == 0 ? longer : "short") : SqlValue()};
                             return n++ < 5000;
                           })
                  .ok());
  const Answer few =
      ask(*duckdb_, "SELECT *, i = 1 AS f, [i] l FROM t ORDER BY i LIMIT 3 ;\n").value();
  EXPECT_THAT(few.names, ElementsAre("i#", "r#", "s", "f#", "l"));
  EXPECT_THAT(few.rows[0], ElementsAre("0", "0.0", longer, "false", "[0]"));
  EXPECT_THAT(few.rows[1], ElementsAre("1", "0.25", "∅", "true", "[1]"));
  EXPECT_EQ(few.rows[2][2], "short");
  EXPECT_EQ(ask(*duckdb_, "FROM t")->rows.size(), 5000U);
  EXPECT_THAT(
      ask(*duckdb_, "SELECT sum(i), i AS i, i AS i FROM t WHERE i = 7 GROUP BY i -- why")->rows,
      ElementsAre(ElementsAre("7", "7", "7")));
  EXPECT_THAT(ask(*duckdb_, "SHOW TABLES")->rows, ElementsAre(ElementsAre("t")));
}

TEST_F(DuckdbTest, WhatIsNoQuestionIsRefused) {
  ASSERT_TRUE(duckdb_->execute("CREATE TABLE t (i BIGINT)").ok());
  const std::string file = (folder_ / "secret.csv").string();
  std::ofstream(file) << "a\n1\n";
  for (const std::string& sql :
       {std::string("DROP TABLE t"), std::string("INSERT INTO t VALUES (1)"), std::string(""),
        std::string("SELECT 1; SELECT 2"), std::string("SELECT 1); DROP TABLE t; (SELECT 1"),
        std::string("SELEC 1"), std::string("SELECT * FROM nothing"),
        std::string("SET enable_external_access = true"), "COPY t TO '" + file + "'",
        "SELECT * FROM '" + file + "'", "SELECT * FROM read_text('" + file + "')",
        "ATTACH '" + file + "' AS x", std::string("INSTALL sqlite"),
        std::string("SELECT 1::INTEGER + 'x'::INTEGER")}) {
    const auto answer = ask(*duckdb_, sql);
    ASSERT_FALSE(answer.ok()) << sql;
    EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument) << sql;
    EXPECT_FALSE(answer.error().message.empty());
  }
  EXPECT_EQ(std::filesystem::file_size(file), 4U);
  SqlSink sink;
  sink.begin = [](const auto&) -> Result<void> {
    ADD_FAILURE() << "an answer began that there is not";
    return {};
  };
  EXPECT_FALSE(
      duckdb_
          ->query("SELECT CAST(s AS INTEGER) FROM (SELECT 'x' || i AS s FROM range(3) t(i))", sink)
          .ok());
}

}  // namespace
}  // namespace baleen::formats
