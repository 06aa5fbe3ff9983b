#include "core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/failpoint.h"

namespace baleen::core {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest()
      : directory_(std::filesystem::temp_directory_path() /
                   ("baleen_file_test_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(FileTest, AtomicWriteReplacesTheWholeFileAndLeavesNothingBeside) {
  const auto path = directory_ / "deep" / "a.json";
  ASSERT_TRUE(write_file_atomic(path, "one").ok());
  ASSERT_TRUE(write_file_atomic(path, "two").ok());
  EXPECT_EQ(read_text_file(path).value(), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}), 1);
}

TEST_F(FileTest, AbsenceIsAnErrorWhenReadingAndSuccessWhenRemoving) {
  EXPECT_EQ(read_text_file(directory_ / "none").error().code, ErrorCode::file_not_found);
  EXPECT_TRUE(remove_file(directory_ / "none").ok());
}

TEST_F(FileTest, AFullDiskIsReportedAsSuch) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.is_open());
  const std::string text = "x";
  EXPECT_EQ(write_all(full, std::as_bytes(std::span(text))).error().code, ErrorCode::disk_full);
}

}  // namespace
}  // namespace baleen::core
