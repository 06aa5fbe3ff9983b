#pragma once

/// The executor: a child process in which stage code runs, one request at a time.
///
/// It never sees the database. It is told what to read and which temporary names to write, hashes
/// what the stage made and says so; the supervisor publishes. It dies with its supervisor, and a
/// crash here costs one attempt and nothing else.

#include <filesystem>
#include <functional>

#include "core/file.h"
#include "engine/recipe.h"

namespace baleen::engine {

/// Looks at an ingested file without trusting it: {container, codec, duration_s, sample_rate_hz, channels}.
using ProbeFn = std::function<Result<json::object>(const std::filesystem::path&)>;

/// Serves requests on `socket` until the other end closes. Returns the exit status of the process.
[[nodiscard]] int run_executor(const core::Fd& socket,
                               const RecipeRegistry& recipes,
                               const ProbeFn& probe);

/// To be called first in an executor: dies with its parent, drops core dumps and privileges, bounds
/// its address space (0: unbounded), and is as nice as is asked (0 to 19).
void confine_executor(std::int64_t memory_bytes_max, int niceness);

}  // namespace baleen::engine
