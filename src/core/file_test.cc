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

TEST_F(FileTest, FoldersAreMadeWithThoseAboveThem) {
  EXPECT_TRUE(make_directories(directory_ / "a" / "b" / "c").ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory_ / "a" / "b" / "c"));
  EXPECT_TRUE(make_directories(directory_ / "a" / "b" / "c").ok());
  EXPECT_TRUE(make_directories(directory_.string() + "/slash/below/").ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory_ / "slash" / "below"));
  EXPECT_TRUE(make_directories("").ok());
  EXPECT_TRUE(make_directories("/").ok());
  std::filesystem::remove_all(directory_ / "a");  // What was made sure of may go away again.
  EXPECT_TRUE(make_directories(directory_ / "a" / "b").ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory_ / "a" / "b"));
}

TEST_F(FileTest, AFolderMayBeALinkToOneButNotAFile) {
  std::filesystem::create_directory(directory_ / "real");
  std::filesystem::create_directory_symlink("real", directory_ / "link");
  EXPECT_TRUE(make_directories(directory_ / "link" / "below").ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory_ / "real" / "below"));
  ASSERT_TRUE(write_file_atomic(directory_ / "file", "x").ok());
  EXPECT_FALSE(make_directories(directory_ / "file").ok());
  EXPECT_FALSE(make_directories(directory_ / "file" / "below").ok());
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
