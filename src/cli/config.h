#pragma once

/// Settings, from the strongest: command-line flag, environment, baleen.toml, default.
///
/// Every key is listed in one table (config.cc) with its type, default and meaning; docs/configuration.md
/// is made from it. `worker.executors` is BALEEN_WORKER_EXECUTORS in the environment.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace baleen::cli {

struct ConfigKey {
  std::string_view name;
  std::string_view environment;  ///< An older name of the variable that is accepted as well, or "".
  json::value fallback;
  std::string_view meaning;
  double min = 0;  ///< Of a number, or of each number of a list.
};
[[nodiscard]] const std::vector<ConfigKey>& config_keys();

/// "BALEEN_WORKER_LEASE_TTL_S, SSIS_LOCK_TTL_SEC": the variables that set a key.
[[nodiscard]] std::string environment_names(const ConfigKey& key);

class Config {
 public:
  Config();
  /// CONFIG_INVALID names the file, the line or key, and what is allowed. A missing file is an error
  /// only if `is_required`.
  [[nodiscard]] static Result<Config> load(const std::filesystem::path& file, bool is_required);

  [[nodiscard]] double number(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::vector<double> numbers(std::string_view key) const;
  /// CONFIG_INVALID, which names `source`, for an unknown name or a value that does not fit.
  [[nodiscard]] Result<void> set(std::string_view key,
                                 const json::value& value,
                                 std::string_view source);
  /// All values by full name, for `doctor` and for the recipes.
  [[nodiscard]] const json::object& values() const { return values_; }

 private:
  [[nodiscard]] Result<void> read_toml(const std::filesystem::path& file);
  [[nodiscard]] Result<void> read_environment();
  json::object values_;
};

}  // namespace baleen::cli
