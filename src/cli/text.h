#pragma once

/// Words for people: sizes, durations, tables. Nothing here writes control characters of a file name
/// to the terminal.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::cli {

[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
/// "1.2 MB"; decimal units.
[[nodiscard]] std::string human_bytes(std::int64_t bytes);
/// "850 ms", "12.3 s", "4 min 05 s", "2 h 03 min".
[[nodiscard]] std::string human_duration(double seconds);
/// A place in a recording: "0:07.5", "1:02:03.5".
[[nodiscard]] std::string position_text(double seconds);
/// "75", "1:15", "1:02:03.5" → seconds; none for what is no such place.
[[nodiscard]] std::optional<double> parse_position(std::string_view text);
/// "1 window", "2 windows".
[[nodiscard]] std::string plural(std::int64_t n, std::string_view noun);

/// Valid UTF-8 without control characters, shortened in the middle to `columns_max`.
[[nodiscard]] std::string printable(std::string_view text, std::size_t columns_max = 200);
/// A field of CSV (RFC 4180), in quotation marks where it needs them; an empty one has them.
[[nodiscard]] std::string csv_field(std::string_view text);
/// ", did you mean 'worker'?" if one of the words is close enough, else "".
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& known);

/// Left-aligned columns, two spaces between; the last column is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool is_empty() const { return rows_.size() == 1; }
  [[nodiscard]] std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace baleen::cli
