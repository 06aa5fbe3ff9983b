// Questions in SQL.

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"

namespace baleen::cli {
namespace {

using Columns = std::vector<SqlOutput::Column>;
using Values = std::vector<std::optional<std::string>>;

/// Row by row, so that answers of any length need no memory here. NULL is an empty field, an empty text is "".
SqlOutput as_csv() {
  const auto print = [](const Values& values) {
    std::string line;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) line += ',';
      if (values[i]) line += csv_field(core::valid_utf8(*values[i]));
    }
    std::printf("%s\r\n", line.c_str());
    return Result<void>();
  };
  SqlOutput output;
  output.begin = [print](const Columns& columns) {
    Values names;
    for (const SqlOutput::Column& column : columns) names.emplace_back(column.name);
    return print(names);
  };
  output.row = print;
  return output;
}

/// {"columns": […], "rows": [[…], …]}; names may be there twice, so rows are arrays.
SqlOutput as_json(Columns& columns, bool& is_first) {
  SqlOutput output;
  output.begin = [&](const Columns& all) {
    columns = all;
    json::array names;
    for (const SqlOutput::Column& column : all) names.push_back(json::string(column.name));
    std::printf("{\"columns\":%s,\"rows\":[", core::to_json(names).c_str());
    return Result<void>();
  };
  output.row = [&](const Values& values) {
    json::array row;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) {
        row.push_back(nullptr);
        continue;
      }
      Result<json::value> value = fail(ErrorCode::not_found, "text");
      if (!columns[i].is_text) value = core::parse_json(*values[i], "number");
      row.push_back(value.ok() ? std::move(*value) : json::value(json::string(*values[i])));
    }
    std::printf("%s\n%s", is_first ? "" : ",", core::to_json(row).c_str());
    is_first = false;
    return Result<void>();
  };
  return output;
}

}  // namespace

Result<int> sql_command(const GlobalOptions& options,
                        const Program& program,
                        const SqlOptions& question) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  const auto answer = [&](const SqlOutput& output) {
    return program.sql(session->root, session->database, question.sql, output);
  };
  if (options.is_json) {
    Columns columns;
    bool is_first = true;
    BALEEN_RETURN_IF_ERROR(answer(as_json(columns, is_first)));
    std::printf("]}\n");
    return 0;
  }
  if (question.is_csv) {
    BALEEN_RETURN_IF_ERROR(answer(as_csv()));
    return 0;
  }
  std::optional<Table> table;
  SqlOutput output;
  output.begin = [&](const Columns& columns) {
    std::vector<std::string> names;
    for (const SqlOutput::Column& column : columns) names.push_back(printable(column.name));
    table.emplace(std::move(names));
    return Result<void>();
  };
  output.row = [&](const Values& values) {
    std::vector<std::string> row;
    for (const auto& value : values) row.push_back(value ? printable(*value, 100) : "");
    table->add(std::move(row));
    return Result<void>();
  };
  BALEEN_RETURN_IF_ERROR(answer(output));
  if (table) std::printf("%s", table->to_string().c_str());
  return 0;
}

}  // namespace baleen::cli
