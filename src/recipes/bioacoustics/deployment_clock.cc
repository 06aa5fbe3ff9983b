#include "recipes/bioacoustics/deployment_clock.h"

#include <string>
#include <vector>

#include "audio/field_time.h"
#include "core/clock.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

/// What a clock in that zone shows; nothing if it cannot be said.
std::optional<std::int64_t> wall_in(const json::value* value, std::optional<int> utc_offset_s) {
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const auto time = audio::parse_field_time(std::string(value->get_string()));
  if (!time || time->utc_offset_s.has_value() != utc_offset_s.has_value()) return std::nullopt;
  if (!utc_offset_s) return time->wall_us;
  return time->wall_us + kSecondUs * (*utc_offset_s - *time->utc_offset_s);
}

}  // namespace

Result<std::optional<audio::ClockCorrection>> clock_of(const json::object& metadata,
                                                       std::optional<int> utc_offset_s) {
  const json::object& tags = core::get_object(metadata, "tag_data");
  if (!tags.contains("clock_sync")) return std::optional<audio::ClockCorrection>();
  std::vector<audio::ClockPoint> points;
  for (const json::value& one : core::get_array(tags, "clock_sync")) {
    const json::object point = one.is_object() ? one.get_object() : json::object();
    const auto recorder_us = wall_in(point.if_contains("recorder"), utc_offset_s);
    const auto true_us = wall_in(point.if_contains("true"), utc_offset_s);
    if (!recorder_us || !true_us) {
      return fail(
          ErrorCode::invalid_argument,
          "tag_data.clock_sync: {} is no comparison of clocks such as "
          "{{\"recorder\": \"2019-05-22T06:00:00{}\", \"true\": \"2019-05-22T05:59:58{}\"}}; the "
          "recording's own start is {} a zone, so must these be",
          core::to_json(one), utc_offset_s ? "Z" : "", utc_offset_s ? "Z" : "",
          utc_offset_s ? "with" : "without");
    }
    points.push_back({*recorder_us, *true_us});
  }
  BALEEN_ASSIGN_OR_RETURN(const audio::ClockCorrection clock,
                          audio::ClockCorrection::create(points));
  return std::optional(clock);
}

Result<json::object> in_true_time(json::object description, const json::object& metadata) {
  auto start = audio::parse_field_time(core::get_string(description, "start_local"));
  if (!start) return description;
  BALEEN_ASSIGN_OR_RETURN(const auto clock, clock_of(metadata, start->utc_offset_s));
  if (!clock) return description;
  start->wall_us = clock->to_true_us(start->wall_us);
  description["start_local"] = audio::to_string(*start);
  if (const auto utc_us = start->utc_us()) description["start_utc"] = core::rfc3339(*utc_us);
  return description;
}

}  // namespace baleen::bioacoustics
