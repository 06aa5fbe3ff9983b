#include "engine/executor.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <map>
#include <new>

#include "core/clock.h"
#include "core/process.h"
#include "core/sha256.h"
#include "engine/protocol.h"

namespace baleen::engine {
namespace {

constexpr double kProgressIntervalS = 0.2;

class Executor {
 public:
  Executor(const core::Fd& socket, const RecipeRegistry& recipes, const ProbeFn& probe)
      : socket_(socket), recipes_(recipes), probe_(probe) {}

  Result<void> handle(const json::object& message) {
    const std::string op = core::get_string(message, "op");
    Result<json::object> answer =
        op == "run"     ? guarded([&] { return run(StageRequest::from_json(message)); })
        : op == "probe" ? guarded([&] { return probe_(core::get_string(message, "path")); })
                        : Result<json::object>(fail(ErrorCode::internal, "unknown op '{}'", op));
    if (answer.ok()) (*answer)["type"] = "result";
    Result<void> sent =
        send_message(socket_, answer.ok() ? *answer : error_message(answer.error()));
    core::trim_heap();  // What a long recording needed must not add to what the next stage needs.
    return sent;
  }

 private:
  /// The door for exceptions of libraries: nothing thrown in a stage takes the process down.
  static Result<json::object> guarded(const std::function<Result<json::object>()>& work) {
    try {
      return work();
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::model_oom, "out of memory");
    } catch (const std::exception& exception) {
      return fail(ErrorCode::worker_error, "unexpected exception: {}", exception.what());
    }
  }

  Result<Stage*> stage(const StageRequest& request) {
    std::unique_ptr<Stage>& warm = stages_[request.recipe + "/" + request.stage];
    if (warm != nullptr) return warm.get();
    BALEEN_ASSIGN_OR_RETURN(const Recipe* const recipe, recipes_.find(request.recipe));
    const StageSpec* spec = recipe->find_stage(request.stage);
    if (spec == nullptr)
      return fail(ErrorCode::internal, "no stage '{}/{}'", request.recipe, request.stage);
    warm = spec->make();
    return warm.get();
  }

  Result<json::object> run(const StageRequest& request) {
    BALEEN_ASSIGN_OR_RETURN(Stage* const stage_code, stage(request));
    for (const StageOutputSlot& slot : request.outputs) {
      BALEEN_RETURN_IF_ERROR(core::make_directories(slot.temporary.parent_path()));
    }
    const double begin_s = core::steady_s();
    const double cpu_begin_s = core::process_cpu_s();
    double last_report_s = begin_s;
    const ProgressFn progress = [&](double fraction) {
      const double now_s = core::steady_s();
      if (now_s - last_report_s < kProgressIntervalS) return;
      last_report_s = now_s;
      // A supervisor that is gone ends this process by itself; nothing to handle here.
      (void)send_message(socket_, {{"type", "progress"}, {"fraction", fraction}}).ok();
    };
    BALEEN_ASSIGN_OR_RETURN(StageOutcome outcome, stage_code->run(request, progress));

    json::array files;
    for (const ProducedArtifact& artifact : outcome.artifacts) {
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
    json::object metrics = std::move(outcome.metrics);
    const double seconds = core::steady_s() - begin_s;
    metrics["seconds"] = seconds;
    metrics["cpu_s"] = core::process_cpu_s() - cpu_begin_s;
    metrics["executor_peak_rss_bytes"] = core::peak_rss_bytes();
    return json::object{
        {"files", files}, {"metrics", metrics}, {"warnings", warnings}, {"seconds", seconds}};
  }

  const core::Fd& socket_;
  const RecipeRegistry& recipes_;
  const ProbeFn& probe_;
  std::map<std::string, std::unique_ptr<Stage>> stages_;
};

}  // namespace

int run_executor(const core::Fd& socket, const RecipeRegistry& recipes, const ProbeFn& probe) {
  // From here on the death of the supervisor is a signal. If it died before, its end is closed by now,
  // whatever it may have written first: to begin would be to work for nobody.
  pollfd peer{socket.get(), POLLIN, 0};
  if (::poll(&peer, 1, 0) > 0 && (peer.revents & POLLHUP) != 0) return 0;
  Executor executor(socket, recipes, probe);
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

void confine_executor(std::int64_t memory_bytes_max, int niceness) {
  if (niceness > 0) ::setpriority(PRIO_PROCESS, 0, std::min(niceness, 19));
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::signal(SIGPIPE, SIG_IGN);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (memory_bytes_max > 0) {
    const rlimit memory{static_cast<rlim_t>(memory_bytes_max),
                        static_cast<rlim_t>(memory_bytes_max)};
    ::setrlimit(RLIMIT_AS, &memory);
  }
#else
  (void)memory_bytes_max;
#endif
}

}  // namespace baleen::engine
