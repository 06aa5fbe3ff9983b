#pragma once

/// Settings of the service that an admin may change while it runs. They lie in the database and count at once; what
/// workers and recipes need is in baleen.toml.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "store/database.h"

namespace baleen::ops {

struct SettingSpec {
  std::string_view name;
  std::string_view unit;
  std::int64_t fallback = 0;
  std::int64_t minimum = 0, maximum = 0;
  std::string_view description;
};
[[nodiscard]] const std::vector<SettingSpec>& setting_specs();

class SettingStore {
 public:
  explicit SettingStore(store::Database& database) : database_(database) {}

  /// The value that counts. The name must be in the table.
  [[nodiscard]] Result<std::int64_t> get(std::string_view name);
  /// [{name, value, unit, default, minimum, maximum, description, source: default|database, is_editable}]
  [[nodiscard]] Result<json::array> list();
  /// All of them or none. Null gives a setting its default back. INVALID_ARGUMENT names what is wrong.
  [[nodiscard]] Result<void> change(const json::object& values);

 private:
  store::Database& database_;
};

}  // namespace baleen::ops
