// Settings in baleen.toml and in the environment: in range and of their type, or CONFIG_INVALID.
//
// Before a zero byte: the file. Behind it: lines NAME=VALUE of the environment.
#include "cli/config.h"

#include <cstdlib>
#include <vector>

#include "fuzz/input.h"

using namespace baleen;

namespace {

void check(const cli::Config& config) {
  for (const cli::ConfigKey& key : cli::config_keys()) {
    const auto in_range = [&](double number) { return number >= key.min && number <= 1e12; };
    if (key.fallback.is_int64())
      BALEEN_CHECK(in_range(static_cast<double>(config.integer(key.name))));
    if (key.fallback.is_double()) BALEEN_CHECK(in_range(config.number(key.name)));
    for (const double number : config.numbers(key.name)) BALEEN_CHECK(in_range(number));
    (void)config.text(key.name);
  }
  BALEEN_CHECK(config.values().size() == cli::config_keys().size());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::Input input(data, size);
  file.set(input.until('\0'));
  std::vector<std::string> names;
  while (!input.is_empty()) {
    const std::string name = "BALEEN_" + std::string(input.until('='));
    const std::string value(input.until('\n'));
    if (name.find('\0') != std::string::npos || name.starts_with("BALEEN_FUZZ")) continue;
    ::setenv(name.c_str(), value.c_str(), 1);
    names.push_back(name);
  }
  const Result<cli::Config> config = cli::Config::load(file.path(), true);
  for (const std::string& name : names) ::unsetenv(name.c_str());
  BALEEN_CHECK(fuzz::is_value_or(config, {ErrorCode::config_invalid}));
  if (config.ok()) check(*config);
  return 0;
}
