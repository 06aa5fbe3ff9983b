#pragma once

/// A database of its own and a clock that stands still.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "core/clock.h"
#include "ops/tokens.h"
#include "store/database.h"
#include "store/schema.h"

namespace baleen::ops::testing {

class ManualClock final : public core::Clock {
 public:
  [[nodiscard]] std::int64_t now_us() const override { return now_us_; }
  void advance_s(double seconds) { now_us_ += static_cast<std::int64_t>(1e6 * seconds); }

 private:
  std::atomic<std::int64_t> now_us_ = 1'700'000'000'000'000;
};

class OpsFixture : public ::testing::Test {
 protected:
  OpsFixture()
      : directory_(std::filesystem::temp_directory_path() /
                   ("baleen_ops_test_" + std::to_string(::getpid()))),
        database_(open()) {}
  ~OpsFixture() override { std::filesystem::remove_all(directory_); }
  store::Database open() {
    store::Database database = store::Database::open(directory_ / "test.db").value();
    EXPECT_TRUE(store::migrate(database).ok());
    return database;
  }

  std::filesystem::path directory_;
  store::Database database_;
  ManualClock clock_;
  TokenStore tokens_{database_, clock_};
};

}  // namespace baleen::ops::testing
