#include "cli/config.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"

namespace baleen::cli {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  Result<Config> load(const std::string& toml) {
    const std::string path = ::testing::TempDir() + "baleen_config_test.toml";
    EXPECT_TRUE(core::write_file_atomic(path, toml).ok());
    Result<Config> config = Config::load(path, true);
    std::filesystem::remove(path);
    return config;
  }
};

TEST_F(ConfigTest, DefaultsAreThoseOfTheRunbook) {
  const Config config = load("").value();
  EXPECT_EQ(config.number("worker.lease_ttl_s"), 600);
  EXPECT_EQ(config.number("decode.min_duration_s"), 1.7);
  EXPECT_EQ(config.numbers("worker.retry_delays_s"), (std::vector<double>{60, 300, 900}));
}

TEST_F(ConfigTest, TheEnvironmentIsStrongerThanTheFileAndKnowsTheOldNames) {
  const std::string toml = "[worker]\nlease_ttl_s = 30\nretry_delays_s = [1, 2]\n";
  EXPECT_EQ(load(toml).value().number("worker.lease_ttl_s"), 30);
  ::setenv("SSIS_LOCK_TTL_SEC", "40", 1);
  EXPECT_EQ(load(toml).value().number("worker.lease_ttl_s"), 40);
  ::setenv("BALEEN_WORKER_LEASE_TTL_S", "50", 1);
  EXPECT_EQ(load(toml).value().number("worker.lease_ttl_s"), 50);
  ::unsetenv("BALEEN_WORKER_LEASE_TTL_S");
  ::unsetenv("SSIS_LOCK_TTL_SEC");
  EXPECT_EQ(load(toml).value().numbers("worker.retry_delays_s"), (std::vector<double>{1, 2}));
}

TEST_F(ConfigTest, ATypoIsRefusedWithAGuess) {
  const Error error = load("[worker]\nlease_tll_s = 30\n").error();
  EXPECT_EQ(error.code, ErrorCode::config_invalid);
  EXPECT_NE(error.message.find("did you mean 'worker.lease_ttl_s'"), std::string::npos)
      << error.message;
  EXPECT_EQ(load("[worker]\nexecutors = \"two\"\n").error().code, ErrorCode::config_invalid);
  EXPECT_EQ(load("[worker\n").error().code, ErrorCode::config_invalid);
  EXPECT_EQ(load("executors = 2\n").error().code, ErrorCode::config_invalid);
}

TEST_F(ConfigTest, ANumberThatCannotWorkIsRefused) {
  for (const char* toml :
       {"[worker]\nlease_ttl_s = 0\n", "[worker]\nattempts_max = 0\n", "[worker]\nexecutors = -1\n",
        "[worker]\nretry_delays_s = [1, -2]\n", "[decode]\nmin_duration_s = nan\n",
        "[decode]\nmax_duration_s = inf\n"}) {
    SCOPED_TRACE(toml);
    const Result<Config> config = load(toml);
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, ErrorCode::config_invalid);
  }
  for (const char* text : {"two", "2.5", "nan", "-1", "1e300"}) {
    SCOPED_TRACE(text);
    ::setenv("BALEEN_WORKER_EXECUTORS", text, 1);
    EXPECT_FALSE(load("").ok());
  }
  ::unsetenv("BALEEN_WORKER_EXECUTORS");
  ::setenv("BALEEN_WORKER_RETRY_DELAYS_S", "1,soon", 1);
  EXPECT_FALSE(load("").ok());
  ::unsetenv("BALEEN_WORKER_RETRY_DELAYS_S");
}

TEST(Config, AMissingFileIsAnErrorOnlyIfItWasNamed) {
  EXPECT_TRUE(Config::load("/nonexistent/baleen.toml", false).ok());
  EXPECT_EQ(Config::load("/nonexistent/baleen.toml", true).error().code, ErrorCode::file_not_found);
}

}  // namespace
}  // namespace baleen::cli
