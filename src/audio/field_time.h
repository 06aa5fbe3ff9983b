#pragma once

/// Times as recorders write them: a wall clock, with or without the zone that it shows.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baleen::audio {

/// What a clock showed. Without an offset nobody knows when that was.
struct FieldTime {
  std::int64_t wall_us = 0;         ///< Microseconds since 1970-01-01 on that clock.
  std::optional<int> utc_offset_s;  ///< Local minus UTC.
  bool operator==(const FieldTime&) const = default;

  /// Microseconds since 1970-01-01 UTC, if the zone is known.
  [[nodiscard]] std::optional<std::int64_t> utc_us() const {
    if (!utc_offset_s) return std::nullopt;
    return wall_us - std::int64_t{1'000'000} * *utc_offset_s;
  }
};

/// Nothing for a date or time that does not exist; the year from 1980 to 2099, second 60 counts as a leap second.
struct CivilTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  int microsecond = 0;
};
[[nodiscard]] std::optional<std::int64_t> wall_us_of(const CivilTime& time);

/// Whether somewhere on earth clocks differ from UTC by this: -12 to +14 hours in steps of 15 minutes.
[[nodiscard]] bool is_utc_offset(int offset_s);

/// ISO 8601 as it is met: "2019-05-22T06:00:00.123+02:00", "2019-05-22 06:00:00", "20190522T060000Z",
/// "2019-05-22T06:00-0400". Nothing for anything else.
[[nodiscard]] std::optional<FieldTime> parse_field_time(std::string_view text);

/// "2019-05-22T06:00:00.123+02:00", or without zone where none is known. Of milliseconds, or of whole seconds.
[[nodiscard]] std::string to_string(const FieldTime& time);

/// Reads a text from the front. What does not fit is left where it is.
class TextScan {
 public:
  explicit TextScan(std::string_view text) : rest_(text) {}
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool is_empty() const { return rest_.empty(); }

  bool accept(std::string_view literal);
  /// One of these letters, or none.
  std::optional<char> any_of(std::string_view letters);
  /// Goes behind the next occurrence of a literal, if there is one.
  bool find(std::string_view literal);
  /// From `least` to `most` decimal digits, as many as there are. At most 9.
  std::optional<int> digits(std::size_t least, std::size_t most);
  /// A decimal number with sign and fraction, no exponent.
  std::optional<double> number();
  /// Fraction digits, as microseconds; those behind the sixth are dropped.
  std::optional<int> microseconds();
  /// "Z", "+02", "-0400", "+05:30": in seconds.
  std::optional<int> utc_offset();
  void skip_spaces();

 private:
  std::string_view rest_;
};

}  // namespace baleen::audio
