#pragma once

/// The metadata database: one connection, prepared statements, transactions.
///
/// SQL is written once for two dialects: parameters are `$1`, `$2`, … in order of first use, types
/// are INTEGER, REAL and TEXT, and times are microseconds since the epoch. SQLite is the back end
/// today (WAL, synchronous=FULL, so that a committed row survives a power cut).
///
/// A connection belongs to one thread. Another process's lock is waited for, never reported.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/result.h"

namespace baleen::store {

using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

/// One row of a result. Columns are numbered from 0; NULL reads as 0 or "".
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  [[nodiscard]] bool is_null(std::size_t column) const;
  [[nodiscard]] std::int64_t integer(std::size_t column) const;
  [[nodiscard]] double real(std::size_t column) const;
  [[nodiscard]] std::string text(std::size_t column) const;

 private:
  std::vector<Value> values_;
};

namespace internal {
inline Value to_value(std::nullptr_t) { return {}; }
inline Value to_value(double number) { return number; }
inline Value to_value(std::string_view text) { return std::string(text); }
inline Value to_value(const std::string& text) { return text; }
inline Value to_value(const char* text) { return std::string(text); }
template <std::integral T>
Value to_value(T number) {
  return static_cast<std::int64_t>(number);
}
}  // namespace internal

class Database {
 public:
  /// Opens or creates the file and brings nothing else into being (see schema.h). For as long as the connection
  /// lives, programs of other hosts are refused, as this one is while they are there (host_guard.h).
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& path);
  ~Database();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;

  /// Runs one statement; the number of rows it changed.
  template <typename... Args>
  [[nodiscard]] Result<std::int64_t> execute(std::string_view sql, const Args&... args) {
    return execute_values(sql, {internal::to_value(args)...});
  }
  /// All rows of a query; for queries whose result is bounded by a LIMIT or a key.
  template <typename... Args>
  [[nodiscard]] Result<std::vector<Row>> query(std::string_view sql, const Args&... args) {
    return query_values(sql, {internal::to_value(args)...});
  }
  [[nodiscard]] Result<std::int64_t> execute_values(std::string_view sql,
                                                    const std::vector<Value>& values);
  [[nodiscard]] Result<std::vector<Row>> query_values(std::string_view sql,
                                                      const std::vector<Value>& values);
  /// Several statements without parameters: for migrations.
  [[nodiscard]] Result<void> execute_script(const std::string& sql);

  /// Runs `work` in a write transaction; commits if it succeeds, rolls back if not.
  /// The write lock is held from the start, so what `work` reads stays true until the commit.
  /// `name` names the failpoints DB_<name>_BEFORE_COMMIT and DB_<name>_AFTER_COMMIT.
  [[nodiscard]] Result<void> transaction(std::string_view name,
                                         const std::function<Result<void>()>& work);

  [[nodiscard]] std::int64_t last_insert_id() const;

  /// For tests: after so many more statements one is not run, and fails with DATABASE_ERROR; below 0: none.
  void fail_after(std::int64_t n_statements);
  /// How many statements were run; BEGIN, COMMIT and a script are one each.
  [[nodiscard]] std::int64_t n_statements() const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace baleen::store
