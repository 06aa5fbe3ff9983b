#include "formats/delimited_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/json.h"

namespace baleen::formats {
namespace {

constexpr std::size_t kFieldsMax = 10'000;
constexpr std::size_t kShownBytesMax = 120;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string folded(std::string_view name) {
  std::string out(trimmed(name));
  for (char& letter : out)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return out;
}

bool is_line_end(char letter) { return letter == '\n' || letter == '\r'; }

class Splitter {
 public:
  Splitter(std::string_view text, char separator, Quoting quoting)
      : rest_(text), separator_(separator), quoting_(quoting) {}

  Result<std::vector<TextRecord>> split() {
    std::vector<TextRecord> records;
    while (!rest_.empty()) {
      BALEEN_ASSIGN_OR_RETURN(TextRecord record, next());
      const bool is_empty = record.fields.size() == 1 && record.fields[0].empty();
      if (!is_empty) records.push_back(std::move(record));
    }
    return records;
  }

 private:
  Result<TextRecord> next() {
    TextRecord record;
    record.line = line_;
    while (true) {
      if (record.fields.size() >= kFieldsMax)
        return fail(ErrorCode::invalid_argument, "line {}: more than {} fields", line_, kFieldsMax);
      BALEEN_ASSIGN_OR_RETURN(std::string field, next_field());
      // Windows' own letters, most likely: which ones nobody can tell, and names would be spoilt without a word.
      if (const std::string shown = core::valid_utf8(field); shown != field) {
        return fail(ErrorCode::invalid_argument,
                    "line {}: '{}' is not UTF-8: save the table as UTF-8 (in Excel: CSV UTF-8)",
                    line_, core::valid_utf8(shown.substr(0, kShownBytesMax)));
      }
      record.fields.push_back(std::move(field));
      if (rest_.empty()) return record;
      const char behind = rest_[0];
      rest_.remove_prefix(1);
      if (behind == separator_) continue;
      if (behind == '\r' && rest_.starts_with('\n')) rest_.remove_prefix(1);
      ++line_;
      return record;
    }
  }

  Result<std::string> next_field() {
    if (quoting_ == Quoting::csv && rest_.starts_with('"')) return next_quoted();
    std::size_t n = 0;
    while (n < rest_.size() && rest_[n] != separator_ && !is_line_end(rest_[n])) ++n;
    std::string field(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return field;
  }

  Result<std::string> next_quoted() {
    const int begin_line = line_;
    rest_.remove_prefix(1);
    std::string field;
    while (true) {
      const std::size_t quote = rest_.find('"');
      if (quote == std::string_view::npos)
        return fail(ErrorCode::invalid_argument, "line {}: a quote that is never closed",
                    begin_line);
      const std::string_view part = rest_.substr(0, quote);
      line_ += static_cast<int>(std::count(part.begin(), part.end(), '\n'));
      field += part;
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      field += '"';
      rest_.remove_prefix(1);
    }
    if (!rest_.empty() && rest_[0] != separator_ && !is_line_end(rest_[0]))
      return fail(ErrorCode::invalid_argument, "line {}: a quote in the middle of a field", line_);
    return field;
  }

  std::string_view rest_;  // The caller's.
  char separator_;
  Quoting quoting_;
  int line_ = 1;
};

}  // namespace

Result<std::vector<TextRecord>> split_records(std::string_view text,
                                              char separator,
                                              Quoting quoting) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return fail(ErrorCode::invalid_argument, "the text is UTF-16: save it as UTF-8");
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.find('\0') != std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "it is no text");
  return Splitter(text, separator, quoting).split();
}

Result<TextTable> TextTable::parse(std::string_view text,
                                   char separator,
                                   Quoting quoting,
                                   std::string_view what) {
  Result<std::vector<TextRecord>> records = split_records(text, separator, quoting);
  if (!records.ok()) return std::move(records).error().context(what);
  if (records->empty())
    return fail(ErrorCode::invalid_argument, "{}: empty, not even a header", what);
  TextTable table;
  table.what_ = what;
  table.names_ = std::move(records->front().fields);
  records->erase(records->begin());
  table.records_ = std::move(*records);
  return table;
}

std::optional<std::size_t> TextTable::find(std::string_view column) const {
  const std::string wanted = folded(column);
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (folded(names_[i]) == wanted) return i;
  return std::nullopt;
}

Result<std::size_t> TextTable::column(std::string_view name) const {
  if (const auto found = find(name)) return *found;
  std::string there;
  for (const std::string& each : names_)
    there += (there.empty() ? "" : ", ") + std::string(trimmed(each));
  if (there.size() > 300) there = core::valid_utf8(there.substr(0, 300)) + "…";
  const bool has_semicolons = names_.size() == 1 && there.find(';') != std::string::npos;
  return fail(ErrorCode::invalid_argument, "{}: no column \"{}\" among: {}{}", what_, name, there,
              has_semicolons ? " (columns separated by semicolons: save it with commas and with "
                               "decimal points)"
                             : "");
}

std::string_view TextTable::field(const TextRecord& record, std::optional<std::size_t> column) {
  if (!column || *column >= record.fields.size()) return {};
  return trimmed(record.fields[*column]);
}

Result<std::optional<double>> TextTable::number(const TextRecord& record,
                                                std::optional<std::size_t> column) const {
  const std::string_view text = field(record, column);
  if (text.empty()) return std::optional<double>();
  BALEEN_ASSIGN_OR_RETURN(const double value,
                          parse_decimal(text, fmt::format("{}: line {}, column {}", what_,
                                                          record.line, trimmed(names_[*column]))));
  return std::optional(value);
}

Result<double> TextTable::required_number(const TextRecord& record, std::size_t column) const {
  BALEEN_ASSIGN_OR_RETURN(const std::optional<double> value, number(record, column));
  if (value) return *value;
  return fail(ErrorCode::invalid_argument, "{}: line {}, column {}: empty", what_, record.line,
              names_[column]);
}

Result<double> parse_decimal(std::string_view text, std::string_view where) {
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size() && std::isfinite(value))
    return value;
  const std::string shown = core::valid_utf8(text.substr(0, 40));
  if (text.find_first_not_of("0123456789,.-+") == std::string_view::npos &&
      text.find(',') != std::string_view::npos)
    return fail(ErrorCode::invalid_argument,
                "{}: \"{}\" has a decimal comma: write the table with decimal points", where,
                shown);
  return fail(ErrorCode::invalid_argument, "{}: \"{}\" is no number", where, shown);
}

void append_record(std::span<const std::string> fields,
                   char separator,
                   Quoting quoting,
                   std::string& out) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += separator;
    const std::string field = core::valid_utf8(fields[i]);
    if (quoting == Quoting::none) {
      for (const char letter : field)
        out += letter == separator || is_line_end(letter) ? ' ' : letter;
      continue;
    }
    const bool needs_quotes = field.find_first_of("\"\r\n") != std::string::npos ||
                              field.find(separator) != std::string::npos ||
                              (!field.empty() && (field.front() == ' ' || field.back() == ' '));
    if (!needs_quotes) {
      out += field;
      continue;
    }
    out += '"';
    for (const char letter : field)
      out += letter == '"' ? std::string("\"\"") : std::string(1, letter);
    out += '"';
  }
  out += quoting == Quoting::csv ? "\r\n" : "\n";
}

}  // namespace baleen::formats
