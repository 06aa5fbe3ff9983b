#include "core/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/file.h"

namespace baleen::core {
namespace {

std::filesystem::path folder() {
  return std::filesystem::temp_directory_path() / ("baleen_log_test_" + std::to_string(::getpid()));
}

TEST(Log, GoesToStandardErrorFromWarningUpUntilItHasAFile) {
  ::testing::internal::CaptureStderr();
  log(LogLevel::info, "quiet");
  log(LogLevel::debug, "quieter");
  log(LogLevel::warning, "beware", {{"of", "the dog"}});
  log(LogLevel::error, "broken");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "baleen: warning: beware {\"of\":\"the dog\"}\nbaleen: error: broken \n");
}

TEST(Log, AFolderThatCannotBeMadeOrWrittenIsSaidAndNobodyFails) {
  std::filesystem::create_directories(folder());
  ASSERT_TRUE(write_file_atomic(folder() / "file", "x").ok());
  ASSERT_TRUE(make_directories(folder() / "taken" / "baleen.jsonl").ok());
  ::testing::internal::CaptureStderr();
  open_log(folder() / "file" / "logs");
  open_log(folder() / "taken");
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
  EXPECT_NE(said.find("no log file"), std::string::npos);
  std::filesystem::remove_all(folder());
}

TEST(Log, LinesAreJsonWithTimeLevelAndFields) {
  open_log(folder());
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error})
    log(level, "said \"so\"", {{"n", 7}});
  const std::string text = read_text_file(folder() / "baleen.jsonl").value();
  std::istringstream lines(text);
  std::vector<std::string> levels;
  for (std::string line; std::getline(lines, line);) {
    const json::object entry = parse_json(line, "log").value().as_object();
    levels.push_back(get_string(entry, "level"));
    EXPECT_EQ(get_string(entry, "message"), "said \"so\"");
    EXPECT_EQ(get_int(entry, "n"), 7);
    EXPECT_EQ(get_int(entry, "pid"), ::getpid());
    EXPECT_EQ(get_string(entry, "time").size(), 24U);
  }
  EXPECT_EQ(levels, (std::vector<std::string>{"debug", "info", "warning", "error"}));
  std::filesystem::remove_all(folder());
}

}  // namespace
}  // namespace baleen::core
