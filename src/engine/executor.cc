#include "engine/executor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <map>
#include <new>
#include <optional>
#include <set>

#include "core/clock.h"
#include "core/process.h"
#include "core/sha256.h"
#include "engine/protocol.h"

namespace baleen::engine {
namespace {

class Executor {
 public:
  Executor(const core::Fd& socket,
           const ExecutorOptions& options,
           CellSandbox sandbox,
           const RecipeRegistry& recipes,
           const Probe& probe,
           const Renderings& renderings)
      : socket_(socket),
        limits_{options.file_bytes_max},
        sandbox_mode_(options.sandbox),
        sandbox_(std::move(sandbox)),
        recipes_(recipes),
        probe_(probe),
        renderings_(renderings) {}

  Result<void> handle(const json::object& message) {
    const std::string op = core::get_string(message, "op");
    Result<json::object> answer =
        op == "run"      ? guarded([&] { return run(StageRequest::from_json(message)); })
        : op == "probe"  ? guarded([&] { return look(core::get_string(message, "path")); })
        : op == "render" ? guarded([&] { return render(message); })
                         : Result<json::object>(fail(ErrorCode::internal, "unknown op '{}'", op));
    if (answer.ok()) (*answer)["type"] = "result";
    return send_message(socket_, answer.ok() ? *answer : error_message(answer.error()));
  }

 private:
  /// The door for exceptions of libraries: nothing thrown while a model is loaded takes the process down.
  static Result<json::object> guarded(const std::function<Result<json::object>()>& work) {
    try {
      return work();
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::model_oom, "out of memory");
    } catch (const std::exception& exception) {
      return fail(ErrorCode::worker_error, "unexpected exception: {}", exception.what());
    }
  }

  Result<json::object> look(const std::filesystem::path& path) {
    if (!is_probe_warm_) {
      BALEEN_RETURN_IF_ERROR(probe_.warm_up());
      is_probe_warm_ = true;
    }
    BALEEN_ASSIGN_OR_RETURN(
        CellResult result,
        run_in_cell(
            sandbox_, limits_, {{path}, {}}, [&](const ProgressFn&) { return probe_.look(path); },
            [](double) {}));
    return std::move(result.answer);
  }

  /// What it writes is below the executor's own work directory, or the kernel refuses it.
  Result<json::object> render(const json::object& message) {
    const std::string kind = core::get_string(message, "kind");
    const auto rendering = renderings_.find(kind);
    if (rendering == renderings_.end())
      return fail(ErrorCode::internal, "no rendering of kind '{}'", kind);
    if (warm_renderings_.insert(kind).second) {
      if (Result<void> warm = rendering->second.warm_up(); !warm.ok()) {
        warm_renderings_.erase(kind);
        return std::move(warm).error();
      }
    }
    const std::filesystem::path path = core::get_string(message, "path");
    const std::filesystem::path output = core::get_string(message, "output");
    BALEEN_RETURN_IF_ERROR(core::make_directories(output.parent_path()));
    BALEEN_ASSIGN_OR_RETURN(CellResult result,
                            run_in_cell(
                                sandbox_, limits_, {{path}, {output.parent_path()}},
                                [&](const ProgressFn&) {
                                  return rendering->second.make(
                                      path, core::get_object(message, "params"), output);
                                },
                                [](double) {}));
    result.answer["cpu_s"] = result.cpu_s;
    return std::move(result.answer);
  }

  struct WarmStage {
    const StageSpec* spec = nullptr;
    std::unique_ptr<Stage> code;
  };
  Result<const WarmStage*> stage(const StageRequest& request) {
    WarmStage& warm = stages_[request.recipe + "/" + request.stage];
    if (warm.code != nullptr) return &warm;
    BALEEN_ASSIGN_OR_RETURN(const Recipe* const recipe, recipes_.find(request.recipe));
    const StageSpec* spec = recipe->find_stage(request.stage);
    if (spec == nullptr)
      return fail(ErrorCode::internal, "no stage '{}/{}'", request.recipe, request.stage);
    warm = {spec, spec->make()};
    return &warm;
  }

  /// That of a stage with threads is made for the first of them.
  Result<const CellSandbox*> sandbox_of(const StageSpec& spec) {
    if (!spec.uses_threads) return &sandbox_;
    if (!threaded_sandbox_) {
      BALEEN_ASSIGN_OR_RETURN(threaded_sandbox_,
                              CellSandbox::create(sandbox_mode_, CellThreads::many));
    }
    return &*threaded_sandbox_;
  }

  Result<json::object> run(StageRequest request) {
    const double begin_s = core::steady_s();
    const double cpu_begin_s = core::process_cpu_s();
    BALEEN_ASSIGN_OR_RETURN(const WarmStage* const warm, stage(request));
    BALEEN_ASSIGN_OR_RETURN(const CellSandbox* const sandbox, sandbox_of(*warm->spec));
    request.n_threads = warm->spec->uses_threads ? std::max(1, request.n_threads) : 1;
    FileView view;
    for (const StageInput& input : request.inputs) view.readable.push_back(input.path);
    BALEEN_RETURN_IF_ERROR(core::make_directories(request.work_directory));
    view.writable_directories.push_back(request.work_directory);
    BALEEN_RETURN_IF_ERROR(warm->code->warm_up(request));
    const CellWork work = [&](const ProgressFn& progress) -> Result<json::object> {
      BALEEN_ASSIGN_OR_RETURN(const StageOutcome outcome, warm->code->run(request, progress));
      return outcome.to_json();
    };
    const ProgressFn hand_on = [&](double fraction) {
      // A supervisor that is gone ends this process by itself; nothing to handle here.
      (void)send_message(socket_, {{"type", "progress"}, {"fraction", fraction}}).ok();
    };
    BALEEN_ASSIGN_OR_RETURN(const CellResult result,
                            run_in_cell(*sandbox, limits_, view, work, hand_on));
    BALEEN_ASSIGN_OR_RETURN(json::object report,
                            check(request, StageOutcome::from_json(result.answer)));
    const double seconds = core::steady_s() - begin_s;
    json::object& metrics = report["metrics"].as_object();
    metrics["seconds"] = seconds;
    metrics["cpu_s"] = result.cpu_s + core::process_cpu_s() - cpu_begin_s;
    if (warm->spec->uses_threads) metrics["threads"] = request.n_threads;
    metrics["executor_peak_rss_bytes"] = std::max(result.peak_rss_bytes, core::peak_rss_bytes());
    report["seconds"] = seconds;
    return report;
  }

  /// What the cell says it made: only files that it was given, with what is in them now.
  static Result<json::object> check(const StageRequest& request, StageOutcome outcome) {
    json::array files;
    for (const ProducedArtifact& artifact : outcome.artifacts) {
      const bool is_its_own =
          std::any_of(request.outputs.begin(), request.outputs.end(), [&](const auto& slot) {
            return slot.type == artifact.type &&
                   (slot.temporary == artifact.temporary || slot.alternative == artifact.temporary);
          });
      if (!is_its_own)
        return fail(ErrorCode::sandbox_violation, "it names a file as its work that is not");
      BALEEN_ASSIGN_OR_RETURN(const std::string sha256, core::sha256_file(artifact.temporary));
      BALEEN_ASSIGN_OR_RETURN(const std::int64_t bytes, core::file_size_bytes(artifact.temporary));
      files.push_back(
          {{"type", artifact.type},
           {"temporary", artifact.temporary.string()},
           {"sha256", sha256},
           {"content_sha256", artifact.content_sha256.empty() ? sha256 : artifact.content_sha256},
           {"document", artifact.document_json},
           {"bytes", bytes}});
    }
    json::array warnings;
    for (const StageWarning& warning : outcome.warnings) {
      warnings.push_back({{"code", std::string(core::error_info(warning.code).name)},
                          {"message", warning.message}});
    }
    return json::object{{"files", std::move(files)},
                        {"metrics", std::move(outcome.metrics)},
                        {"warnings", std::move(warnings)}};
  }

  const core::Fd& socket_;
  const CellLimits limits_;
  const SandboxMode sandbox_mode_;
  const CellSandbox sandbox_;
  std::optional<CellSandbox> threaded_sandbox_;
  const RecipeRegistry& recipes_;
  const Probe& probe_;
  const Renderings& renderings_;
  std::set<std::string> warm_renderings_;
  bool is_probe_warm_ = false;
  std::map<std::string, WarmStage> stages_;
};

}  // namespace

int refuse_work(const core::Fd& socket, const Error& reason) {
  MessageReader reader;
  std::vector<json::object> messages;
  while (messages.empty()) {
    const Result<bool> is_open = reader.read_available(socket, messages);
    if (!is_open.ok() || !*is_open) return 1;
  }
  (void)send_message(socket, error_message(reason)).ok();
  return 1;
}

int run_executor(const core::Fd& socket,
                 const ExecutorOptions& options,
                 const RecipeRegistry& recipes,
                 const Probe& probe,
                 const Renderings& renderings) {
  // From here on the death of the supervisor is a signal. If it died before, its end is closed by now,
  // whatever it may have written first: to begin would be to work for nobody.
  pollfd peer{socket.get(), POLLIN, 0};
  if (::poll(&peer, 1, 0) > 0 && (peer.revents & POLLHUP) != 0) return 0;
  Result<CellSandbox> sandbox = CellSandbox::create(options.sandbox);
  if (!sandbox.ok()) return refuse_work(socket, sandbox.error());
  Executor executor(socket, options, std::move(*sandbox), recipes, probe, renderings);
  MessageReader reader;
  std::vector<json::object> messages;
  while (true) {
    messages.clear();
    const Result<bool> is_open = reader.read_available(socket, messages);
    if (!is_open.ok() || !*is_open) return is_open.ok() ? 0 : 1;
    for (const json::object& message : messages) {
      if (!executor.handle(message).ok()) return 1;
    }
  }
}

Result<void> confine_executor(const ExecutorOptions& options) {
  if (options.niceness > 0) ::setpriority(PRIO_PROCESS, 0, std::min(options.niceness, 19));
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGPIPE, SIG_IGN);
  // What the user types and what the program prints is none of a decoder's business.
  const core::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (nothing.is_open()) {
    ::dup2(nothing.get(), STDIN_FILENO);
    ::dup2(nothing.get(), STDOUT_FILENO);
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (options.memory_bytes_max > 0) {
    const rlimit memory{static_cast<rlim_t>(options.memory_bytes_max),
                        static_cast<rlim_t>(options.memory_bytes_max)};
    ::setrlimit(RLIMIT_AS, &memory);
  }
#endif
  BALEEN_RETURN_IF_ERROR(core::make_directories(options.work_directory));
  return enter_executor_sandbox(options.sandbox, {{}, {options.work_directory}});
}

}  // namespace baleen::engine
