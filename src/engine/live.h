#pragma once

/// What each worker is doing right now. This changes every second and is worth nothing tomorrow, so it is not in
/// the database: each worker keeps one small file below live/, replaces it once a second while something
/// changes, and removes it at its end. Files of workers that died are removed by whoever reads them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "store/paths.h"

namespace baleen::engine {

struct LiveTask {
  std::int64_t task_id = 0;
  std::string run_id, asset_id, stage;
  int attempt = 1;
  std::int64_t started_at_us = 0;
  double seconds = 0;
  double fraction = -1;  ///< Of the whole; below 0: unknown.
};

struct LiveWorker {
  std::string worker;  ///< core::ProcessIdentity.
  std::string host;
  std::int64_t pid = 0, since_us = 0;
  int executors = 0;
  std::int64_t executor_deaths = 0;
  std::int64_t rss_bytes = 0;  ///< Of the worker and its executors.
  std::vector<LiveTask> tasks;

  [[nodiscard]] json::object to_json() const;
  [[nodiscard]] static LiveWorker from_json(const json::object& object);
};

/// This process's file.
class LiveBoard {
 public:
  explicit LiveBoard(const store::DataRoot& root);
  ~LiveBoard();
  LiveBoard(const LiveBoard&) = delete;
  LiveBoard& operator=(const LiveBoard&) = delete;

  /// Replaces the file if it would change. Best effort: nobody's work depends on it.
  void show(const LiveWorker& worker);

 private:
  const std::filesystem::path path_;
  std::string shown_;
};

/// All workers that live, by their names.
[[nodiscard]] std::vector<LiveWorker> read_live(const store::DataRoot& root);

/// Seconds that are left at the pace so far; below 0: unknown.
[[nodiscard]] double eta_s(const LiveTask& task);

}  // namespace baleen::engine
