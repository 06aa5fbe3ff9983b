// What recorders write: the first byte says in which language.
#include <cmath>

#include "audio/recorder_statements.h"
#include "core/json.h"
#include "fuzz/input.h"

using namespace baleen;
using audio::RecorderStatement;

namespace {

void check_text(const std::optional<std::string>& text) {
  if (text) BALEEN_CHECK(core::valid_utf8(*text) == *text);
}

void check(const RecorderStatement& said) {
  BALEEN_CHECK(!said.source.empty());
  if (said.start) {
    BALEEN_CHECK(said.start->wall_us > 0);
    BALEEN_CHECK(!said.start->utc_offset_s || audio::is_utc_offset(*said.start->utc_offset_s));
    BALEEN_CHECK(audio::parse_field_time(to_string(*said.start)).has_value());
  }
  BALEEN_CHECK(said.latitude_deg.has_value() == said.longitude_deg.has_value());
  if (said.latitude_deg)
    BALEEN_CHECK(std::abs(*said.latitude_deg) <= 90 && std::abs(*said.longitude_deg) <= 180);
  for (const auto& number : {said.elevation_m, said.temperature_c, said.battery_v,
                             said.sample_rate_hz, said.time_expansion})
    BALEEN_CHECK(std::isfinite(number.value_or(0)));
  for (const auto& text : {said.gain, said.make, said.model, said.serial, said.firmware,
                           said.deployment, said.comment})
    check_text(text);
}

void check(const std::optional<RecorderStatement>& said) {
  if (said) check(*said);
}

void read_file(std::string_view bytes) {
  static fuzz::MemoryFile file;
  file.set(bytes);
  const Result<audio::RecorderStatements> all = audio::read_recorder_statements(file.path());
  BALEEN_CHECK(all.ok());
  for (const RecorderStatement& said : all->statements) check(said);
  const audio::RecorderMetadata metadata = audio::merge_statements(*all, {.utc_offset_s = 3600});
  BALEEN_CHECK(metadata.start.has_value() == metadata.start_utc_us.has_value());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto language = input.number<std::uint8_t>();
  const std::string_view rest = input.rest();
  switch (language) {
    case 0: read_file(rest); break;
    case 1: check(audio::parse_guano(rest)); break;
    case 2: check(audio::parse_wamd(rest)); break;
    case 3: check(audio::parse_audiomoth_comment(rest)); break;
    case 4: check(audio::parse_opensoundscape(rest)); break;
    case 5: check(audio::parse_bext(rest, 48'000)); break;
    case 6: check(audio::parse_ixml(rest)); break;
    case 7: check(audio::parse_recorder_name(rest)); break;
    default:
      for (const RecorderStatement& said :
           audio::parse_tags({{"comment", std::string(rest)}, {"artist", std::string(rest)}}))
        check(said);
  }
  return 0;
}
