#include "core/failpoint.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"

namespace baleen::core {
namespace {

// The switch is read when the program starts, so this test starts itself again with it on.
TEST(Failpoint, IsOffByDefaultAndKillsTheProcessWhenOn) {
  if (failpoints_enabled()) {
    const auto result = write_file_atomic(std::string(std::getenv("BALEEN_TEST_FILE")), "x");
    std::_Exit(result.ok() ? 0 : 1);
  }
  const std::string file = ::testing::TempDir() + "baleen_failpoint_test.txt";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const auto exit_status = [&](const std::string& settings) {
    return WEXITSTATUS(std::system(
        ("env BALEEN_TEST_FILE=" + file + " " + settings + " " + self + " >/dev/null").c_str()));
  };
  EXPECT_EQ(exit_status("SSIS_ENABLE_FAILPOINTS=1 SSIS_FAILPOINT=ATOMIC_WRITE_AFTER_TMP_WRITE"),
            42);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(
      exit_status(
          "BALEEN_ENABLE_FAILPOINTS=1 BALEEN_FAILPOINT=ATOMIC_WRITE_AFTER_FSYNC_BEFORE_RENAME "
          "BALEEN_FAILPOINT_EXIT_CODE=7"),
      7);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(exit_status("SSIS_ENABLE_FAILPOINTS=1 SSIS_FAILPOINT=ATOMIC_WRITE_AFTER_RENAME"), 42);
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(exit_status("SSIS_ENABLE_FAILPOINTS=1 SSIS_FAILPOINT=ATOMIC_WRITE_AFTER_RENAME@2"), 0);
  for (const auto& entry : std::filesystem::directory_iterator(::testing::TempDir())) {
    if (entry.path().filename().string().starts_with("baleen_failpoint_test"))
      std::filesystem::remove(entry.path());
  }
}

TEST(Failpoint, MayKillOnceAndWithAStatusThatIsOne) {
  EXPECT_FALSE(failpoint_fires_once());
  for (const auto& [value, is_once] :
       {std::pair{"1", true}, std::pair{"0", false}, std::pair{"", false}}) {
    ::setenv("BALEEN_FAILPOINT_ONCE", value, 1);
    EXPECT_EQ(failpoint_fires_once(), is_once) << value;
  }
  ::unsetenv("BALEEN_FAILPOINT_ONCE");
  for (const auto& [value, code] :
       {std::pair{"7", 7}, std::pair{"0", 42}, std::pair{"256", 42}, std::pair{"x", 42}}) {
    ::setenv("BALEEN_FAILPOINT_EXIT_CODE", value, 1);
    EXPECT_EQ(failpoint_exit_code(), code) << value;
  }
  ::unsetenv("BALEEN_FAILPOINT_EXIT_CODE");
}

}  // namespace
}  // namespace baleen::core
