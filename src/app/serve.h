#pragma once

/// The service, put together: what `api` offers with the recipes, models and checks of this program.

#include "cli/cli.h"
#include "engine/executor_process.h"
#include "engine/queue.h"

namespace baleen {

[[nodiscard]] Result<std::unique_ptr<cli::RunningService>> start_service(
    const cli::ServeOptions& options,
    const cli::Config& config,
    const store::DataRoot& root,
    const engine::QueueOptions& queue_options,
    const engine::ExecutorCommand& executor,
    const cli::Program& program);

}  // namespace baleen
