#pragma once

/// Questions in SQL over the metadata and the Parquet files of a data directory (docs/sql.md), for the command line.

#include "cli/cli.h"
#include "store/database.h"

namespace baleen {

/// DuckDB never sees the database: the tables that a question names are copied into its memory, Parquet files are read where
/// they lie, and nothing else can be read or written. NOT_SUPPORTED without DuckDB; INVALID_ARGUMENT with its words.
[[nodiscard]] Result<void> answer_sql(const store::DataRoot& root,
                                      store::Database& database,
                                      const std::string& sql,
                                      const cli::SqlOutput& output);

}  // namespace baleen
