#include "formats/duckdb.h"

#include "formats/duckdb_library.h"

namespace baleen::formats {
namespace {

using duckdb::Handle;
using duckdb::Library;

/// A result, and what frees it.
class Answer {
 public:
  explicit Answer(const Library& library) : library_(library) {}
  ~Answer() { library_.destroy_result(&result); }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  [[nodiscard]] std::string error() {
    const char* const text = library_.result_error(&result);
    return text == nullptr ? "no reason was given" : text;
  }
  duckdb::QueryResult result;

 private:
  const Library& library_;
};

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char letter : text) out.append(letter == quote ? 2 : 1, letter);
  return out + quote;
}

/// DuckDB's message in one line, without the picture of the place.
std::string one_line(std::string_view message) {
  std::string out;
  for (const char letter : message.substr(0, message.find("\n\n"))) {
    if (letter != '\n') {
      out += letter;
    } else if (!out.empty() && out.back() != ' ') {
      out += "; ";
    }
  }
  return out;
}

SqlColumn::Kind kind_of(int type) {
  if (type == duckdb::kBoolean) return SqlColumn::Kind::flag;
  const bool is_number = (type >= duckdb::kFirstInteger && type <= duckdb::kDouble) ||
                         type == duckdb::kHugeint || type == duckdb::kUhugeint ||
                         type == duckdb::kDecimal;
  return is_number ? SqlColumn::Kind::number : SqlColumn::Kind::text;
}

/// Without what may stand behind a statement: it is going to stand in parentheses.
std::string_view without_end(std::string_view sql) {
  while (!sql.empty() && std::string_view(" \t\r\n;").find(sql.back()) != std::string_view::npos)
    sql.remove_suffix(1);
  return sql;
}

std::optional<std::string> text_at(const duckdb::StringValue* values,
                                   const std::uint64_t* validity,
                                   std::uint64_t row) {
  if (validity != nullptr && ((validity[row / 64] >> (row % 64)) & 1U) == 0) return std::nullopt;
  const duckdb::StringValue& value = values[row];
  const char* const begin =
      value.length <= duckdb::StringValue::kInlineBytes ? value.inlined : value.tail.address;
  return std::string(begin, value.length);
}

}  // namespace

struct Duckdb::Impl {
  explicit Impl(const Library& its_library) : library(its_library) {}
  ~Impl() {
    if (connection != nullptr) library.disconnect(&connection);
    if (database != nullptr) library.close(&database);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// INVALID_ARGUMENT unless it is one statement that only asks.
  Result<void> check(const std::string& sql) const {
    Handle statements = nullptr;
    const std::uint64_t n_statements =
        library.extract_statements(connection, sql.c_str(), &statements);
    const char* const parser_error = library.extract_statements_error(statements);
    const std::string reason = parser_error == nullptr ? "" : parser_error;
    library.destroy_extracted(&statements);
    if (!reason.empty()) return fail(ErrorCode::invalid_argument, "{}", one_line(reason));
    if (n_statements != 1)
      return fail(ErrorCode::invalid_argument, "one question at a time, not {}", n_statements);
    Handle statement = nullptr;
    const bool is_prepared = library.prepare(connection, sql.c_str(), &statement) == duckdb::kOk;
    const char* const prepare_error = is_prepared ? nullptr : library.prepare_error(statement);
    const std::string unprepared = prepare_error == nullptr ? "" : prepare_error;
    const int type = is_prepared ? library.prepared_statement_type(statement) : 0;
    library.destroy_prepare(&statement);
    if (!is_prepared) return fail(ErrorCode::invalid_argument, "{}", one_line(unprepared));
    if (type == duckdb::kSelectStatement) return {};
    return fail(ErrorCode::invalid_argument,
                "this would do something: only questions are answered here, as SELECT, SHOW TABLES "
                "or DESCRIBE asks them");
  }

  const Library& library;  // Loaded for good.
  Handle database = nullptr, connection = nullptr;
};

Result<std::string> duckdb_version() {
  BALEEN_ASSIGN_OR_RETURN(const Library* const library, duckdb::library());
  return std::string(library->library_version());
}

Duckdb::Duckdb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Duckdb::~Duckdb() = default;
Duckdb::Duckdb(Duckdb&&) noexcept = default;
Duckdb& Duckdb::operator=(Duckdb&&) noexcept = default;

Result<Duckdb> Duckdb::open(std::span<const std::string> allowed_folders) {
  BALEEN_ASSIGN_OR_RETURN(const Library* const library, duckdb::library());
  auto impl = std::make_unique<Impl>(*library);
  if (library->open(nullptr, &impl->database) != duckdb::kOk ||
      library->connect(impl->database, &impl->connection) != duckdb::kOk)
    return fail(ErrorCode::not_supported, "DuckDB {} does not open a database in memory",
                library->library_version());
  Duckdb database(std::move(impl));
  std::string folders;
  for (const std::string& folder : allowed_folders)
    folders += (folders.empty() ? "" : ", ") + in_quotes(folder, '\'');
  const Result<void> confined = database.execute(
      "SET allowed_directories = [" + folders +
      "]; SET enable_external_access = false; SET autoinstall_known_extensions = false; SET "
      "autoload_known_extensions = false; SET lock_configuration = true");
  if (!confined.ok()) {
    return fail(ErrorCode::not_supported, "DuckDB {} cannot be kept to the data directory: {}",
                library->library_version(), confined.error().message);
  }
  return database;
}

Result<void> Duckdb::execute(const std::string& sql) {
  Answer answer(impl_->library);
  if (impl_->library.query(impl_->connection, sql.c_str(), &answer.result) == duckdb::kOk)
    return {};
  return fail(ErrorCode::internal, "DuckDB: {}", answer.error());
}

Result<void> Duckdb::append(const std::string& table,
                            const std::function<bool(std::vector<SqlValue>&)>& next) {
  const Library& library = impl_->library;
  Handle appender = nullptr;
  bool is_fine =
      library.appender_create(impl_->connection, nullptr, table.c_str(), &appender) == duckdb::kOk;
  std::vector<SqlValue> values;
  while (is_fine && next(values)) {
    for (const SqlValue& value : values) {
      int state = duckdb::kOk;
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        state = library.append_int64(appender, *number);
      } else if (const auto* real = std::get_if<double>(&value)) {
        state = library.append_double(appender, *real);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        state = library.append_varchar_length(appender, text->data(), text->size());
      } else {
        state = library.append_null(appender);
      }
      is_fine = is_fine && state == duckdb::kOk;
    }
    is_fine = is_fine && library.appender_end_row(appender) == duckdb::kOk;
  }
  is_fine = is_fine && library.appender_close(appender) == duckdb::kOk;
  const char* const error = is_fine ? nullptr : library.appender_error(appender);
  const std::string reason = error == nullptr ? "" : error;
  library.appender_destroy(&appender);
  if (is_fine) return {};
  return fail(ErrorCode::internal, "fill the table {}: {}", table, reason);
}

Result<void> Duckdb::query(std::string_view sql, const SqlSink& sink) {
  const Library& library = impl_->library;
  const std::string question(without_end(sql));
  BALEEN_RETURN_IF_ERROR(impl_->check(question));
  // Its columns first; then each as text, which is what people and tables want.
  Answer empty(library);
  const std::string in_parentheses = "(\n" + question + "\n)";
  if (library.query(impl_->connection, ("SELECT * FROM " + in_parentheses + " LIMIT 0").c_str(),
                    &empty.result) != duckdb::kOk)
    return fail(ErrorCode::invalid_argument, "{}", one_line(empty.error()));
  std::vector<SqlColumn> columns(library.column_count(&empty.result));
  std::string names, texts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].name = library.column_name(&empty.result, i);
    columns[i].kind = kind_of(library.column_type(&empty.result, i));
    names += fmt::format("{}c{}", i > 0 ? ", " : "", i);
    texts += fmt::format("{}CAST(c{} AS VARCHAR)", i > 0 ? ", " : "", i);
  }
  Answer answer(library);
  const std::string as_texts =
      fmt::format("SELECT {} FROM {} AS answer({})", texts, in_parentheses, names);
  if (library.query(impl_->connection, as_texts.c_str(), &answer.result) != duckdb::kOk)
    return fail(ErrorCode::invalid_argument, "{}", one_line(answer.error()));
  BALEEN_RETURN_IF_ERROR(sink.begin(columns));  // Not before it is known that there is an answer.
  std::vector<std::optional<std::string>> values(columns.size());
  Result<void> outcome;
  while (outcome.ok()) {
    Handle chunk = library.fetch_chunk(answer.result);
    if (chunk == nullptr) break;
    const std::uint64_t n_rows = library.data_chunk_get_size(chunk);
    for (std::uint64_t row = 0; row < n_rows && outcome.ok(); ++row) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const Handle vector = library.data_chunk_get_vector(chunk, i);
        values[i] =
            text_at(static_cast<const duckdb::StringValue*>(library.vector_get_data(vector)),
                    library.vector_get_validity(vector), row);
      }
      outcome = sink.row(values);
    }
    library.destroy_data_chunk(&chunk);
  }
  return outcome;
}

}  // namespace baleen::formats
