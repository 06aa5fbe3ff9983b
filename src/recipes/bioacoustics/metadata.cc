#include "recipes/bioacoustics/metadata.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "audio/field_time.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::size_t kHours = 24;

/// The value at a dotted path, or null.
const json::value* find(const json::object& object, std::string_view path) {
  const std::size_t dot = path.find('.');
  const std::string_view head = path.substr(0, dot);
  const json::value* value = object.if_contains({head.data(), head.size()});
  if (value == nullptr || dot == std::string_view::npos) return value;
  return value->is_object() ? find(value->get_object(), path.substr(dot + 1)) : nullptr;
}

bool is_any_of(const json::value& found, const json::value& asked) {
  if (asked.is_array()) {
    return std::any_of(asked.get_array().begin(), asked.get_array().end(),
                       [&](const json::value& one) { return is_any_of(found, one); });
  }
  if (found.is_array()) {
    return std::any_of(found.get_array().begin(), found.get_array().end(),
                       [&](const json::value& one) { return is_any_of(one, asked); });
  }
  return found == asked;
}

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : core::to_json(value);
}

/// Calls `visit(path, text)` for every plain value below.
template <typename Visit>
void for_each_value(const std::string& path, const json::value& value, const Visit& visit) {
  if (value.is_object()) {
    for (const auto& member : value.get_object())
      for_each_value((path.empty() ? "" : path + ".") + std::string(member.key()), member.value(),
                     visit);
  } else if (value.is_array()) {
    for (const json::value& one : value.get_array()) for_each_value(path, one, visit);
  } else if (!value.is_null()) {
    visit(path, text_of(value));
  }
}

}  // namespace

bool matches(const json::object& metadata, const json::object& where) {
  return std::all_of(where.begin(), where.end(), [&](const auto& condition) {
    const json::value* found = find(metadata, {condition.key().data(), condition.key().size()});
    return found != nullptr && is_any_of(*found, condition.value());
  });
}

Result<void> check_where(const json::object& where) {
  for (const auto& condition : where) {
    if (condition.key().empty() || condition.value().is_object()) {
      return fail(ErrorCode::invalid_argument,
                  "a filter is a path and a plain value, as in \"tag_data.species\": \"humpback\"; "
                  "'{}' is not",
                  std::string(condition.key()));
    }
  }
  return {};
}

void MetadataSummary::add(const RecordingFacts& recording, double offset_s) {
  const auto start = audio::parse_field_time(recording.start_local);
  if (!start) return add(recording, 1, {});
  std::array<std::int64_t, kHours> hours{};
  const std::int64_t at_us = start->wall_us + std::llround(offset_s * 1e6);
  ++hours[static_cast<std::size_t>((at_us / kHourUs) % kHours)];
  add(recording, 1, hours);
}

void MetadataSummary::add(const RecordingFacts& recording,
                          std::int64_t n_windows,
                          std::span<const std::int64_t> hours) {
  recordings_[recording.asset_id] += n_windows;
  if (!hours.empty()) hours_.resize(kHours);
  for (std::size_t hour = 0; hour < hours.size(); ++hour) hours_[hour] += hours[hour];
  for_each_value("", recording.metadata, [&](const std::string& path, const std::string& text) {
    values_[path][text] += n_windows;
  });
}

json::object MetadataSummary::to_json() const {
  json::object values;
  for (const auto& [path, counts] : values_) {
    std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    json::object of_path;
    std::int64_t n_others = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (i < kValuesMax)
        of_path[sorted[i].first] = sorted[i].second;
      else
        n_others += sorted[i].second;
    }
    if (n_others > 0) of_path["(others)"] = n_others;
    values[path] = std::move(of_path);
  }
  json::value hours = nullptr;
  if (!hours_.empty()) hours = json::array(hours_.begin(), hours_.end());
  return {{"recordings", static_cast<std::int64_t>(recordings_.size())},
          {"hours", std::move(hours)},
          {"values", std::move(values)}};
}

}  // namespace baleen::bioacoustics
