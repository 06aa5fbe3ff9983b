#include <algorithm>
#include <iterator>

#include "audio/recorder_statements.h"
#include "core/json.h"

// AudioMoth's sentence, opensoundscape's JSON, and the tags in which both are found.

namespace baleen::audio {
namespace {

constexpr std::size_t kTextBytesMax = 4096;
constexpr std::string_view kAudioMoth = "AudioMoth ";

/// "19:00:00 28/05/2018 (UTC+2)". The zone is missing in the first firmware.
std::optional<FieldTime> read_audiomoth_time(TextScan& in) {
  CivilTime t;
  const auto part = [&in](std::size_t n, std::string_view behind, int& value) {
    const auto digits = in.digits(n, n);
    if (!digits || !in.accept(behind)) return false;
    value = *digits;
    return true;
  };
  if (!part(2, ":", t.hour) || !part(2, ":", t.minute) || !part(2, "", t.second))
    return std::nullopt;
  if (in.accept(".")) {
    const auto fraction = in.microseconds();
    if (!fraction) return std::nullopt;
    t.microsecond = *fraction;
  }
  if (!in.accept(" ") || !part(2, "/", t.day) || !part(2, "/", t.month) || !part(4, "", t.year))
    return std::nullopt;
  const std::optional<std::int64_t> wall_us = wall_us_of(t);
  if (!wall_us) return std::nullopt;
  FieldTime time{*wall_us, std::nullopt};
  if (!in.accept(" (UTC")) return time;
  const auto sign = in.any_of("+-");
  const auto hours = sign ? in.digits(1, 2) : std::optional(0);
  const auto minutes = in.accept(":") ? in.digits(2, 2) : std::optional(0);
  if (!hours || !minutes || !in.accept(")")) return time;
  const int offset_s = (*hours * 60 + *minutes) * 60 * (sign == '-' ? -1 : 1);
  if (is_utc_offset(offset_s)) time.utc_offset_s = offset_s;
  return time;
}

bool is_hexadecimal(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789ABCDEFabcdef") == std::string_view::npos;
}

std::optional<std::string> read_serial(TextScan in) {
  const std::string_view word = in.rest().substr(0, in.rest().find_first_of(" ,."));
  return word.size() == 16 && is_hexadecimal(word) ? std::optional(std::string(word))
                                                   : std::nullopt;
}

/// "at gain setting 2 while", "at medium gain setting while", "at low-medium gain while".
std::optional<std::string> read_gain(std::string_view text) {
  TextScan in(text);
  if (in.find("at gain setting ")) {
    const auto setting = in.digits(1, 1);
    return setting ? std::optional(std::to_string(*setting)) : std::nullopt;
  }
  for (const char* name : {"low-medium", "medium-high", "low", "medium", "high"})
    if (text.find(fmt::format("at {} gain", name)) != std::string_view::npos) return name;
  return std::nullopt;
}

std::optional<double> read_battery(std::string_view text) {
  TextScan in(text);
  if (!in.find("battery state was ") && !in.find("battery was ")) return std::nullopt;
  const auto volts = in.number();
  return volts && in.accept("V") ? volts : std::nullopt;
}

std::optional<double> read_temperature(std::string_view text) {
  TextScan in(text);
  if (!in.find("temperature was ")) return std::nullopt;
  const auto degrees = in.number();
  return degrees && in.accept("C") ? degrees : std::nullopt;
}

std::optional<double> finite(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_number() ? std::optional(value->to_number<double>())
                                                : std::nullopt;
}

std::optional<std::string> text_in(const json::object& object, std::string_view key) {
  std::string text = core::get_string(object, key).substr(0, kTextBytesMax);
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

bool is_comment(std::string_view name) {
  return name == "comment" || name == "description" || name == "icmt" || name == "ICMT" ||
         name == "comments" || name == "comm";
}
bool is_artist(std::string_view name) {
  return name == "artist" || name == "IART" || name == "iart" || name == "encoded_by";
}

/// What the plain tags say: "AudioMoth 24526B065D325963" as the artist, and a comment.
RecorderStatement plain_statement(const std::vector<std::pair<std::string, std::string>>& tags) {
  RecorderStatement statement{.source = "tags"};
  for (const auto& [name, value] : tags) {
    if (is_artist(name) && value.starts_with(kAudioMoth)) {
      statement.model = "AudioMoth";
      statement.serial = read_serial(TextScan(std::string_view(value).substr(kAudioMoth.size())));
    }
    const bool is_text = is_comment(name) && !value.empty() && !value.starts_with("opso_metadata");
    if (is_text && !statement.comment)
      statement.comment = core::valid_utf8(std::string_view(value).substr(0, kTextBytesMax));
    if (name == "make" && !value.empty()) statement.make = core::valid_utf8(value);
    if (name == "model" && !value.empty()) statement.model = core::valid_utf8(value);
  }
  return statement;
}

}  // namespace

std::optional<RecorderStatement> parse_audiomoth_comment(std::string_view text) {
  text = text.substr(0, kTextBytesMax);
  TextScan in(text);
  if (!in.find("Recorded at ")) return std::nullopt;
  RecorderStatement statement{.source = "audiomoth"};
  statement.start = read_audiomoth_time(in);
  if (!statement.start) return std::nullopt;
  TextScan by = in;
  if (by.find("by AudioMoth ")) statement.serial = read_serial(by);
  TextScan during = in;
  if (during.find("during deployment ")) statement.deployment = read_serial(during);
  statement.gain = read_gain(in.rest());
  const bool is_audiomoth = statement.serial || statement.deployment || statement.gain ||
                            text.find("AudioMoth") != std::string_view::npos;
  if (!is_audiomoth) return std::nullopt;  // Somebody's prose.
  statement.model = "AudioMoth";
  statement.battery_v = read_battery(in.rest());
  statement.temperature_c = read_temperature(in.rest());
  statement.comment = core::valid_utf8(text);
  return statement;
}

std::optional<RecorderStatement> parse_opensoundscape(std::string_view text) {
  TextScan in(text);
  if (!in.accept("opso_metadata")) return std::nullopt;
  const Result<json::value> parsed = core::parse_json(in.rest().substr(0, 65'536), "opso_metadata");
  if (!parsed.ok() || !parsed->is_object()) return std::nullopt;
  const json::object& object = parsed->as_object();
  RecorderStatement statement{.source = "opensoundscape"};
  statement.start = parse_field_time(core::get_string(object, "recording_start_time"));
  statement.gain = text_in(object, "gain_setting");
  statement.battery_v = finite(object, "battery_state");
  statement.temperature_c = finite(object, "temperature");
  statement.comment = text_in(object, "comment");
  const auto latitude = finite(object, "latitude");
  const auto longitude = finite(object, "longitude");
  if (latitude && longitude) (void)set_position(statement, *latitude, *longitude);
  const std::string device = core::get_string(object, "device_id");
  if (device.starts_with(kAudioMoth)) {
    statement.model = "AudioMoth";
    statement.serial = read_serial(TextScan(std::string_view(device).substr(kAudioMoth.size())));
  }
  return statement;
}

std::vector<RecorderStatement> parse_tags(
    const std::vector<std::pair<std::string, std::string>>& tags) {
  std::vector<RecorderStatement> guano, audiomoth, opensoundscape;
  for (const auto& [name, value] : tags) {
    if (name == "guano" || name == "guan")
      if (auto statement = parse_guano(value)) guano.push_back(std::move(*statement));
    if (!is_comment(name)) continue;
    if (auto clip = parse_opensoundscape(value)) {
      // The comment that it keeps is the recording's; the clip that was cut out of it may begin later.
      if (auto inner = parse_audiomoth_comment(clip->comment.value_or(""))) {
        inner->start.reset();
        audiomoth.push_back(std::move(*inner));
      }
      opensoundscape.push_back(std::move(*clip));
    } else if (auto statement = parse_audiomoth_comment(value)) {
      audiomoth.push_back(std::move(*statement));
    }
  }
  std::vector<RecorderStatement> statements = std::move(guano);
  for (auto* group : {&audiomoth, &opensoundscape})
    std::move(group->begin(), group->end(), std::back_inserter(statements));
  RecorderStatement plain = plain_statement(tags);
  if (says_anything(plain)) statements.push_back(std::move(plain));
  return statements;
}

}  // namespace baleen::audio
