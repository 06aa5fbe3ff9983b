#pragma once

/// The log of a run: what the database and the log files know of it, in the order in which it happened.

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::engine {

inline constexpr std::size_t kRunLogLinesMax = 5000;

/// One line each for events, attempts with their errors, and lines of the log files that name the run: "TIME LEVEL
/// STAGE what". The newest kRunLogLinesMax of them, oldest first. NOT_FOUND for an unknown run.
[[nodiscard]] Result<std::string> run_log(store::Database& database,
                                          const store::DataRoot& root,
                                          std::string_view run_id,
                                          std::optional<std::int64_t> task_id);

}  // namespace baleen::engine
