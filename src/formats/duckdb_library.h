#pragma once

/// The C interface of DuckDB, from a shared library that is looked for at run time (internal): that of
/// $BALEEN_DUCKDB_LIBRARY, or else the loader's libduckdb.so; once a process, and for good.
///
/// The declarations follow the documentation of the C interface (https://duckdb.org/docs/stable/clients/c/api); all are in
/// DuckDB 1.0 and later.

#include <cstdint>
#include <string>

#include "core/result.h"

namespace baleen::formats::duckdb {

// Known by address only.
using Handle = void*;

/// duckdb_result, which is passed by value.
struct QueryResult {
  std::uint64_t deprecated_column_count = 0;
  std::uint64_t deprecated_row_count = 0;
  std::uint64_t deprecated_rows_changed = 0;
  void* deprecated_columns = nullptr;
  char* deprecated_error_message = nullptr;
  void* internal_data = nullptr;
};

/// duckdb_string_t: up to 12 bytes stand in it, of longer ones a prefix and the address.
struct StringValue {
  static constexpr std::uint32_t kInlineBytes = 12;
  std::uint32_t length = 0;
  char inlined[4] = {};
  union Tail {
    char rest[8];
    const char* address;
  } tail = {};
};
static_assert(sizeof(StringValue) == 16);

inline constexpr int kOk = 0;               // duckdb_state
inline constexpr int kSelectStatement = 1;  // duckdb_statement_type

/// duckdb_type, as far as it matters.
inline constexpr int kBoolean = 1, kFirstInteger = 2, kDouble = 11, kHugeint = 16, kDecimal = 19,
                     kUhugeint = 32;

/// Each member is the function duckdb_… of that name.
struct Library {
  const char* (*library_version)();
  int (*open)(const char* path, Handle* database);
  void (*close)(Handle* database);
  int (*connect)(Handle database, Handle* connection);
  void (*disconnect)(Handle* connection);
  int (*query)(Handle connection, const char* sql, QueryResult* result);
  void (*destroy_result)(QueryResult* result);
  const char* (*result_error)(QueryResult* result);
  std::uint64_t (*column_count)(QueryResult* result);
  const char* (*column_name)(QueryResult* result, std::uint64_t column);
  int (*column_type)(QueryResult* result, std::uint64_t column);
  Handle (*fetch_chunk)(QueryResult result);
  void (*destroy_data_chunk)(Handle* chunk);
  std::uint64_t (*data_chunk_get_size)(Handle chunk);
  Handle (*data_chunk_get_vector)(Handle chunk, std::uint64_t column);
  void* (*vector_get_data)(Handle vector);
  std::uint64_t* (*vector_get_validity)(Handle vector);
  std::uint64_t (*extract_statements)(Handle connection, const char* sql, Handle* statements);
  const char* (*extract_statements_error)(Handle statements);
  void (*destroy_extracted)(Handle* statements);
  int (*prepare)(Handle connection, const char* sql, Handle* statement);
  const char* (*prepare_error)(Handle statement);
  int (*prepared_statement_type)(Handle statement);
  void (*destroy_prepare)(Handle* statement);
  int (*appender_create)(Handle connection,
                         const char* schema,
                         const char* table,
                         Handle* appender);
  const char* (*appender_error)(Handle appender);
  int (*appender_end_row)(Handle appender);
  int (*appender_close)(Handle appender);
  int (*appender_destroy)(Handle* appender);
  int (*append_null)(Handle appender);
  int (*append_int64)(Handle appender, std::int64_t value);
  int (*append_double)(Handle appender, double value);
  int (*append_varchar_length)(Handle appender, const char* text, std::uint64_t bytes);
};

/// The library; it stays loaded. Any thread. NOT_SUPPORTED where there is none; a failure is not remembered.
[[nodiscard]] Result<const Library*> library();

}  // namespace baleen::formats::duckdb
