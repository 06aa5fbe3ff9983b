#include <algorithm>
#include <cmath>
#include <cstring>

#include "audio/recorder_statements.h"
#include "core/json.h"

// GUANO, WAMD, bext and iXML.

namespace baleen::audio {
namespace {

constexpr std::size_t kTextBytesMax = 4096;  // Of one fact.

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces(" \t\r\n\0", 5);
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

/// A text as it may be shown, or nothing where there is none.
std::optional<std::string> text_of(std::string_view text) {
  text = trimmed(text.substr(0, kTextBytesMax));
  if (text.empty()) return std::nullopt;
  return core::valid_utf8(text);
}

/// A number, also with its unit behind it ("15.2C", "4.1 V").
std::optional<double> number_of(std::string_view text) {
  TextScan in(trimmed(text));
  return in.number();
}

std::optional<double> number_within(std::string_view text, double least, double most) {
  const std::optional<double> value = number_of(text);
  return value && *value >= least && *value <= most ? value : std::nullopt;
}

template <typename T>
T number_at(std::string_view bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// A degree with an optional letter of its hemisphere.
std::optional<double> read_degree(TextScan& in,
                                  std::string_view negative,
                                  std::string_view positive) {
  in.skip_spaces();
  const std::optional<double> degree = in.number();
  if (!degree) return std::nullopt;
  in.skip_spaces();
  if (in.any_of(negative)) return -*degree;
  (void)in.any_of(positive);
  return degree;
}

/// "32.1878 -86.1057", "(32.18, -86.10)", "47.75N, 123.72W".
void read_position(std::string_view text, RecorderStatement& statement) {
  TextScan in(text);
  in.skip_spaces();
  (void)in.any_of("(");
  const auto latitude = read_degree(in, "Ss", "Nn");
  (void)in.any_of(",;");
  const auto longitude = read_degree(in, "Ww", "Ee");
  if (latitude && longitude) (void)set_position(statement, *latitude, *longitude);
}

// ---- GUANO -----------------------------------------------------------------------------------

void read_guano_field(std::string_view key, std::string_view value, RecorderStatement& s) {
  if (key == "Timestamp") s.start = parse_field_time(value);
  if (key == "Loc Position") read_position(value, s);
  if (key == "Loc Elevation") s.elevation_m = number_within(value, -12'000, 9000);
  if (key == "Temperature Ext") s.temperature_c = number_within(value, -100, 100);
  if (key == "Temperature Int" && !s.temperature_c)
    s.temperature_c = number_within(value, -100, 100);
  if (key == "Make") s.make = text_of(value);
  if (key == "Model") s.model = text_of(value);
  if (key == "Serial") s.serial = text_of(value);
  if (key == "Firmware Version") s.firmware = text_of(value);
  if (key == "Samplerate") s.sample_rate_hz = number_within(value, 1, 1e8);
  if (key == "TE") s.time_expansion = number_within(value, 1e-3, 1e3);
  if (key == "Note") s.comment = text_of(value);
  // What makers add stands behind their own name: "OAD|Battery Voltage".
  const std::string_view own = key.substr(key.find('|') + 1);
  if (own == "Battery Voltage") s.battery_v = number_within(value, 0, 100);
  if (own == "Gain" || own == "Recording Gain") s.gain = text_of(value);
  if (own == "Deployment ID") s.deployment = text_of(value);
}

// ---- WAMD ------------------------------------------------------------------------------------

enum WamdId : std::uint16_t {
  kWamdModel = 0x01,
  kWamdSerial = 0x02,
  kWamdFirmware = 0x03,
  kWamdTimestamp = 0x05,
  kWamdGpsFirst = 0x06,
  kWamdNotes = 0x0A,
  kWamdTimeExpansion = 0x0F,
  kWamdTemperatureInternal = 0x15,
  kWamdTemperatureExternal = 0x16,
};

/// "WGS84, 44.5, N, 68.2, W, 12": datum, latitude, longitude, height; or with signs instead of letters.
void read_wamd_position(std::string_view text, RecorderStatement& s) {
  TextScan in(text);
  in.skip_spaces();
  if (!in.accept("WGS") || !in.find(",")) return;
  const auto skip_comma = [&in] {
    in.skip_spaces();
    (void)in.any_of(",");
    in.skip_spaces();
  };
  const auto degree = [&](std::string_view negative, std::string_view positive) {
    in.skip_spaces();
    std::optional<double> value = in.number();
    skip_comma();
    if (in.any_of(negative)) {
      if (value) value = -*value;
      skip_comma();
    } else if (in.any_of(positive)) {
      skip_comma();
    }
    return value;
  };
  const auto latitude = degree("Ss", "Nn");
  const auto longitude = degree("Ww", "Ee");
  if (!latitude || !longitude || !set_position(s, *latitude, *longitude)) return;
  s.elevation_m = number_within(in.rest(), -12'000, 9000);
}

void read_wamd_field(std::uint16_t id, std::string_view content, RecorderStatement& s) {
  switch (id) {
    case kWamdModel: s.model = text_of(content); break;
    case kWamdSerial: s.serial = text_of(content); break;
    case kWamdFirmware: s.firmware = text_of(content); break;
    case kWamdTimestamp: s.start = parse_field_time(trimmed(content)); break;
    case kWamdGpsFirst: read_wamd_position(content, s); break;
    case kWamdNotes: s.comment = text_of(content); break;
    case kWamdTimeExpansion:
      if (content.size() == 2 && number_at<std::uint16_t>(content, 0) > 0)
        s.time_expansion = number_at<std::uint16_t>(content, 0);
      break;
    case kWamdTemperatureExternal: s.temperature_c = number_within(content, -100, 100); break;
    case kWamdTemperatureInternal:
      if (!s.temperature_c) s.temperature_c = number_within(content, -100, 100);
      break;
    default: break;
  }
}

// ---- bext ------------------------------------------------------------------------------------

/// Date and time of ten and eight letters, with any separators.
std::optional<CivilTime> read_bext_time(std::string_view date, std::string_view clock) {
  constexpr std::string_view kSeparators = "-_: ./";
  TextScan day(date);
  TextScan time(clock);
  CivilTime t;
  const auto take = [&](TextScan& in, std::size_t n, bool has_separator, int& value) {
    const auto digits = in.digits(n, n);
    if (!digits) return false;
    value = *digits;
    return !has_separator || in.any_of(kSeparators).has_value();
  };
  if (take(day, 4, true, t.year) && take(day, 2, true, t.month) && take(day, 2, false, t.day) &&
      take(time, 2, true, t.hour) && take(time, 2, true, t.minute) &&
      take(time, 2, false, t.second))
    return t;
  return std::nullopt;
}

/// The time reference counts samples since midnight, finer than the clock's seconds. It is used for that only.
void refine_by_reference(std::uint64_t reference, double rate_hz, FieldTime& start) {
  constexpr std::int64_t kDayUs = 86'400'000'000;
  if (reference == 0 || rate_hz <= 0) return;
  const double since_midnight_us = static_cast<double>(reference) * 1e6 / rate_hz;
  if (since_midnight_us >= static_cast<double>(kDayUs)) return;
  const std::int64_t midnight_us = start.wall_us / kDayUs * kDayUs;
  const std::int64_t fine_us = midnight_us + static_cast<std::int64_t>(since_midnight_us);
  if (fine_us >= start.wall_us && fine_us - start.wall_us < 1'000'000) start.wall_us = fine_us;
}

// ---- iXML ------------------------------------------------------------------------------------

/// The text of the first element of this name. No more of XML is understood, and no more is needed.
std::optional<std::string> element_of(std::string_view xml, std::string_view name) {
  TextScan in(xml);
  if (!in.find(fmt::format("<{}>", name))) return std::nullopt;
  const std::size_t end = in.rest().find("</");
  if (end == std::string_view::npos) return std::nullopt;
  std::string text(trimmed(in.rest().substr(0, std::min(end, kTextBytesMax))));
  for (const auto& [escape, letter] :
       {std::pair("&lt;", "<"), {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}})
    for (std::size_t at = 0; (at = text.find(escape, at)) != std::string::npos; ++at)
      text.replace(at, std::strlen(escape), letter);
  return text_of(text);
}

std::optional<RecorderStatement> if_any(RecorderStatement statement) {
  if (!says_anything(statement)) return std::nullopt;
  return statement;
}

}  // namespace

bool says_anything(const RecorderStatement& s) {
  return s.start || s.latitude_deg || s.elevation_m || s.gain || s.temperature_c || s.battery_v ||
         s.make || s.model || s.serial || s.firmware || s.deployment || s.sample_rate_hz ||
         s.time_expansion || s.comment;
}

bool set_position(RecorderStatement& statement, double latitude, double longitude) {
  const bool is_fix = latitude != 0 || longitude != 0;
  if (!is_fix || std::abs(latitude) > 90 || std::abs(longitude) > 180) return false;
  statement.latitude_deg = latitude;
  statement.longitude_deg = longitude;
  return true;
}

std::optional<RecorderStatement> parse_guano(std::string_view content) {
  content = content.substr(0, content.find('\0'));
  if (content.find("GUANO|Version") == std::string_view::npos) return std::nullopt;
  RecorderStatement statement{.source = "guano"};
  while (!content.empty()) {
    const std::string_view line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(line.size() + 1, content.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    read_guano_field(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)), statement);
  }
  return if_any(std::move(statement));
}

std::optional<RecorderStatement> parse_wamd(std::string_view content) {
  constexpr std::size_t kHeadBytes = 6;
  RecorderStatement statement{.source = "wamd"};
  while (content.size() >= kHeadBytes) {
    const auto id = number_at<std::uint16_t>(content, 0);
    const auto size = number_at<std::uint32_t>(content, 2);
    content.remove_prefix(kHeadBytes);
    if (size > content.size()) break;
    read_wamd_field(id, content.substr(0, size), statement);
    content.remove_prefix(size);
  }
  std::optional<RecorderStatement> said = if_any(std::move(statement));
  if (said) said->make = "Wildlife Acoustics";  // Nobody else writes this chunk.
  return said;
}

std::optional<RecorderStatement> parse_bext(std::string_view content, double rate_hz) {
  // EBU Tech 3285: description 256, originator 32, its reference 32, date 10, time 8, time reference 8.
  constexpr std::size_t kOriginator = 256, kDate = 320, kTime = 330, kReference = 338, kEnd = 346;
  if (content.size() < kEnd) return std::nullopt;
  const auto field = [&](std::size_t offset, std::size_t size) {
    const std::string_view text = content.substr(offset, size);
    return text.substr(0, text.find('\0'));
  };
  RecorderStatement statement{.source = "bext"};
  statement.comment = text_of(field(0, kOriginator));
  const auto civil = read_bext_time(field(kDate, 10), field(kTime, 8));
  if (const auto wall_us = civil ? wall_us_of(*civil) : std::nullopt) {
    statement.start = FieldTime{*wall_us, std::nullopt};
    refine_by_reference(number_at<std::uint64_t>(content, kReference), rate_hz, *statement.start);
  }
  return if_any(std::move(statement));
}

std::optional<RecorderStatement> parse_ixml(std::string_view content) {
  if (content.find("<BWFXML>") == std::string_view::npos) return std::nullopt;
  RecorderStatement statement{.source = "ixml"};
  const auto text = [&](std::string_view name) { return element_of(content, name); };
  const auto civil = read_bext_time(text("BWF_ORIGINATION_DATE").value_or(""),
                                    text("BWF_ORIGINATION_TIME").value_or(""));
  if (const auto wall_us = civil ? wall_us_of(*civil) : std::nullopt)
    statement.start = FieldTime{*wall_us, std::nullopt};
  read_position(text("LOCATION_GPS").value_or(""), statement);
  statement.elevation_m = number_within(text("LOCATION_ALTITUDE").value_or(""), -12'000, 9000);
  statement.sample_rate_hz = number_within(text("FILE_SAMPLE_RATE").value_or(""), 1, 1e8);
  statement.comment = text("NOTE");
  return if_any(std::move(statement));
}

}  // namespace baleen::audio
