#include "audio/field_time.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>

#include "core/clock.h"

namespace baleen::audio {
namespace {

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

/// "hh:mm[:ss[.fraction]]" or "hhmmss".
bool read_time_of_day(TextScan& in, bool has_colons, CivilTime& time) {
  const auto hour = in.digits(2, 2);
  if (!hour || (has_colons && !in.accept(":"))) return false;
  const auto minute = in.digits(2, 2);
  if (!minute) return false;
  time.hour = *hour;
  time.minute = *minute;
  if (has_colons && !in.accept(":")) return true;
  const auto second = in.digits(2, 2);
  if (!second) return false;
  time.second = *second;
  if (in.any_of(".,")) {
    const auto fraction = in.microseconds();
    if (!fraction) return false;
    time.microsecond = *fraction;
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> wall_us_of(const CivilTime& time) {
  namespace chrono = std::chrono;
  const chrono::year_month_day date{chrono::year(time.year),
                                    chrono::month(static_cast<unsigned>(time.month)),
                                    chrono::day(static_cast<unsigned>(time.day))};
  if (time.year < 1980 || time.year > 2099 || !date.ok() || time.hour < 0 || time.hour > 23 ||
      time.minute < 0 || time.minute > 59 || time.second < 0 || time.second > 60)
    return std::nullopt;
  const std::int64_t days = chrono::sys_days(date).time_since_epoch().count();
  const int second_of_day = (time.hour * 60 + time.minute) * 60 + time.second;
  return (days * 86'400 + second_of_day) * 1'000'000 + time.microsecond;
}

bool is_utc_offset(int offset_s) {
  return offset_s >= -12 * 3600 && offset_s <= 14 * 3600 && offset_s % (15 * 60) == 0;
}

std::optional<FieldTime> parse_field_time(std::string_view text) {
  TextScan in(text);
  in.skip_spaces();
  CivilTime time;
  const auto year = in.digits(4, 4);
  const bool has_dashes = in.accept("-");
  const auto month = in.digits(2, 2);
  if (!year || !month || (has_dashes && !in.accept("-"))) return std::nullopt;
  const auto day = in.digits(2, 2);
  if (!day || !in.any_of("Tt ")) return std::nullopt;
  time.year = *year;
  time.month = *month;
  time.day = *day;
  const bool has_colons = in.rest().size() > 2 && in.rest()[2] == ':';
  if (!read_time_of_day(in, has_colons, time)) return std::nullopt;
  const std::optional<std::int64_t> wall_us = wall_us_of(time);
  if (!wall_us) return std::nullopt;
  in.skip_spaces();
  FieldTime result{*wall_us, in.utc_offset()};
  in.skip_spaces();
  if (!in.is_empty()) return std::nullopt;
  return result;
}

std::string to_string(const FieldTime& time) {
  std::string text = core::rfc3339(time.wall_us);  // "2019-05-22T06:00:00.123Z"
  text.pop_back();
  if (time.wall_us % 1'000'000 == 0) text.resize(text.size() - 4);
  if (!time.utc_offset_s) return text;
  if (*time.utc_offset_s == 0) return text + "Z";
  const int minutes = std::abs(*time.utc_offset_s) / 60;
  return text + fmt::format("{}{:02}:{:02}", *time.utc_offset_s < 0 ? '-' : '+', minutes / 60,
                            minutes % 60);
}

bool TextScan::accept(std::string_view literal) {
  if (!rest_.starts_with(literal)) return false;
  rest_.remove_prefix(literal.size());
  return true;
}

std::optional<char> TextScan::any_of(std::string_view letters) {
  if (rest_.empty() || letters.find(rest_[0]) == std::string_view::npos) return std::nullopt;
  const char letter = rest_[0];
  rest_.remove_prefix(1);
  return letter;
}

bool TextScan::find(std::string_view literal) {
  const std::size_t at = rest_.find(literal);
  if (at == std::string_view::npos) return false;
  rest_.remove_prefix(at + literal.size());
  return true;
}

std::optional<int> TextScan::digits(std::size_t least, std::size_t most) {
  std::size_t n = 0;
  int value = 0;
  while (n < most && n < rest_.size() && n < 9 && is_digit(rest_[n]))
    value = 10 * value + (rest_[n++] - '0');
  if (n < least) return std::nullopt;
  rest_.remove_prefix(n);
  return value;
}

std::optional<double> TextScan::number() {
  std::string_view text = rest_;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  rest_ = text.substr(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<int> TextScan::microseconds() {
  int value = 0;
  std::size_t n = 0;
  for (; n < rest_.size() && is_digit(rest_[n]); ++n)
    if (n < 6) value = 10 * value + (rest_[n] - '0');
  if (n == 0) return std::nullopt;
  for (std::size_t i = n; i < 6; ++i) value *= 10;
  rest_.remove_prefix(n);
  return value;
}

std::optional<int> TextScan::utc_offset() {
  if (accept("Z") || accept("z")) return 0;
  TextScan in = *this;
  const auto sign = in.any_of("+-");
  const auto hours = sign ? in.digits(2, 2) : std::nullopt;
  if (!hours) return std::nullopt;
  TextScan before = in;
  const bool has_colon = in.accept(":");
  const auto minutes = in.digits(2, 2);
  if (!minutes) in = before;  // "+02", and whatever follows.
  if (!minutes && has_colon) return std::nullopt;
  const int offset_s = (*hours * 60 + minutes.value_or(0)) * 60 * (*sign == '-' ? -1 : 1);
  if (!is_utc_offset(offset_s)) return std::nullopt;
  *this = in;
  return offset_s;
}

void TextScan::skip_spaces() {
  while (accept(" ") || accept("\t") || accept("\r") || accept("\n")) {
  }
}

}  // namespace baleen::audio
