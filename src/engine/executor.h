#pragma once

/// The executor: a child process of the supervisor in which stages run, one request at a time.
///
/// It never sees the database. It is told what to read and which temporary names to write; it keeps the
/// models and decoders loaded, forks a sandboxed cell for the work itself (cell.h), hashes what the cell
/// has made and says so; the supervisor publishes. It dies with its supervisor, a cell dies with its
/// executor, and a crash in either costs one attempt and nothing else.

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/file.h"
#include "engine/cell.h"
#include "engine/recipe.h"

namespace baleen::engine {

/// Looks at an ingested file without trusting it: {container, codec, duration_s, sample_rate_hz, channels}.
struct Probe {
  /// Loads what `look` needs; called outside the sandbox, before the first look.
  std::function<Result<void>()> warm_up = [] { return Result<void>(); };
  std::function<Result<json::object>(const std::filesystem::path&)> look;
};

/// Makes a file for people out of an ingested one: a picture of it, a stretch to listen to. The engine knows nothing of
/// what it shows; it sees to it that the one file is read and nothing but the output is written.
struct Rendering {
  /// Loads what `make` needs; called outside the sandbox, before the first rendering of this kind.
  std::function<Result<void>()> warm_up = [] { return Result<void>(); };
  /// Writes `output`, whole, and says about it what the asker may want to know.
  std::function<Result<json::object>(const std::filesystem::path& path,
                                     const json::object& params,
                                     const std::filesystem::path& output)>
      make;
};
/// By kind.
using Renderings = std::map<std::string, Rendering, std::less<>>;

struct ExecutorOptions {
  SandboxMode sandbox = SandboxMode::required;
  std::filesystem::path
      work_directory;  ///< Below the data root: the only place where anything is written.
  std::int64_t memory_bytes_max = 0;  ///< Address space; 0: unbounded.
  std::int64_t file_bytes_max = 0;    ///< Of one file that a cell writes; 0: unbounded.
  int niceness = 0;                   ///< 0 to 19.
};

/// Serves requests on `socket` until the other end closes. Returns the exit status of the process.
[[nodiscard]] int run_executor(const core::Fd& socket,
                               const ExecutorOptions& options,
                               const RecipeRegistry& recipes,
                               const Probe& probe,
                               const Renderings& renderings = {});

/// For an executor that could not begin: answers the first request with the reason, so that the user hears of that
/// and not of an executor that died. Returns the exit status of the process.
[[nodiscard]] int refuse_work(const core::Fd& socket, const Error& reason);

/// To be called first in an executor, after its own files are read: it dies with its parent, drops core
/// dumps and privileges, bounds its address space, is as nice as is asked, has no network and writes
/// nowhere but in the work directory (which is made if it is not there).
[[nodiscard]] Result<void> confine_executor(const ExecutorOptions& options);

}  // namespace baleen::engine
