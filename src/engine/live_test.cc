#include "engine/live.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/file.h"
#include "core/process.h"

namespace baleen::engine {
namespace {

class Live : public ::testing::Test {
 protected:
  ~Live() override { std::filesystem::remove_all(root_.path); }
  static LiveWorker me() {
    LiveWorker worker;
    worker.worker = core::this_process().to_string();
    worker.host = "here";
    worker.pid = core::this_process().pid;
    worker.executors = 2;
    worker.tasks = {{7, "run", "asset", "decode", 2, 1'700'000'000'000'000, 30, 0.25}};
    return worker;
  }
  const store::DataRoot root_{std::filesystem::temp_directory_path() /
                              ("baleen_live_test_" + std::to_string(::getpid()))};
};

TEST_F(Live, WhatAWorkerShowsIsReadUntilItEnds) {
  EXPECT_TRUE(read_live(root_).empty());
  {
    LiveBoard board(root_);
    board.show(me());
    const std::vector<LiveWorker> workers = read_live(root_);
    ASSERT_EQ(workers.size(), 1U);
    EXPECT_EQ(core::to_json(workers[0].to_json()), core::to_json(me().to_json()));
  }
  EXPECT_TRUE(read_live(root_).empty());
  EXPECT_TRUE(std::filesystem::is_empty(root_.live()));
}

TEST_F(Live, AWorkerThatDiedIsForgotten) {
  // Its number was used again, by this process.
  const std::string name = "worker." + std::to_string(me().pid) + ".1.json";
  for (const char* end : {"", ".tmp"})
    ASSERT_TRUE(
        core::write_file_atomic(root_.live() / (name + end), core::to_json(me().to_json())).ok());
  EXPECT_TRUE(read_live(root_).empty());
  EXPECT_TRUE(std::filesystem::is_empty(root_.live()));
}

TEST_F(Live, TheRestIsAtThePaceSoFar) {
  LiveTask task = me().tasks[0];
  EXPECT_DOUBLE_EQ(eta_s(task), 90);
  task.fraction = 1;
  EXPECT_DOUBLE_EQ(eta_s(task), 0);
  task.fraction = 0;
  EXPECT_LT(eta_s(task), 0);
  task.fraction = -1;
  EXPECT_LT(eta_s(task), 0);
}

}  // namespace
}  // namespace baleen::engine
