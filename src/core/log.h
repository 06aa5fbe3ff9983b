#pragma once

/// The log: one JSON object a line, in `logs/baleen.jsonl` below the data directory (rotated at
/// 16 MiB, four kept), and warnings in words on standard error. Thread-safe.

#include <filesystem>
#include <string_view>

#include "core/json.h"

namespace baleen::core {

enum class LogLevel { debug, info, warning, error };

/// Opens the log file; without this call, log lines go to standard error from `warning` up.
void open_log(const std::filesystem::path& directory);

/// One event. `fields` are added to time, level, pid and message.
void log(LogLevel level, std::string_view message, const json::object& fields = {});

}  // namespace baleen::core
