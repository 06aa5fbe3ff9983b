#pragma once

/// A cell: the child in which one piece of foreign work is done, and which ends with it.
///
/// The executor keeps what is expensive (models, decoders) and looks at nothing foreign itself. For each
/// task it forks a cell, which inherits all that in the state it is in, gives up every right but those to
/// the files of its task, works, says what it made and is gone; whatever a hostile recording did to it is
/// gone too. What it says is not believed beyond what its task allows (executor.cc).

#include <filesystem>
#include <functional>
#include <vector>

#include "core/json.h"
#include "engine/sandbox.h"
#include "engine/stage.h"

namespace baleen::engine {

struct CellLimits {
  std::int64_t file_bytes_max = 0;  ///< Of one file; 0: no limit.
};

struct CellResult {
  json::object answer;
  double cpu_s = 0;
  std::int64_t peak_rss_bytes = 0;
};

/// What is done in the cell: its answer, or why there is none. `progress` is for the thread that it is called in.
using CellWork = std::function<Result<json::object>(const ProgressFn& progress)>;

/// Forks, confines the child to `view`, runs `work` there, hands its progress on, and waits for its end.
/// Errors: those of `work`; SANDBOX_VIOLATION for a forbidden system call; WORKER_ERROR if it dies.
/// The calling process must have no other threads. A death in a failpoint ends this process likewise.
[[nodiscard]] Result<CellResult> run_in_cell(const CellSandbox& sandbox,
                                             const CellLimits& limits,
                                             const FileView& view,
                                             const CellWork& work,
                                             const ProgressFn& progress);

}  // namespace baleen::engine
