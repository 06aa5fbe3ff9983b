#include "core/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "core/clock.h"
#include "core/file.h"

namespace baleen::core {
namespace {

constexpr std::size_t kLogBytesMax = std::size_t{16} << 20U;
constexpr std::size_t kLogFilesMax = 4;

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance;
  return instance;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "error";
}

}  // namespace

void open_log(const std::filesystem::path& directory) {
  if (Result<void> made = make_directories(directory); !made.ok()) {
    std::fprintf(stderr, "baleen: no log file: %s\n", made.error().message.c_str());
    return;
  }
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        (directory / "baleen.jsonl").string(), kLogBytesMax, kLogFilesMax);
    auto opened = std::make_shared<spdlog::logger>("baleen", std::move(sink));
    opened->set_pattern("%v");
    opened->set_level(spdlog::level::trace);
    opened->flush_on(spdlog::level::trace);
    logger() = std::move(opened);
  } catch (const spdlog::spdlog_ex& error) {
    std::fprintf(stderr, "baleen: no log file: %s\n", error.what());
  }
}

void log(LogLevel level, std::string_view message, const json::object& fields) {
  if (logger() == nullptr) {
    if (level < LogLevel::warning) return;
    std::fprintf(stderr, "baleen: %s: %.*s %s\n", std::string(name_of(level)).c_str(),
                 static_cast<int>(message.size()), message.data(),
                 fields.empty() ? "" : to_json(fields).c_str());
    return;
  }
  json::object line;
  line["time"] = rfc3339(system_clock().now_us());
  line["level"] = json::string_view(name_of(level).data(), name_of(level).size());
  line["pid"] = ::getpid();
  line["message"] = json::string_view(message.data(), message.size());
  for (const json::key_value_pair& field : fields) line[field.key()] = field.value();
  logger()->log(spdlog::level::info, "{}", to_json(line));
}

}  // namespace baleen::core
