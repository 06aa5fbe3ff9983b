#pragma once

/// A data root with a toy asset in it, a clock that tests move, and a queue.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

#include "core/file.h"
#include "core/sha256.h"
#include "engine/ingest.h"
#include "engine/queue.h"
#include "engine/testing/toy_recipe.h"
#include "store/schema.h"

namespace baleen::engine::testing {

class ManualClock final : public core::Clock {
 public:
  [[nodiscard]] std::int64_t now_us() const override { return now_us_; }
  void advance_s(double seconds) { now_us_ += static_cast<std::int64_t>(seconds * 1e6); }

 private:
  std::atomic<std::int64_t> now_us_ = 1'700'000'000'000'000;
};

/// A folder that is gone after a power cut, and so quick to write to, for tests that make many.
inline std::filesystem::path scratch_folder(const std::string& name) {
  static std::atomic<int> counter{0};
  const std::filesystem::path memory = "/dev/shm";
  const bool is_there = ::access(memory.c_str(), W_OK) == 0;
  return (is_there ? memory : std::filesystem::temp_directory_path()) /
         (name + "_" + std::to_string(::getpid()) + "_" + std::to_string(++counter));
}

class EngineFixture : public ::testing::Test {
 protected:
  EngineFixture() : root_{make_root()}, database_(open()) {
    EXPECT_TRUE(recipes_.add(toy_recipe()).ok());
  }
  ~EngineFixture() override { std::filesystem::remove_all(root_.path); }

  static std::filesystem::path make_root() {
    static std::atomic<int> counter{0};
    const auto path =
        std::filesystem::temp_directory_path() /
        ("baleen_engine_" + std::to_string(::getpid()) + "_" + std::to_string(++counter));
    std::filesystem::remove_all(path);
    return path;
  }
  [[nodiscard]] store::Database open() const {
    store::Database database = store::Database::open(root_.database()).value();
    EXPECT_TRUE(store::migrate(database).ok());
    return database;
  }
  Queue queue(store::Database& database, const std::string& owner, QueueOptions options = {}) {
    options.owner = owner;
    return Queue(database, root_, recipes_, options, clock_);
  }
  /// Ingests a file that holds this number; the asset's id.
  std::string asset(int number, const std::string& owner = "me") {
    const auto path = root_.path / "numbers" / (std::to_string(number) + ".txt");
    EXPECT_TRUE(core::write_file_atomic(path, std::to_string(number)).ok());
    return ingest_file(database_, root_, {path, owner, {}},
                       [](const auto&) -> Result<json::object> { return json::object{}; })
        .value()
        .asset.asset_id;
  }
  const Recipe& recipe() { return **recipes_.find("toy"); }
  std::string submit(Queue& queue, int number) {
    return queue.submit(recipe(), asset(number), {}).value().run_id;
  }

  /// Runs an assignment's stage here and reports what an executor would.
  AttemptResult execute(const Assignment& assignment) {
    EXPECT_TRUE(core::make_directories(assignment.request.work_directory).ok());
    const StageOutcome outcome =
        assignment.spec->make()->run(assignment.request, [](double) {}).value();
    AttemptResult result;
    for (const ProducedArtifact& artifact : outcome.artifacts) {
      result.files.push_back({artifact.type, artifact.temporary,
                              core::sha256_file(artifact.temporary).value(), "", "",
                              core::file_size_bytes(artifact.temporary).value()});
    }
    result.metrics = outcome.metrics;
    return result;
  }
  /// Claims and finishes until nothing is queued; the stages in the order in which they ran.
  std::vector<std::string> drain(Queue& queue) {
    std::vector<std::string> stages;
    while (auto assignment = queue.claim({}).value()) {
      stages.push_back(assignment->request.stage);
      EXPECT_EQ(queue.finish(*assignment, execute(*assignment)).value(), FinishState::published);
    }
    return stages;
  }
  std::string text_of(const std::string& sql) { return database_.query(sql).value().at(0).text(0); }
  std::int64_t number_of(const std::string& sql) {
    return database_.query(sql).value().at(0).integer(0);
  }
  std::int64_t count_temporaries() {
    std::int64_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_.path)) {
      if (entry.path().extension() == ".tmp") ++count;
    }
    return count;
  }

  store::DataRoot root_;
  ManualClock clock_;
  store::Database database_;
  RecipeRegistry recipes_;
};

}  // namespace baleen::engine::testing
