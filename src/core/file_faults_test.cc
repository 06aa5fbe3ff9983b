// What files do when the system refuses: order, errors, and what is left.

#include <gtest/gtest.h>

#include "core/file.h"
#include "core/sha256.h"
#include "core/testing/syscall_faults.h"

namespace baleen::core {
namespace {

using testing::syscall_faults;

class FileFaults : public ::testing::Test {
 protected:
  FileFaults()
      : directory_(std::filesystem::temp_directory_path() /
                   ("baleen_file_faults_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
    EXPECT_TRUE(write_file_atomic(path(), "old").ok());
    syscall_faults().reset();
  }
  ~FileFaults() override {
    syscall_faults().reset();
    std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::filesystem::path path() const { return directory_ / "a.json"; }
  [[nodiscard]] auto n_files() const {
    return std::distance(std::filesystem::directory_iterator(directory_), {});
  }
  std::filesystem::path directory_;
};

TEST_F(FileFaults, AReplacedFileIsDurableBeforeItHasItsNameAndItsNameBeforeSuccess) {
  syscall_faults().is_logging = true;
  ASSERT_TRUE(write_file_atomic(path(), "new").ok());
  EXPECT_EQ(syscall_faults().log,
            (std::vector<std::string>{"write", "fsync file", "rename", "fsync folder"}));
}

TEST_F(FileFaults, EveryCallOfAReplacementMayFailAndTheOldFileStays) {
  struct Case {
    const char* call;
    int error;
    ErrorCode code;
  };
  for (const Case& fault :
       {Case{"open", EACCES, ErrorCode::permission_denied},
        Case{"write", ENOSPC, ErrorCode::disk_full}, Case{"fsync", EIO, ErrorCode::io_error},
        Case{"rename", EROFS, ErrorCode::permission_denied}}) {
    SCOPED_TRACE(fault.call);
    syscall_faults().call = fault.call;
    syscall_faults().error = fault.error;
    const Result<void> written = write_file_atomic(path(), "new");
    syscall_faults().reset();
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, fault.code) << written.error().to_string();
    EXPECT_EQ(read_text_file(path()).value(), "old");
    EXPECT_EQ(n_files(), 1) << "the temporary file stays behind";
  }
}

TEST_F(FileFaults, ANameThatMayNotLastIsNoSuccess) {
  for (const char* call : {"fsync", "open"}) {
    syscall_faults().call = call;
    syscall_faults().skipped = 1;  // The file itself; then its folder.
    EXPECT_FALSE(write_file_atomic(path(), "new").ok()) << call;
    syscall_faults().reset();
  }
}

TEST_F(FileFaults, AnInterruptedOrShortCallGoesOn) {
  for (const int error : {EINTR, 0}) {
    for (const char* call : {"write", "pwrite", "read"}) {
      SCOPED_TRACE(std::string(call) + " " + std::to_string(error));
      syscall_faults().reset();
      syscall_faults().call = call;
      syscall_faults().error = error;
      const std::string text = "some text";
      {
        const Fd file = create_file(path()).value();
        const auto bytes = std::as_bytes(std::span(text));
        ASSERT_TRUE((std::string_view(call) == "pwrite" ? write_all_at(file, bytes, 0)
                                                        : write_all(file, bytes))
                        .ok());
      }
      EXPECT_EQ(read_text_file(path()).value(), text);
      EXPECT_EQ(syscall_faults().times, 0) << "the fault was not met";
    }
  }
}

TEST_F(FileFaults, WhatCannotBeReadOrWrittenIsSaid) {
  const Fd file = create_file(directory_ / "b").value();
  const std::string text = "x";
  syscall_faults().call = "pwrite";
  EXPECT_EQ(write_all_at(file, std::as_bytes(std::span(text)), 0).error().code,
            ErrorCode::io_error);
  syscall_faults().reset();
  syscall_faults().call = "read";
  EXPECT_EQ(read_text_file(path()).error().code, ErrorCode::io_error);
  syscall_faults().reset();
  syscall_faults().call = "pread";
  EXPECT_FALSE(sha256_file(path()).ok());
  syscall_faults().reset();
  syscall_faults().call = "unlink";
  syscall_faults().error = EACCES;
  EXPECT_EQ(remove_file(path()).error().code, ErrorCode::permission_denied);
  syscall_faults().reset();
  EXPECT_FALSE(make_directories(path() / "below a file").ok());
  EXPECT_TRUE(make_directories("").ok());
  EXPECT_FALSE(sync_directory(directory_ / "none").ok());
  EXPECT_FALSE(create_file(directory_ / "none" / "a").ok());
  EXPECT_FALSE(write_file_synced(directory_ / "none" / "a", "x").ok());
  EXPECT_FALSE(sha256_file(directory_ / "none").ok());
}

TEST_F(FileFaults, AFileThatShrinksWhileItIsReadIsShorter) {
  syscall_faults().call = "read";
  syscall_faults().error = 0;
  syscall_faults().times = 1;
  EXPECT_EQ(read_text_file(path()).value(), "old");
  const Fd sparse = create_file(directory_ / "big").value();
  ASSERT_EQ(::ftruncate(sparse.get(), (std::int64_t{64} << 20) + 1), 0);
  EXPECT_EQ(read_text_file(directory_ / "big").error().code, ErrorCode::invalid_argument);
}

TEST_F(FileFaults, ADescriptorThatIsMovedIsClosedOnce) {
  Fd first = open_read(path()).value();
  Fd second = create_file(directory_ / "b").value();
  const int number = first.get();
  second = std::move(first);
  EXPECT_EQ(second.get(), number);
  EXPECT_FALSE(first.is_open());
  Fd& same = second;
  second = std::move(same);
  EXPECT_EQ(second.release(), number);
  EXPECT_FALSE(second.is_open());
  ::close(number);
}

}  // namespace
}  // namespace baleen::core
