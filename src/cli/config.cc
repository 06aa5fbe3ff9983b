#include "cli/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "cli/text.h"
#include "core/check.h"
#include "core/file.h"
#include "core/process.h"

namespace baleen::cli {
namespace {

constexpr double kNumberMax =
    1e12;  // Larger than any sensible setting; not a number is not within it.

std::string environment_name(std::string_view key) {
  std::string name(key);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return c == '.' ? '_' : static_cast<char>(std::toupper(c));
  });
  return name;
}

Result<json::value> to_json(const toml::node& node, std::string_view key) {
  if (const auto number = node.as_integer()) return json::value(number->get());
  if (const auto number = node.as_floating_point()) return json::value(number->get());
  if (const auto text = node.as_string()) return json::value(text->get());
  if (const auto flag = node.as_boolean()) return json::value(flag->get());
  if (const auto list = node.as_array()) {
    json::array array;
    for (const toml::node& element : *list) {
      BALEEN_ASSIGN_OR_RETURN(json::value value, to_json(element, key));
      array.push_back(std::move(value));
    }
    return json::value(std::move(array));
  }
  return fail(ErrorCode::config_invalid, "{}: dates and tables are not allowed here", key);
}

/// The text of an environment variable as a value of the fallback's type.
Result<json::value> parse_as(const json::value& fallback,
                             const std::string& text,
                             std::string_view name) {
  if (fallback.is_string()) return json::value(text);
  if (fallback.is_array()) {
    json::array numbers;
    for (const std::string& part : split(text, ',')) {
      BALEEN_ASSIGN_OR_RETURN(json::value number, parse_as(json::value(0.0), part, name));
      numbers.push_back(std::move(number));
    }
    return json::value(std::move(numbers));
  }
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0')
    return fail(ErrorCode::config_invalid, "{}: '{}' is not a number", name, text);
  if (!fallback.is_int64()) return json::value(number);
  if (!(std::abs(number) <= kNumberMax) || number != std::floor(number))
    return fail(ErrorCode::config_invalid, "{}: '{}' is not a whole number", name, text);
  return json::value(static_cast<std::int64_t>(number));
}

bool is_within(const json::value& value, double min) {
  if (value.is_array()) {
    return std::all_of(value.get_array().begin(), value.get_array().end(),
                       [&](const json::value& element) { return is_within(element, min); });
  }
  if (!value.is_number()) return true;
  const auto number = value.to_number<double>();
  return number >= min && number <= kNumberMax;
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = {
      {"worker.executors", "", 0,
       "Stages run at once, each in a process of its own; 0: one per processor. Clustering "
       "computes in as many threads as there are of them that have nothing to do when it "
       "starts."},
      {"worker.lease_ttl_s", "LOCK_TTL_SEC", 600.0,
       "After this many seconds without a heartbeat another host may take a task over.", 1},
      {"worker.stall_timeout_s", "", 300.0,
       "A stage that reports no progress for this long is stopped and tried again.", 1},
      {"worker.attempts_max", "", 3, "Attempts before a task is given up.", 1},
      {"worker.retry_delays_s", "", json::array{60.0, 300.0, 900.0},
       "Seconds before the second, third, … attempt."},
      {"worker.executor_memory_max_mb", "", 4096, "Address space of one executor; 0: unlimited."},
      {"worker.executor_file_max_mb", "", 65'536,
       "A stage may write no larger file than this; 0: unlimited."},
      {"worker.sandbox", "", "required",
       "required, best-effort or off: whether executors may start where the kernel cannot confine "
       "them (the option --sandbox)."},
      {"worker.task_timeout_s", "", 86'400.0,
       "A stage that works for longer than this is stopped, whatever progress it reports.", 1},
      {"worker.executor_nice", "", 0,
       "Niceness of executors, 0 to 19: with more of it they leave the processor to others."},
      {"decode.min_duration_s", "", 1.7, "Shorter recordings are refused as FILE_TOO_SHORT."},
      {"decode.max_duration_s", "", 0.0,
       "Longer recordings are refused as FILE_TOO_LONG; 0: no limit."},
      {"decode.expansion_max", "", 300.0,
       "After an hour of audio, a file may give this many bytes of normalized.wav for each of its "
       "own "
       "(DECODE_BUDGET_EXCEEDED); 0: no limit."},
      {"decode.chunk_s", "", 60.0, "Seconds of audio between two checkpoints."},
      {"features.embedding", "", "auto",
       "auto, yamnet or builtin; auto takes YAMNet if it is installed."},
      {"segments.model", "", "auto",
       "auto, ina or builtin; auto takes the INA network if it is installed."},
      {"segments.vad", "", "auto",
       "auto or off; auto lets Silero VAD look for quiet speech in gaps if it is installed."},
      {"preview.feature_spec_alias", "ACTIVE_FEATURE_SPEC_ALIAS", "",
       "Feature pack that previews read, if it exists; empty: the default one."},
      {"preview.window_s", "", 60.0, "Length of a preview."},
      {"preview.score_threshold", "", 0.5, "Below this score the intro is taken instead."},
      {"bioacoustics.model", "", "auto",
       "Makes embeddings of recordings where a run names no model: builtin, an installed one, or "
       "auto "
       "(Perch, BirdNET, YAMNet, builtin: the first that is there)."},
      {"bioacoustics.index_windows_min", "", 100'000,
       "Searches among at least so many windows (each recording counts as 100 more) keep an index "
       "on disk and use it; fewer are all compared."},
  };
  return keys;
}

std::string environment_names(const ConfigKey& key) {
  std::string names = "BALEEN_" + environment_name(key.name);
  if (!key.environment.empty()) names += ", SSIS_" + std::string(key.environment);
  return names;
}

Config::Config() {
  for (const ConfigKey& key : config_keys())
    values_[{key.name.data(), key.name.size()}] = key.fallback;
}

Result<Config> Config::load(const std::filesystem::path& file, bool is_required) {
  Config config;
  if (std::filesystem::exists(file)) {
    BALEEN_RETURN_IF_ERROR(config.read_toml(file));
  } else if (is_required) {
    return fail(ErrorCode::file_not_found, "{}: no such configuration file", file.string());
  }
  BALEEN_RETURN_IF_ERROR(config.read_environment());
  return config;
}

Result<void> Config::set(std::string_view name, const json::value& value, std::string_view source) {
  const auto& keys = config_keys();
  const auto key =
      std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& k) { return k.name == name; });
  if (key == keys.end()) {
    std::vector<std::string> names;
    names.reserve(keys.size());
    for (const ConfigKey& known : keys) names.emplace_back(known.name);
    return fail(ErrorCode::config_invalid, "{}: there is no setting '{}'{}", source, name,
                did_you_mean(name, names));
  }
  const bool is_number = value.is_int64() || value.is_double();
  const bool fits = (key->fallback.is_int64() && value.is_int64()) ||
                    (key->fallback.is_double() && is_number) ||
                    (key->fallback.is_string() && value.is_string()) ||
                    (key->fallback.is_array() && value.is_array());
  if (!fits) {
    return fail(ErrorCode::config_invalid, "{}: '{}' must be like {}, not {}", source, name,
                core::to_json(key->fallback), core::to_json(value));
  }
  if (!is_within(value, key->min)) {
    return fail(ErrorCode::config_invalid, "{}: '{}' must be at least {}, not {}", source, name,
                key->min, core::to_json(value));
  }
  values_[{name.data(), name.size()}] =
      key->fallback.is_double() ? json::value(value.to_number<double>()) : value;
  return {};
}

Result<void> Config::read_toml(const std::filesystem::path& file) {
  BALEEN_ASSIGN_OR_RETURN(const std::string text, core::read_text_file(file));
  try {
    const toml::table table = toml::parse(text, file.string());
    for (const auto& [section, node] : table) {
      const toml::table* entries = node.as_table();
      if (entries == nullptr) {
        return fail(ErrorCode::config_invalid, "{}: '{}' stands outside of a [section]",
                    file.string(), std::string(section.str()));
      }
      for (const auto& [key, entry] : *entries) {
        const std::string name = std::string(section.str()) + "." + std::string(key.str());
        BALEEN_ASSIGN_OR_RETURN(const json::value value, to_json(entry, name));
        BALEEN_RETURN_IF_ERROR(set(name, value, file.string()));
      }
    }
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::config_invalid, "{}:{}: {}", file.string(), error.source().begin.line,
                error.description());
  }
  return {};
}

Result<void> Config::read_environment() {
  for (const ConfigKey& key : config_keys()) {
    for (const std::string& name : {environment_name(key.name), std::string(key.environment)}) {
      const std::string text = name.empty() ? "" : core::environment(name);
      if (text.empty()) continue;
      BALEEN_ASSIGN_OR_RETURN(const json::value value,
                              parse_as(key.fallback, text, "BALEEN_" + name));
      BALEEN_RETURN_IF_ERROR(set(key.name, value, "BALEEN_" + name));
      break;
    }
  }
  return {};
}

double Config::number(std::string_view key) const {
  return values_.at({key.data(), key.size()}).to_number<double>();
}

std::int64_t Config::integer(std::string_view key) const {
  return values_.at({key.data(), key.size()}).as_int64();
}

std::string Config::text(std::string_view key) const { return core::get_string(values_, key); }

std::vector<double> Config::numbers(std::string_view key) const {
  std::vector<double> numbers;
  for (const json::value& value : core::get_array(values_, key)) {
    numbers.push_back(value.is_number() ? value.to_number<double>() : 0);
  }
  return numbers;
}

}  // namespace baleen::cli
