#include "ops/settings.h"

#include <algorithm>

#include "core/check.h"
#include "core/clock.h"

namespace baleen::ops {
namespace {

const SettingSpec* find_spec(std::string_view name) {
  const auto& specs = setting_specs();
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [&](const SettingSpec& spec) { return spec.name == name; });
  return found == specs.end() ? nullptr : &*found;
}

Result<void> check(const std::string& name, const json::value& value) {
  const SettingSpec* spec = find_spec(name);
  if (spec == nullptr) return fail(ErrorCode::invalid_argument, "there is no setting '{}'", name);
  if (value.is_null()) return {};
  if (!value.is_int64() || value.get_int64() < spec->minimum || value.get_int64() > spec->maximum)
    return fail(ErrorCode::invalid_argument, "{} is a whole number from {} to {} ({})", name,
                spec->minimum, spec->maximum, spec->unit);
  return {};
}

}  // namespace

const std::vector<SettingSpec>& setting_specs() {
  static const std::vector<SettingSpec> specs = {
      {"retention.events_days", "days", 90, 1, 36'500,
       "Events of runs older than this are forgotten; runs, attempts and artifacts are kept."},
      {"uploads.expire_hours", "hours", 24, 1, 24 * 365,
       "An upload that is not finished by then is removed."},
      {"uploads.bytes_max", "bytes", std::int64_t{64} << 30, 1 << 10, std::int64_t{1} << 50,
       "Larger uploads are refused."},
      {"uploads.open_max", "uploads", 100, 1, 100'000,
       "Uploads that one token may have begun and not finished."},
      {"disk.free_bytes_min", "bytes", std::int64_t{1} << 30, 0, std::int64_t{1} << 50,
       "Uploads are refused when less than this would be left free."},
  };
  return specs;
}

Result<std::int64_t> SettingStore::get(std::string_view name) {
  const SettingSpec* spec = find_spec(name);
  BALEEN_CHECK(spec != nullptr);
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database_.query("SELECT value_json FROM settings WHERE name = $1", name));
  if (rows.empty()) return spec->fallback;
  BALEEN_ASSIGN_OR_RETURN(const json::value value, core::parse_json(rows.front().text(0), name));
  return value.is_int64() ? value.get_int64() : spec->fallback;
}

Result<json::array> SettingStore::list() {
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query("SELECT name FROM settings"));
  json::array items;
  for (const SettingSpec& spec : setting_specs()) {
    const bool is_set = std::any_of(
        rows.begin(), rows.end(), [&](const store::Row& row) { return row.text(0) == spec.name; });
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t value, get(spec.name));
    items.push_back({{"name", std::string(spec.name)},
                     {"value", value},
                     {"unit", std::string(spec.unit)},
                     {"default", spec.fallback},
                     {"minimum", spec.minimum},
                     {"maximum", spec.maximum},
                     {"description", std::string(spec.description)},
                     {"source", is_set ? "database" : "default"},
                     {"is_editable", true}});
  }
  return items;
}

Result<void> SettingStore::change(const json::object& values) {
  for (const json::key_value_pair& member : values)
    BALEEN_RETURN_IF_ERROR(check({member.key().data(), member.key().size()}, member.value()));
  return database_.transaction("SETTINGS", [&]() -> Result<void> {
    for (const json::key_value_pair& member : values) {
      const std::string name(member.key().data(), member.key().size());
      if (member.value().is_null()) {
        BALEEN_RETURN_IF_ERROR(database_.execute("DELETE FROM settings WHERE name = $1", name));
        continue;
      }
      BALEEN_RETURN_IF_ERROR(database_.execute(
          "INSERT INTO settings (name, value_json, updated_at_us) VALUES ($1, $2, $3) ON CONFLICT "
          "(name) DO UPDATE SET value_json = excluded.value_json, updated_at_us = "
          "excluded.updated_at_us",
          name, core::to_json(member.value()), core::system_clock().now_us()));
    }
    return {};
  });
}

}  // namespace baleen::ops
