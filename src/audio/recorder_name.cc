#include <algorithm>
#include <array>
#include <cctype>

#include "audio/recorder_statements.h"

// The times that recorders put into the names of their files.

namespace baleen::audio {
namespace {

constexpr std::size_t kNameBytesMax = 512;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

std::size_t n_digits_at(std::string_view text, std::size_t offset) {
  std::size_t n = 0;
  while (offset + n < text.size() && is_digit(text[offset + n])) ++n;
  return n;
}

/// What may stand behind a time: a fraction of a second ("_123", ".123456") and a zone ("Z", "-0400", "_+0200").
void read_behind(TextScan in, FieldTime& time) {
  TextScan fraction = in;
  if (fraction.any_of("_.")) {
    const std::size_t n = n_digits_at(fraction.rest(), 0);
    const std::size_t next = std::min(n, fraction.rest().size());
    const bool is_end = next == fraction.rest().size() || fraction.rest()[next] == 'Z' ||
                        fraction.rest()[next] == '+' || fraction.rest()[next] == '-';
    if ((n == 3 || n == 6) && is_end) {
      time.wall_us += fraction.microseconds().value_or(0);
      in = fraction;
    }
  }
  for (const bool has_gap : {false, true}) {
    TextScan zone = in;
    if (has_gap && !zone.any_of("_ ")) return;
    if (has_gap && zone.rest().starts_with('Z')) return;  // "_Zebra".
    const std::optional<int> offset_s = zone.utc_offset();
    const bool ends_word =
        zone.is_empty() || !std::isalnum(static_cast<unsigned char>(zone.rest()[0]));
    if (offset_s && ends_word) {
      time.utc_offset_s = offset_s;
      return;
    }
  }
}

std::optional<FieldTime> time_of(const CivilTime& civil, TextScan behind) {
  const std::optional<std::int64_t> wall_us = wall_us_of(civil);
  if (!wall_us) return std::nullopt;
  FieldTime time{*wall_us, std::nullopt};
  read_behind(behind, time);
  return time;
}

/// "20190522_060000", with "_", "T", "-", "$" (set by GPS) or a blank between; also "190522_060000".
std::optional<FieldTime> compact_time(std::string_view name, std::size_t at) {
  const std::size_t n = n_digits_at(name, at);
  if (n != 8 && n != 6) return std::nullopt;
  TextScan in(name.substr(at));
  CivilTime t;
  t.year = n == 8 ? *in.digits(4, 4) : 2000 + *in.digits(2, 2);
  t.month = *in.digits(2, 2);
  t.day = *in.digits(2, 2);
  if (!in.any_of(n == 8 ? "_Tt-$ " : "_-") || n_digits_at(in.rest(), 0) != 6) return std::nullopt;
  t.hour = *in.digits(2, 2);
  t.minute = *in.digits(2, 2);
  t.second = *in.digits(2, 2);
  return time_of(t, in);
}

/// "2019-05-22T06:00:00", "2019-05-22_06-00-00", "2019_05_22_06_00_00"; "2021_09_24_652_3": 6:52, the third clip.
std::optional<FieldTime> parted_time(std::string_view name, std::size_t at) {
  TextScan in(name.substr(at));
  CivilTime t;
  if (n_digits_at(name, at) != 4) return std::nullopt;
  t.year = *in.digits(4, 4);
  const auto part = [&in](std::string_view separators, int& value) {
    if (!in.any_of(separators) || n_digits_at(in.rest(), 0) != 2) return false;
    value = *in.digits(2, 2);
    return true;
  };
  if (!part("-_.", t.month) || !part("-_.", t.day)) return std::nullopt;
  const bool has_underscores = name[at + 4] == '_';
  const std::size_t n_clock = in.is_empty() ? 0 : n_digits_at(in.rest(), 1);
  if (has_underscores && in.rest().starts_with('_') && (n_clock == 3 || n_clock == 4)) {
    (void)in.any_of("_");
    const int clock = *in.digits(3, 4);
    t.hour = clock / 100;
    t.minute = clock % 100;
    return time_of(t, TextScan(""));
  }
  if (n_clock == 6 && in.any_of("_Tt- ")) {
    t.hour = *in.digits(2, 2);
    t.minute = *in.digits(2, 2);
    t.second = *in.digits(2, 2);
    return time_of(t, in);
  }
  if (!part("_Tt- ", t.hour) || !part("-_:.", t.minute)) return std::nullopt;
  (void)part("-_:.", t.second);
  return time_of(t, in);
}

/// "671879189.200101120000" of SoundTrap: serial number, then yymmddHHMMSS.
bool read_soundtrap(std::string_view stem, RecorderStatement& statement) {
  const std::size_t dot = stem.find('.');
  if (dot == std::string_view::npos || dot == 0 || n_digits_at(stem, 0) != dot ||
      stem.size() != dot + 13 || n_digits_at(stem, dot + 1) != 12)
    return false;
  TextScan in(stem.substr(dot + 1));
  std::array<int, 6> parts{};
  for (int& part : parts) part = *in.digits(2, 2);
  const auto wall_us = wall_us_of(
      {2000 + parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], /*microsecond=*/0});
  if (!wall_us) return false;
  statement.start = FieldTime{*wall_us, std::nullopt};
  statement.serial = std::string(stem.substr(0, dot));
  return true;
}

/// "5AB2CD3E" of AudioMoth before firmware 1.1: seconds since 1970 UTC, in hexadecimal.
bool read_hexadecimal(std::string_view stem, RecorderStatement& statement) {
  if (stem.size() != 8) return false;
  std::int64_t seconds = 0;
  for (const char letter : stem) {
    const std::size_t digit =
        std::string_view("0123456789ABCDEF")
            .find(static_cast<char>(std::toupper(static_cast<unsigned char>(letter))));
    if (digit == std::string_view::npos) return false;
    seconds = 16 * seconds + static_cast<std::int64_t>(digit);
  }
  constexpr std::int64_t kYear2015 = 1'420'070'400, kYear2030 = 1'893'456'000;
  if (seconds < kYear2015 || seconds >= kYear2030) return false;
  statement.start = FieldTime{seconds * 1'000'000, 0};
  return true;
}

/// The prefix that Wildlife Acoustics' recorders have unless told otherwise: three signs and five digits.
void read_song_meter_serial(std::string_view stem, RecorderStatement& statement) {
  constexpr std::array<std::string_view, 9> kKinds = {"S4A", "S4U", "SMA", "SMM", "SMU",
                                                      "2MA", "2MM", "2MU", "SM3"};
  const bool is_known = std::any_of(kKinds.begin(), kKinds.end(),
                                    [&](std::string_view kind) { return stem.starts_with(kind); });
  if (is_known && n_digits_at(stem, 3) == 5 && stem.size() > 8 && stem[8] == '_')
    statement.serial = std::string(stem.substr(0, 8));
}

/// "[-27.4 153.0]" or "[-27.4+153.0]" of BAR-LT.
void read_bracketed_position(std::string_view stem, RecorderStatement& statement) {
  TextScan in(stem);
  if (!in.find("[")) return;
  const auto latitude = in.number();
  (void)in.any_of(" ,");
  const auto longitude = in.number();
  if (latitude && longitude && in.accept("]")) (void)set_position(statement, *latitude, *longitude);
}

}  // namespace

std::optional<RecorderStatement> parse_recorder_name(std::string_view name) {
  name = name.substr(0, kNameBytesMax);
  const std::size_t dot = name.rfind('.');
  const bool has_extension =
      dot != std::string_view::npos && dot > 0 && name.size() - dot <= 5 &&
      std::isalpha(static_cast<unsigned char>(name[std::min(dot + 1, name.size() - 1)]));
  const std::string_view stem = has_extension ? name.substr(0, dot) : name;
  RecorderStatement statement{.source = "file name"};
  if (read_soundtrap(stem, statement) || read_hexadecimal(stem, statement)) return statement;
  for (std::size_t at = 0; at < stem.size() && !statement.start; ++at) {
    if (!is_digit(stem[at]) || (at > 0 && is_digit(stem[at - 1]))) continue;
    statement.start = compact_time(stem, at);
    if (!statement.start) statement.start = parted_time(stem, at);
  }
  read_bracketed_position(stem, statement);
  if (!statement.start && !statement.latitude_deg) return std::nullopt;
  if (statement.start) read_song_meter_serial(stem, statement);
  return statement;
}

}  // namespace baleen::audio
