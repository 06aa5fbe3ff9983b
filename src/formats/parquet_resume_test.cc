#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>

#include "core/failpoint.h"
#include "formats/parquet_tables.h"
#include "formats/testing/parquet_table.h"

// Interrupted writings: whatever is left of one, the next gives the bytes of an uninterrupted one, or refuses.

namespace baleen::formats {
namespace {

namespace fs = std::filesystem;
using testing::append;
using testing::bytes_of;
using testing::Embeddings;
using testing::embeddings_info;
using testing::TempDir;

void write_bytes(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

class ParquetResume : public ::testing::Test {
 protected:
  ParquetResume() : table_(26, 4), path_(dir_ / "e.tmp.parquet"), checkpoint_(dir_ / "e.ckpt") {}

  Result<ParquetWriter> start(const std::string& identity = "same",
                              const ParquetOptions& options = {.rows_per_group = 8}) {
    core::Fd file(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    return ParquetWriter::resume(std::move(file), path_, embeddings_schema(table_.dim), options,
                                 {.checkpoint = checkpoint_, .identity = identity});
  }
  /// Writes the rows that are missing, up to `end`; finishes behind the last.
  Result<std::int64_t> go_on(std::size_t end, const std::string& identity = "same") {
    BALEEN_ASSIGN_OR_RETURN(ParquetWriter writer, start(identity));
    const std::int64_t n_before = writer.n_rows();
    BALEEN_RETURN_IF_ERROR(append(writer, table_, static_cast<std::size_t>(n_before), end, 3));
    if (end == table_.size())
      BALEEN_RETURN_IF_ERROR(writer.finish(to_metadata(embeddings_info(4))));
    return n_before;
  }
  std::string uninterrupted() {
    EXPECT_TRUE(go_on(table_.size()).ok());
    std::string bytes = bytes_of(path_);
    fs::remove(path_);
    fs::remove(checkpoint_);
    return bytes;
  }

  TempDir dir_;
  const Embeddings table_;
  const fs::path path_, checkpoint_;
};

TEST_F(ParquetResume, AnInterruptionAfterAnyRowGivesTheSameBytes) {
  const std::string whole = uninterrupted();
  for (std::size_t n = 0; n <= table_.size(); ++n) {
    SCOPED_TRACE(n);
    ASSERT_TRUE(go_on(n).ok());
    const Result<std::int64_t> n_before = go_on(table_.size());
    ASSERT_TRUE(n_before.ok()) << n_before.error().to_string();
    EXPECT_EQ(*n_before, n == table_.size() ? n : n / 8 * 8);
    EXPECT_TRUE(bytes_of(path_) == whole);
    fs::remove(path_);
    fs::remove(checkpoint_);
  }
}

TEST_F(ParquetResume, ManyInterruptionsGiveTheSameBytes) {
  const std::string whole = uninterrupted();
  for (std::size_t n = 0; n < table_.size(); n += 5) ASSERT_TRUE(go_on(n).ok());
  ASSERT_TRUE(go_on(table_.size()).ok());
  EXPECT_TRUE(bytes_of(path_) == whole);
}

TEST_F(ParquetResume, ATailOfAnyLengthIsDroppedAndALossStartsAnew) {
  const std::string whole = uninterrupted();
  ASSERT_TRUE(go_on(18).ok());  // 16 rows are safe.
  const std::string safe = bytes_of(path_);
  const std::string saved = bytes_of(checkpoint_);
  ASSERT_EQ(safe, whole.substr(0, safe.size()));
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    write_bytes(path_, whole.substr(0, length));
    write_bytes(checkpoint_, saved);
    const Result<std::int64_t> n_before = go_on(table_.size());
    ASSERT_TRUE(n_before.ok()) << n_before.error().to_string();
    ASSERT_EQ(*n_before, length < safe.size() ? 0 : 16) << length;
    ASSERT_TRUE(bytes_of(path_) == whole) << length;
  }
}

TEST_F(ParquetResume, ADamagedByteOfWhatWasSafeStartsAnew) {
  const std::string whole = uninterrupted();
  ASSERT_TRUE(go_on(18).ok());
  const std::string safe = bytes_of(path_);
  const std::string saved = bytes_of(checkpoint_);
  for (std::size_t i = 0; i < safe.size(); ++i) {
    std::string damaged = safe;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    write_bytes(path_, damaged);
    write_bytes(checkpoint_, saved);
    const Result<std::int64_t> n_before = go_on(table_.size());
    ASSERT_TRUE(n_before.ok());
    ASSERT_EQ(*n_before, 0) << i;
    ASSERT_TRUE(bytes_of(path_) == whole) << i;
  }
  for (std::size_t i = 0; i < saved.size(); ++i) {
    write_bytes(path_, safe);
    write_bytes(checkpoint_, saved.substr(0, i));
    ASSERT_EQ(go_on(table_.size()).value(), 0) << i;
    ASSERT_TRUE(bytes_of(path_) == whole) << i;
  }
}

TEST_F(ParquetResume, AnotherIdentitySchemaOrOptionStartsAnew) {
  ASSERT_TRUE(go_on(18).ok());
  EXPECT_EQ(start()->n_rows(), 16);
  EXPECT_EQ(start("other")->n_rows(), 0);
  fs::remove(path_);
  fs::remove(checkpoint_);
  ASSERT_TRUE(go_on(18).ok());
  EXPECT_EQ(start("same", {.rows_per_group = 16})->n_rows(), 0);
}

TEST_F(ParquetResume, TheFileSoFarIsNoParquetFile) {
  ASSERT_TRUE(go_on(18).ok());
  EXPECT_EQ(ParquetReader::open(path_).error().code, ErrorCode::artifact_corrupt);
}

TEST_F(ParquetResume, CompressedFilesGoOnToo) {
  const ParquetOptions options = {.rows_per_group = 8, .compression = ParquetCompression::gzip};
  std::string whole;
  for (const std::size_t stop : {table_.size(), std::size_t{20}}) {
    for (const std::size_t end : {stop, table_.size()}) {
      ParquetWriter writer = start("same", options).value();
      const auto first = static_cast<std::size_t>(writer.n_rows());
      ASSERT_TRUE(append(writer, table_, first, end, 3).ok());
      if (end == table_.size()) {
        EXPECT_TRUE(writer.finish({}).ok());
      }
    }
    if (whole.empty()) whole = bytes_of(path_);
    EXPECT_TRUE(bytes_of(path_) == whole);
    fs::remove(path_);
    fs::remove(checkpoint_);
  }
}

TEST_F(ParquetResume, AFullDiskKeepsWhatIsSafe) {
  const std::string whole = uninterrupted();
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
  rlimit small = usual;
  for (small.rlim_cur = 0; small.rlim_cur < whole.size(); small.rlim_cur += 97) {
    ::setrlimit(RLIMIT_FSIZE, &small);
    const Result<std::int64_t> failed = go_on(table_.size());
    ::setrlimit(RLIMIT_FSIZE, &usual);
    ASSERT_FALSE(failed.ok());
    const Result<std::int64_t> done = go_on(table_.size());
    ASSERT_TRUE(done.ok()) << done.error().to_string();
    ASSERT_TRUE(bytes_of(path_) == whole) << small.rlim_cur;
    fs::remove(path_);
    fs::remove(checkpoint_);
  }
}

TEST_F(ParquetResume, WhatCouldNotBeSyncedIsThrownAway) {
  ASSERT_TRUE(go_on(20).ok());
  core::Fd file(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  const int number = file.get();
  Result<ParquetWriter> writer =
      ParquetWriter::resume(std::move(file), path_, embeddings_schema(table_.dim),
                            {.rows_per_group = 8}, {.checkpoint = checkpoint_, .identity = "same"});
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(writer->n_rows(), 16);
  const core::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));  // Takes writes, refuses fsync.
  ASSERT_EQ(::dup2(null.get(), number), number);
  const Result<void> failed = append(*writer, table_, 16, 26, 3);
  ASSERT_FALSE(failed.ok());
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_FALSE(fs::exists(checkpoint_));
  EXPECT_EQ(append(*writer, table_, 16, 19, 3).error().code, ErrorCode::internal);
}

/// Starts this program again with nothing to do but to write all rows in `dir`.
pid_t start_child(const fs::path& dir, const std::string& failpoint) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("BALEEN_ENABLE_FAILPOINTS", "1", 1);
    ::setenv("BALEEN_FAILPOINT", failpoint.c_str(), 1);
    ::setenv("BALEEN_TEST_WRITE_IN", dir.c_str(), 1);
    ::execl("/proc/self/exe", "child", "--gtest_filter=Child.WritesAllRows", nullptr);
    ::_exit(127);
  }
  return child;
}

Result<void> write_in(const fs::path& dir, const Embeddings& table) {
  core::Fd file(::open((dir / "e").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  BALEEN_ASSIGN_OR_RETURN(
      ParquetWriter writer,
      ParquetWriter::resume(std::move(file), dir / "e", embeddings_schema(table.dim),
                            {.rows_per_group = 8},
                            {.checkpoint = dir / "e.ckpt", .identity = "same"}));
  const auto first = static_cast<std::size_t>(writer.n_rows());
  BALEEN_RETURN_IF_ERROR(append(writer, table, first, table.size(), 3));
  const Result<ParquetSummary> summary = writer.finish(to_metadata(embeddings_info(table.dim)));
  if (!summary.ok()) return summary.error();
  return {};
}

const Embeddings& large_table() {
  static const Embeddings table(2000, 16);
  return table;
}

TEST(Child, WritesAllRows) {
  const char* dir = std::getenv("BALEEN_TEST_WRITE_IN");
  if (dir == nullptr) GTEST_SKIP() << "only of use as a child of the other tests";
  EXPECT_TRUE(write_in(dir, large_table()).ok());
}

TEST(ParquetCrash, DyingAtAnyFailpointLeavesWhatGivesTheSameBytes) {
  const TempDir dir;
  ASSERT_TRUE(write_in(dir / "", large_table()).ok());
  const std::string whole = bytes_of(dir / "e");
  for (const std::string name :
       {"PARQUET_AFTER_GROUP_WRITE", "PARQUET_AFTER_CHECKPOINT", "PARQUET_AFTER_FOOTER_WRITE@1",
        "ATOMIC_WRITE_AFTER_TMP_WRITE", "ATOMIC_WRITE_AFTER_FSYNC_BEFORE_RENAME",
        "ATOMIC_WRITE_AFTER_RENAME"}) {
    const bool is_once = name.find('@') != std::string::npos;
    for (const char* hit : {"", "@2", "@77"}) {
      if (is_once && *hit != '\0') continue;
      SCOPED_TRACE(name + hit);
      fs::remove(dir / "e");
      fs::remove(dir / "e.ckpt");
      int status = 0;
      const pid_t child = start_child(dir / "", name + hit);
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_EQ(WEXITSTATUS(status), core::failpoint_exit_code());
      ASSERT_TRUE(write_in(dir / "", large_table()).ok());
      EXPECT_TRUE(bytes_of(dir / "e") == whole);
    }
  }
}

TEST(ParquetCrash, KillingAtAnyMomentLeavesWhatGivesTheSameBytes) {
  const TempDir dir;
  ASSERT_TRUE(write_in(dir / "", large_table()).ok());
  const std::string whole = bytes_of(dir / "e");
  fs::remove(dir / "e");
  fs::remove(dir / "e.ckpt");
  std::mt19937 random(7);
  int n_killed = 0;
  for (int i = 0; i < 40; ++i) {
    const pid_t child = start_child(dir / "", "");
    ::usleep(static_cast<useconds_t>(1000 + random() % 20000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    n_killed += WIFSIGNALED(status) ? 1 : 0;
    if (i % 4 != 3) continue;  // Several deaths in a row, then to the end.
    ASSERT_TRUE(write_in(dir / "", large_table()).ok());
    ASSERT_TRUE(bytes_of(dir / "e") == whole);
    fs::remove(dir / "e");
    fs::remove(dir / "e.ckpt");
  }
  EXPECT_GT(n_killed, 5);
}

}  // namespace
}  // namespace baleen::formats
