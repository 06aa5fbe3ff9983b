// Comparisons of recorders' clocks, as people wrote them: a correction that never goes back and is exact where it was
// compared, or INVALID_ARGUMENT; a description in true time keeps its form.
#include "audio/field_time.h"
#include "core/json.h"
#include "fuzz/input.h"
#include "recipes/bioacoustics/deployment_clock.h"

using namespace baleen;

namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;

void check(const audio::ClockCorrection& clock, std::int64_t begin_us) {
  std::int64_t before = clock.to_true_us(begin_us);
  for (int hour = 1; hour <= 48; ++hour) {
    const std::int64_t recorder_us = begin_us + hour * kHourUs;
    const std::int64_t now = clock.to_true_us(recorder_us);
    BALEEN_CHECK(now > before);
    const std::int64_t back = clock.to_recorder_us(now);
    BALEEN_CHECK(back >= recorder_us - 1 && back <= recorder_us + 1);
    const double drift_ppm = clock.drift_ppm(recorder_us);
    BALEEN_CHECK(drift_ppm >= -audio::ClockCorrection::kDriftPpmMax &&
                 drift_ppm <= audio::ClockCorrection::kDriftPpmMax);
    before = now;
  }
}

/// A comparison that was taken is exact.
void check_points(const audio::ClockCorrection& clock, const json::object& metadata) {
  for (const json::value& one :
       core::get_array(core::get_object(metadata, "tag_data"), "clock_sync")) {
    const auto recorder = audio::parse_field_time(core::get_string(one.get_object(), "recorder"));
    const auto truth = audio::parse_field_time(core::get_string(one.get_object(), "true"));
    BALEEN_CHECK(recorder && truth);
    const auto us = [](const audio::FieldTime& time) {
      return time.utc_us().value_or(time.wall_us);
    };
    BALEEN_CHECK(clock.to_true_us(us(*recorder)) == us(*truth));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<json::value> input = core::parse_json(fuzz::text_of(data, size), "input");
  if (!input.ok() || !input->is_object()) return 0;
  const json::object& metadata = core::get_object(input->get_object(), "metadata");
  const json::object& recording = core::get_object(input->get_object(), "recording");
  constexpr std::int64_t kBeginUs = 1'558'504'800'000'000;  // 2019-05-22T06:00:00Z
  for (const std::optional<int> utc_offset_s : {std::optional<int>(), std::optional<int>(0)}) {
    const auto clock = bioacoustics::clock_of(metadata, utc_offset_s);
    BALEEN_CHECK(fuzz::is_value_or(clock, {ErrorCode::invalid_argument}));
    if (!clock.ok() || !*clock) continue;
    check(**clock, kBeginUs);
    check_points(**clock, metadata);
  }
  const Result<json::object> corrected = bioacoustics::in_true_time(recording, metadata);
  BALEEN_CHECK(fuzz::is_value_or(corrected, {ErrorCode::invalid_argument}));
  if (!corrected.ok()) return 0;
  const auto start = audio::parse_field_time(core::get_string(recording, "start_local"));
  if (!start) BALEEN_CHECK(*corrected == recording);
  BALEEN_CHECK(core::get_string(*corrected, "start_local").empty() ==
               core::get_string(recording, "start_local").empty());
  return 0;
}
