#include "store/database.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <unordered_map>

#include "core/check.h"
#include "core/failpoint.h"
#include "core/file.h"
#include "store/host_guard.h"

namespace baleen::store {
namespace {

// How long a connection waits for another's transaction before it reports DATABASE_ERROR. Ours
// take milliseconds; only a process stopped inside a transaction can hold the lock this long.
constexpr int kBusyWaitsMax = 60'000;
constexpr unsigned kBusyWaitMinUs = 500;
constexpr unsigned kBusyWaitMaxUs = 10'000;
constexpr std::size_t kStatementCacheMax = 256;
constexpr std::uintmax_t kGrowthBytes = 65'536;  // What one of its files grows by at once.

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

int wait_for_lock(void* /*unused*/, int waits) {
  if (waits >= kBusyWaitsMax) return 0;
  ::usleep(std::min(kBusyWaitMaxUs, kBusyWaitMinUs * static_cast<unsigned>(waits + 1)));
  return 1;
}

/// SQLite says only that it could not: its errno is that of whatever it tried last.
bool is_out_of_room(const std::filesystem::path& database) {
  struct statvfs disk {};
  const bool is_known = ::statvfs(database.parent_path().c_str(), &disk) == 0;
  if (is_known && (disk.f_bavail == 0 || (disk.f_files > 0 && disk.f_favail == 0))) return true;
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  return std::ranges::any_of(std::array{"", "-wal", "-shm"}, [&](const char* end) {
    std::error_code ignored;
    const std::uintmax_t bytes = std::filesystem::file_size(database.string() + end, ignored);
    return (ignored ? 0 : bytes) + kGrowthBytes > limit.rlim_cur;
  });
}

Value column_value(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT: return sqlite3_column_double(statement, column);
    case SQLITE_NULL: return {};
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
  }
}

}  // namespace

bool Row::is_null(std::size_t column) const {
  return std::holds_alternative<std::monostate>(values_.at(column));
}

std::int64_t Row::integer(std::size_t column) const {
  const Value& value = values_.at(column);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return static_cast<std::int64_t>(*number);
  return 0;
}

double Row::real(std::size_t column) const {
  const Value& value = values_.at(column);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  return 0;
}

std::string Row::text(std::size_t column) const {
  const Value& value = values_.at(column);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return {};
}

struct Database::Impl {
  Impl(HostGuard guard_in, std::filesystem::path path_in)
      : guard(std::move(guard_in)), path(std::move(path_in)) {}

  const HostGuard guard;  // Let go of when the connection is closed.
  const std::filesystem::path path;
  sqlite3* connection = nullptr;
  std::unordered_map<std::string, Statement> statements;
  bool is_in_transaction = false;
  std::int64_t n_statements = 0;
  std::int64_t failing_statement = -1;  // Counted like n_statements.

  ~Impl() {
    statements.clear();
    sqlite3_close(connection);
  }

  [[nodiscard]] Error error(std::string_view what) const {
    const int code = sqlite3_errcode(connection);
    const std::string message = std::string(what) + ": " + sqlite3_errmsg(connection);
    if (code == SQLITE_FULL) return {ErrorCode::disk_full, message};
    const bool is_io = code == SQLITE_CANTOPEN || code == SQLITE_IOERR;
    if (is_io && is_out_of_room(path)) return {ErrorCode::disk_full, message};
    const int cause = is_io ? sqlite3_system_errno(connection) : 0;
    if (cause == EMFILE || cause == ENFILE) return core::errno_error(cause, message);
    if (code == SQLITE_CANTOPEN || code == SQLITE_PERM || code == SQLITE_READONLY) {
      return {ErrorCode::permission_denied, message};
    }
    return {ErrorCode::database_error, message};
  }

  /// Before each statement.
  Result<void> count(std::string_view sql) {
    if (n_statements++ != failing_statement) return {};
    return fail(ErrorCode::database_error, "{}: made to fail", sql);
  }

  Result<sqlite3_stmt*> prepare(std::string_view sql) {
    std::string key(sql);
    const auto found = statements.find(key);
    if (found != statements.end()) return found->second.get();
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &prepared, nullptr) != SQLITE_OK) {
      return error(sql);
    }
    if (statements.size() >= kStatementCacheMax) statements.clear();
    statements.emplace(std::move(key), Statement(prepared));
    return prepared;
  }

  Result<void> bind(sqlite3_stmt* statement, const std::vector<Value>& values) {
    BALEEN_CHECK(sqlite3_bind_parameter_count(statement) == static_cast<int>(values.size()));
    for (int index = 1; index <= static_cast<int>(values.size()); ++index) {
      // To SQLite "$2" is a name like any other: it numbers parameters as they come in the text.
      const char* const name = sqlite3_bind_parameter_name(statement, index);
      BALEEN_CHECK(name != nullptr && name[0] == '$');
      const auto number_of = static_cast<std::size_t>(std::atoi(name + 1));
      BALEEN_CHECK(number_of >= 1 && number_of <= values.size());
      const Value& value = values[number_of - 1];
      int status = SQLITE_OK;
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        status = sqlite3_bind_int64(statement, index, *number);
      } else if (const auto* real = std::get_if<double>(&value)) {
        status = sqlite3_bind_double(statement, index, *real);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        status = sqlite3_bind_text(statement, index, text->data(), static_cast<int>(text->size()),
                                   SQLITE_STATIC);
      } else {
        status = sqlite3_bind_null(statement, index);
      }
      if (status != SQLITE_OK) return error("bind");
    }
    return {};
  }

  /// Binds, steps to the end and hands each row on; the statement is reset whatever happens.
  Result<void> run(std::string_view sql,
                   const std::vector<Value>& values,
                   const std::function<void(sqlite3_stmt*)>& row) {
    BALEEN_RETURN_IF_ERROR(count(sql));
    BALEEN_ASSIGN_OR_RETURN(sqlite3_stmt* const statement, prepare(sql));
    Result<void> outcome = bind(statement, values);
    while (outcome.ok()) {
      const int status = sqlite3_step(statement);
      if (status == SQLITE_DONE) break;
      if (status == SQLITE_ROW) {
        row(statement);
      } else {
        outcome = error(sql);
      }
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return outcome;
  }
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;

Result<Database> Database::open(const std::filesystem::path& path) {
  BALEEN_RETURN_IF_ERROR(core::make_directories(path.parent_path()));
  BALEEN_ASSIGN_OR_RETURN(HostGuard guard, HostGuard::acquire(path.parent_path()));
  auto impl = std::make_unique<Impl>(std::move(guard), path);
  const int status =
      sqlite3_open_v2(path.c_str(), &impl->connection,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (status != SQLITE_OK) return impl->error("open " + path.string());
  // Where opening for writing fails for a moment, SQLite opens for reading, and would go on so for ever.
  if (sqlite3_db_readonly(impl->connection, "main") == 1 && ::access(path.c_str(), W_OK) == 0)
    return fail(ErrorCode::database_error, "open {}: not for writing, though it may be",
                path.string());
  sqlite3_busy_handler(impl->connection, wait_for_lock, nullptr);
  Database database(std::move(impl));
  // Where others open a new database at the same moment, SQLite refuses the change to WAL without asking the
  // busy handler: two that wait for each other would wait for ever. So we begin again.
  for (int waits = 0;; ++waits) {
    Result<void> prepared = database.execute_script(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA "
        "temp_store=MEMORY; PRAGMA cache_size=-4096;");
    if (prepared.ok()) return database;
    const bool is_busy =
        (sqlite3_extended_errcode(database.impl_->connection) & 0xFF) == SQLITE_BUSY;
    if (!is_busy || wait_for_lock(nullptr, waits) == 0) return std::move(prepared).error();
  }
}

Result<std::int64_t> Database::execute_values(std::string_view sql,
                                              const std::vector<Value>& values) {
  BALEEN_RETURN_IF_ERROR(impl_->run(sql, values, [](sqlite3_stmt*) {}));
  return static_cast<std::int64_t>(sqlite3_changes(impl_->connection));
}

Result<std::vector<Row>> Database::query_values(std::string_view sql,
                                                const std::vector<Value>& values) {
  std::vector<Row> rows;
  BALEEN_RETURN_IF_ERROR(impl_->run(sql, values, [&](sqlite3_stmt* statement) {
    std::vector<Value> columns;
    const int n_columns = sqlite3_column_count(statement);
    columns.reserve(static_cast<std::size_t>(n_columns));
    for (int i = 0; i < n_columns; ++i) columns.push_back(column_value(statement, i));
    rows.emplace_back(std::move(columns));
  }));
  return rows;
}

Result<void> Database::execute_script(const std::string& sql) {
  BALEEN_RETURN_IF_ERROR(impl_->count("script"));
  if (sqlite3_exec(impl_->connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return impl_->error("script");
  }
  return {};
}

Result<void> Database::transaction(std::string_view name,
                                   const std::function<Result<void>()>& work) {
  BALEEN_CHECK(!impl_->is_in_transaction);
  BALEEN_RETURN_IF_ERROR(execute_values("BEGIN IMMEDIATE", {}));
  impl_->is_in_transaction = true;
  Result<void> outcome = work();
  impl_->is_in_transaction = false;
  if (outcome.ok()) {
    BALEEN_FAILPOINT("DB_" + std::string(name) + "_BEFORE_COMMIT");
    Result<std::int64_t> committed = execute_values("COMMIT", {});
    BALEEN_FAILPOINT("DB_" + std::string(name) + "_AFTER_COMMIT");
    if (committed.ok()) return {};
    outcome = std::move(committed).error();
  }
  // A failed COMMIT may already have rolled back; then this one has nothing to do.
  if (sqlite3_get_autocommit(impl_->connection) == 0) {
    Result<std::int64_t> rolled_back = execute_values("ROLLBACK", {});
    if (!rolled_back.ok())
      return std::move(rolled_back).error().context("roll back " + std::string(name));
  }
  return outcome;
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(impl_->connection);
}

void Database::fail_after(std::int64_t n_statements) {
  impl_->failing_statement = n_statements < 0 ? -1 : impl_->n_statements + n_statements;
}

std::int64_t Database::n_statements() const { return impl_->n_statements; }

}  // namespace baleen::store
