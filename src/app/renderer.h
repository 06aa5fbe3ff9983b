#pragma once

/// Renderings for the service: made by executors when they are asked for, kept for a while on disk.

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/http.h"
#include "engine/executor_process.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen {

/// Thread-safe.
///
///   request ──► kept already? ─yes─► its file
///                  │no
///                  ▼ waits for one of kExecutorsMax executors, at most kWaitMaxS (else OVERLOADED)
///               executor ──► work/rendering.PID.N/out ──► renderings/KEY  (oldest go beyond kKeptBytesMax)
///
/// An executor that dies or takes longer than kTimeoutS costs its request an error; the next one gets a fresh one. What
/// is kept is no artifact, may be deleted at any time, and is deleted when a service starts.
class Renderer {
 public:
  static constexpr std::size_t kExecutorsMax = 2;
  static constexpr double kTimeoutS = 20;
  static constexpr double kWaitMaxS = 60;
  static constexpr std::int64_t kKeptBytesMax = 256'000'000;

  Renderer(engine::ExecutorCommand command, store::DataRoot root);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  /// @param params  Complete: equal ones give the same file.
  /// Errors: NOT_FOUND, INPUT_NOT_FOUND, OVERLOADED, STAGE_STALLED, WORKER_ERROR, and those of the rendering.
  [[nodiscard]] Result<api::FileBody> render(store::Database& database,
                                             const std::string& asset_id,
                                             const std::string& kind,
                                             json::object params);

 private:
  struct Kept {
    std::int64_t bytes = 0;
    std::list<std::string>::iterator use;  // In uses_.
  };
  struct Slot {
    std::size_t number = 0;
    std::unique_ptr<engine::ExecutorProcess>
        process;  // None before the first request and after a death.
  };
  class Lease;

  [[nodiscard]] std::filesystem::path kept_path(const std::string& key) const;
  [[nodiscard]] bool find_kept(const std::string& key, api::FileBody& body);
  [[nodiscard]] Result<api::FileBody> keep(const std::string& key,
                                           const std::filesystem::path& output);
  void remember(const std::string& key, std::int64_t bytes);  // With mutex_ held.
  [[nodiscard]] Result<Slot*> take_slot();
  void give_back(Slot* slot);

  const engine::ExecutorCommand command_;
  const store::DataRoot root_;
  std::mutex mutex_;
  std::condition_variable has_slot_;
  std::vector<Slot> slots_;      // A slot itself is its taker's.
  std::vector<Slot*> free_;      // Guarded by mutex_, as is all below.
  std::list<std::string> uses_;  // Keys, the last used first.
  std::map<std::string, Kept> kept_;
  std::int64_t kept_bytes_ = 0;
};

}  // namespace baleen
