#pragma once

/// Questions in SQL, answered by DuckDB: a shared library that is looked for at run time. Baleen is built without it and
/// ships none of it; the functions of its C interface that are used are declared in duckdb_library.h.
///
/// A database in memory: tables are filled row by row, Parquet files below the folders that are allowed are read where they
/// lie, and nothing can be written or fetched. One thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace baleen::formats {

/// "v1.5.6" of the library that would be used; NOT_SUPPORTED: where it was looked for, and how to get it.
[[nodiscard]] Result<std::string> duckdb_version();

struct SqlColumn {
  enum class Kind { text, number, flag };
  std::string name;
  Kind kind = Kind::text;
};

/// One value to be put into a table.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string>;

/// Gets the columns once, then each row; a value is its text, or nothing for NULL. An error ends the query.
struct SqlSink {
  std::function<Result<void>(const std::vector<SqlColumn>& columns)> begin;
  std::function<Result<void>(const std::vector<std::optional<std::string>>& values)> row;
};

class Duckdb {
 public:
  /// NOT_SUPPORTED without the library, or for one that cannot be kept to these folders (before 1.2).
  [[nodiscard]] static Result<Duckdb> open(std::span<const std::string> allowed_folders);
  ~Duckdb();
  Duckdb(Duckdb&&) noexcept;
  Duckdb& operator=(Duckdb&&) noexcept;

  /// Statements of the program's own: tables and views.
  [[nodiscard]] Result<void> execute(const std::string& sql);
  /// Appends to a table; `next` fills the values of one row and says whether there is one.
  [[nodiscard]] Result<void> append(const std::string& table,
                                    const std::function<bool(std::vector<SqlValue>&)>& next);
  /// One question, a SELECT or what DuckDB takes for one (DESCRIBE, SHOW TABLES, SUMMARIZE, FROM). INVALID_ARGUMENT with
  /// DuckDB's words for what it does not understand, and for statements that would change something.
  [[nodiscard]] Result<void> query(std::string_view sql, const SqlSink& sink);

 private:
  struct Impl;
  explicit Duckdb(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace baleen::formats
