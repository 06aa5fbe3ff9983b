#pragma once

/// The front end of `run` and `ingest`: files in, queued runs out.

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/outcome.h"
#include "engine/executor_process.h"

namespace baleen::cli {

/// Ingests files and submits a run for each, on a thread with a session of its own, so that the
/// supervisor's heartbeats never wait for a big file.
class Ingestor {
 public:
  Ingestor(const GlobalOptions& options,
           const Program& program,
           const WorkOptions& work,
           FoundFiles found)
      : options_(options), program_(program), work_(work), found_(std::move(found)) {}
  ~Ingestor() { join(); }
  Ingestor(const Ingestor&) = delete;
  Ingestor& operator=(const Ingestor&) = delete;

  void start() {
    thread_ = std::thread([this] { ingest_all(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] std::int64_t n_files() const {
    return static_cast<std::int64_t>(found_.files.size());
  }
  /// What has been ingested since the last call.
  std::vector<Item> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ready_, {});
  }

 private:
  void ingest_all();
  Result<void> ingest_one(Session& session,
                          const std::filesystem::path& file,
                          std::optional<engine::ExecutorProcess>& prober,
                          Item& item);

  const GlobalOptions& options_;
  const Program& program_;
  const WorkOptions& work_;
  const FoundFiles found_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<Item> ready_;  // Guarded by mutex_.
  std::atomic<bool> is_done_ = false;
};

}  // namespace baleen::cli
