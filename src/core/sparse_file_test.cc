#include "core/sparse_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "core/ids.h"
#include "core/sha256.h"
#include "core/testing/syscall_faults.h"

namespace baleen::core {
namespace {

namespace fs = std::filesystem;
using testing::syscall_faults;

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class SparseFile : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override {
    syscall_faults().reset();
    fs::remove_all(folder_);
  }
  Fd file(const char* name) { return create_file(folder_ / name).value(); }

  struct Stretch {
    std::int64_t offset, size_bytes;
    bool is_hole;
    bool operator==(const Stretch&) const = default;
  };
  /// What read_sparse() tells of, and all of it as one text.
  static std::pair<std::vector<Stretch>, std::string> read(const Fd& from) {
    std::vector<Stretch> stretches;
    std::string text;
    const auto on_data = [&](std::int64_t offset,
                             std::span<const std::byte> bytes) -> Result<void> {
      EXPECT_EQ(offset, std::ssize(text));
      stretches.push_back({offset, std::ssize(bytes), false});
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return {};
    };
    const auto on_hole = [&](std::int64_t offset, std::int64_t size_bytes) -> Result<void> {
      EXPECT_EQ(offset, std::ssize(text));
      stretches.push_back({offset, size_bytes, true});
      text.append(static_cast<std::size_t>(size_bytes), '\0');
      return {};
    };
    const std::int64_t size_bytes = read_sparse(from, on_data, on_hole).value();
    EXPECT_EQ(size_bytes, std::ssize(text));
    return {stretches, text};
  }
  /// A hole, data, a hole, a little data, a hole.
  Fd holey(const char* name) {
    Fd made = file(name);
    EXPECT_TRUE(write_all_at(made, bytes_of(std::string(2 * kMiB + 5, 'a')), 3 * kMiB).ok());
    EXPECT_TRUE(write_all_at(made, bytes_of("b"), 8 * kMiB + 7).ok());
    EXPECT_TRUE(set_file_size(made, 11 * kMiB + 1).ok());
    return made;
  }
  static std::string text_of_holey() {
    std::string text(11 * kMiB + 1, '\0');
    text.replace(3 * kMiB, 2 * kMiB + 5, std::string(2 * kMiB + 5, 'a'));
    text[8 * kMiB + 7] = 'b';
    return text;
  }

  fs::path folder_ = fs::temp_directory_path() / new_id();
};

TEST_F(SparseFile, IsReadInOrderAndWithoutGapsWhereverItsHolesAre) {
  const auto [stretches, text] = read(holey("a"));
  EXPECT_EQ(text, text_of_holey());
  for (const Stretch& stretch : stretches)
    EXPECT_TRUE(stretch.is_hole || stretch.size_bytes <= kMiB);
}

TEST_F(SparseFile, HolesAreNotRead) {
  const Fd made = holey("a");
  struct stat status {};
  ASSERT_EQ(::fstat(made.get(), &status), 0);
  if (status.st_blocks * 512 > 4 * kMiB) GTEST_SKIP() << "this file system knows no holes";
  std::int64_t n_hole_bytes = 0;
  for (const Stretch& stretch : read(made).first)
    n_hole_bytes += stretch.is_hole ? stretch.size_bytes : 0;
  EXPECT_GT(n_hole_bytes, 8 * kMiB);
}

TEST_F(SparseFile, OneOfNothingButAHoleAndOneOfNothingAreFilesToo) {
  const Fd hole = file("hole"), empty = file("empty");
  ASSERT_TRUE(set_file_size(hole, 5).ok());
  EXPECT_EQ(read(hole).second, std::string(5, '\0'));
  EXPECT_EQ(read(empty), std::pair(std::vector<Stretch>{}, std::string()));
}

TEST_F(SparseFile, WhereAFileSystemKnowsNoHolesAllIsData) {
  const Fd made = holey("a");
  syscall_faults().call = "lseek";
  syscall_faults().error = EINVAL;
  const auto [stretches, text] = read(made);
  EXPECT_EQ(text, text_of_holey());
  for (const Stretch& stretch : stretches) EXPECT_FALSE(stretch.is_hole);
}

TEST_F(SparseFile, AFileCutOffWhileItIsReadEndsWhereItEndsNow) {
  const Fd made = holey("a");
  std::int64_t n_bytes = 0;
  const auto on_data = [&](std::int64_t offset, std::span<const std::byte> bytes) -> Result<void> {
    n_bytes = offset + std::ssize(bytes);
    return set_file_size(made, 3 * kMiB + 100);  // In the middle of what was just read.
  };
  const auto on_hole = [&](std::int64_t, std::int64_t) -> Result<void> { return {}; };
  const std::int64_t size_bytes = read_sparse(made, on_data, on_hole).value();
  EXPECT_EQ(size_bytes, n_bytes);
  EXPECT_LE(n_bytes, 4 * kMiB);
}

TEST_F(SparseFile, ErrorsOfReadingAndOfWhoIsToldEndIt) {
  const Fd made = holey("a");
  syscall_faults().call = "pread";
  const auto nothing = [](std::int64_t, auto) -> Result<void> { return {}; };
  EXPECT_EQ(read_sparse(made, nothing, nothing).error().code, ErrorCode::io_error);
  const auto no = [](std::int64_t, auto) -> Result<void> {
    return fail(ErrorCode::canceled, "no");
  };
  EXPECT_EQ(read_sparse(made, no, nothing).error().code, ErrorCode::canceled);
  EXPECT_EQ(read_sparse(made, nothing, no).error().code, ErrorCode::canceled);
}

TEST_F(SparseFile, WhatIsCalledAHoleIsZeros) {
  const Fd made = holey("a");
  const std::string text = text_of_holey();
  HoleFinder holes;
  // Forwards, and back again: a decoder seeks.
  for (std::int64_t i = 0; i < 2 * 113; ++i) {
    const std::int64_t offset = (i < 113 ? i : 226 - i) * 100'003 % std::ssize(text);
    const std::int64_t n = holes.hole_bytes_at(made, offset);
    ASSERT_LE(offset + n, std::ssize(text));
    const auto from = text.begin() + offset;
    EXPECT_TRUE(std::all_of(from, from + n, [](char c) { return c == '\0'; })) << offset;
  }
  EXPECT_EQ(holes.hole_bytes_at(made, 3 * kMiB), 0);
  EXPECT_EQ(holes.hole_bytes_at(made, 5 * kMiB + 4), 0);
  EXPECT_EQ(holes.hole_bytes_at(made, 20 * kMiB), 0) << "behind the end";
  struct stat status {};
  ASSERT_EQ(::fstat(made.get(), &status), 0);
  if (status.st_blocks * 512 <= 4 * kMiB) {
    EXPECT_EQ(holes.hole_bytes_at(made, 1), 3 * kMiB - 1);
  }
}

TEST_F(SparseFile, AFinderOfHolesFindsNoneWhereAFileSystemKnowsNone) {
  const Fd made = holey("a");
  syscall_faults().call = "lseek";
  syscall_faults().error = EINVAL;
  syscall_faults().times = 3;
  HoleFinder holes;
  EXPECT_EQ(holes.hole_bytes_at(made, 0), 0);
  EXPECT_EQ(holes.hole_bytes_at(made, 9 * kMiB), 0);
}

TEST_F(SparseFile, HasTheDigestOfItsBytes) {
  { const Fd made = holey("a"); }
  EXPECT_EQ(sha256_file(folder_ / "a").value(), sha256_hex(text_of_holey()));
  for (const std::int64_t n : {0, 1, 63, 64, 16383, 16384, 16385, 100'000}) {
    SCOPED_TRACE(n);
    Sha256 zeros;
    zeros.update("x");
    zeros.update_zeros(n);
    EXPECT_EQ(zeros.finish_hex(), sha256_hex("x" + std::string(static_cast<std::size_t>(n), '\0')));
  }
}

TEST_F(SparseFile, AnImpossibleCloneLeavesAnEmptyFile) {
  const Fd source = holey("a"), empty = file("b");
  const Result<bool> cloned = clone_file(source, empty);
  ASSERT_TRUE(cloned.ok());
  EXPECT_EQ(read(empty).second, *cloned ? text_of_holey() : "");
}

}  // namespace
}  // namespace baleen::core
