#pragma once

/// Tables as text: CSV (RFC 4180) and tab-separated, as spreadsheets and field programs write them.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace baleen::formats {

/// One record and where it begins, for messages.
struct TextRecord {
  std::vector<std::string> fields;
  int line = 0;  ///< From 1.
};

enum class Quoting {
  csv,   ///< Fields in double quotes may hold separators, line ends and doubled quotes.
  none,  ///< A quote is a letter like any other.
};

/// Splits a text into records. A byte order mark, CRLF and a missing last line end are understood, empty lines dropped.
/// INVALID_ARGUMENT with the line for a quote that is never closed or in the middle of a field, for what is not UTF-8,
/// for binary data and beyond 10,000 fields in a record.
[[nodiscard]] Result<std::vector<TextRecord>> split_records(std::string_view text,
                                                            char separator,
                                                            Quoting quoting);

/// A table with a header. Names of columns are compared without regard to case and surrounding blanks.
class TextTable {
 public:
  /// As split_records; INVALID_ARGUMENT for a text without a header too. `what` names the table in messages.
  static Result<TextTable> parse(std::string_view text,
                                 char separator,
                                 Quoting quoting,
                                 std::string_view what);

  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const;
  /// INVALID_ARGUMENT names the columns that there are.
  [[nodiscard]] Result<std::size_t> column(std::string_view name) const;
  [[nodiscard]] const std::vector<TextRecord>& records() const { return records_; }

  /// The field of a record, without surrounding blanks; empty where the record is shorter or there is no such column.
  [[nodiscard]] static std::string_view field(const TextRecord& record,
                                              std::optional<std::size_t> column);
  /// The field as a number; nothing where it is empty. INVALID_ARGUMENT says line and column for what is no finite
  /// number; a decimal comma is named as that.
  [[nodiscard]] Result<std::optional<double>> number(const TextRecord& record,
                                                     std::optional<std::size_t> column) const;
  /// The same where a number must be.
  [[nodiscard]] Result<double> required_number(const TextRecord& record, std::size_t column) const;

 private:
  std::string what_;
  std::vector<std::string> names_;
  std::vector<TextRecord> records_;
};

/// A finite decimal number with a point, and nothing else. INVALID_ARGUMENT; `where` begins the message.
[[nodiscard]] Result<double> parse_decimal(std::string_view text, std::string_view where);

/// Appends a record that ends in CRLF (csv) or LF (none). With Quoting::none tabs and line ends become blanks.
void append_record(std::span<const std::string> fields,
                   char separator,
                   Quoting quoting,
                   std::string& out);

}  // namespace baleen::formats
