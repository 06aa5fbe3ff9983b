#include "engine/copy_in.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdarg>
#include <functional>
#include <thread>

#include "core/sha256.h"
#include "core/sparse_file.h"
#include "core/testing/syscall_faults.h"
#include "engine/ingest.h"
#include "engine/testing/engine_fixture.h"

namespace {

/// What FICLONE does in this program: nothing of the kind, unless a test says so.
std::function<int(int copy, int source)>& on_clone() {
  static std::function<int(int, int)> function;
  return function;
}

}  // namespace

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const auto argument = va_arg(arguments, long);
  va_end(arguments);
  if (request != FICLONE) return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
  if (on_clone()) return on_clone()(fd, static_cast<int>(argument));
  errno = EOPNOTSUPP;
  return -1;
}

namespace baleen::engine {
namespace {

using core::testing::syscall_faults;

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class CopyIn : public testing::EngineFixture {
 protected:
  void SetUp() override { std::filesystem::create_directories(root_.path / "source"); }
  void TearDown() override {
    syscall_faults().reset();
    on_clone() = nullptr;
  }
  std::filesystem::path path(const char* name) { return root_.path / "source" / name; }

  /// A file of 16 MiB with 1 MiB of data in it, which begins and ends with a hole.
  std::filesystem::path holey() {
    const core::Fd file = core::create_file(path("holey.wav")).value();
    EXPECT_TRUE(core::write_all_at(file, bytes_of(std::string(kMiB, 'a')), 7 * kMiB).ok());
    EXPECT_TRUE(core::set_file_size(file, 16 * kMiB + 3).ok());
    return path("holey.wav");
  }
  static std::int64_t allocated_bytes(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return std::int64_t{512} * status.st_blocks;
  }
  Result<Digest> copy(const std::filesystem::path& from) {
    return copy_in(core::open_read(from).value(), path("copy"));
  }
  static std::string text_of(const std::filesystem::path& path) {
    const core::Fd file = core::open_read(path).value();
    std::string text(static_cast<std::size_t>(core::file_size_bytes(path).value()), 'x');
    std::size_t filled = 0;
    while (filled < text.size()) {
      const std::size_t n =
          core::read_some(file, std::as_writable_bytes(std::span(text).subspan(filled))).value();
      if (n == 0) break;
      filled += n;
    }
    return text.substr(0, filled);
  }
  /// The digest is that of what lies in the copy.
  void expect_true(const Digest& digest) {
    EXPECT_EQ(digest.sha256, core::sha256_hex(text_of(path("copy"))));
    EXPECT_EQ(digest.bytes, core::file_size_bytes(path("copy")).value());
    EXPECT_EQ(digest.first_bytes, text_of(path("copy")).substr(0, 64));
  }
};

TEST_F(CopyIn, HolesStayHoles) {
  const auto source = holey();
  if (allocated_bytes(source) > 4 * kMiB) GTEST_SKIP() << "this file system knows no holes";
  const Digest digest = copy(source).value();
  expect_true(digest);
  EXPECT_EQ(text_of(path("copy")), text_of(source));
  EXPECT_EQ(allocated_bytes(path("copy")), allocated_bytes(source));
  EXPECT_EQ(hash_file(core::open_read(source).value()).value().sha256, digest.sha256);
}

TEST_F(CopyIn, AnAssetOfAFileWithHolesTakesNoMoreSpaceThanTheFile) {
  const auto source = holey();
  if (allocated_bytes(source) > 4 * kMiB) GTEST_SKIP() << "this file system knows no holes";
  const auto no_probe = [](const auto&) -> Result<json::object> { return json::object{}; };
  const store::Asset asset =
      ingest_file(database_, root_, {source, "me", {}}, no_probe).value().asset;
  EXPECT_EQ(allocated_bytes(root_.at(asset.original_path)), allocated_bytes(source));
  EXPECT_EQ(asset.content_hash, core::sha256_hex(text_of(source)));
  EXPECT_FALSE(ingest_file(database_, root_, {source, "me", {}}, no_probe).value().is_new);
}

TEST_F(CopyIn, FilesOfNothingAndOfNothingButAHoleAreCopied) {
  ASSERT_TRUE(core::set_file_size(core::create_file(path("a")).value(), 100).ok());
  expect_true(copy(path("a")).value());
  ASSERT_TRUE(core::set_file_size(core::create_file(path("b")).value(), 0).ok());
  expect_true(copy(path("b")).value());
}

TEST_F(CopyIn, WhereAFileSystemKnowsNoHolesTheBytesAreTheSame) {
  const auto source = holey();
  syscall_faults().call = "lseek";
  syscall_faults().error = EINVAL;
  const Digest digest = copy(source).value();
  syscall_faults().reset();
  expect_true(digest);
  EXPECT_EQ(text_of(path("copy")), text_of(source));
}

TEST_F(CopyIn, TheDigestIsThatOfTheCopyHoweverTheSourceChangesMeanwhile) {
  const auto source = holey();
  std::atomic<bool> is_over = false;
  std::thread changes([&] {
    const core::Fd file(::open(source.c_str(), O_RDWR | O_CLOEXEC));
    const std::string bytes(kMiB, 'b');
    for (std::int64_t i = 0; !is_over; ++i) {
      EXPECT_TRUE(core::write_all_at(file, bytes_of(bytes), (i * 5 % 14) * kMiB).ok());
      EXPECT_TRUE(core::set_file_size(file, (8 + i * 3 % 9) * kMiB + 3).ok());
    }
  });
  for (int i = 0; i < 5; ++i) {
    SCOPED_TRACE(i);
    const Result<Digest> digest = copy(source);
    ASSERT_TRUE(digest.ok()) << digest.error().to_string();
    expect_true(*digest);
  }
  is_over = true;
  changes.join();
}

TEST_F(CopyIn, ACloneIsTakenWhereThereIsOneAndItIsTheCloneThatIsHashed) {
  const auto source = holey();
  on_clone() = [&](int to, int) {  // As if somebody wrote to the source right behind the clone.
    const std::string text = "what was cloned";
    EXPECT_EQ(::pwrite(to, text.data(), text.size(), 0), std::ssize(text));
    return 0;
  };
  expect_true(copy(source).value());
  EXPECT_EQ(text_of(path("copy")), "what was cloned");
}

TEST_F(CopyIn, OfACloneGivenUpHalfwayNothingIsLeft) {
  const auto source = holey();
  on_clone() = [&](int to, int) {
    EXPECT_EQ(::pwrite(to, "rest", 4, 0), 4);  // Where the source has a hole.
    errno = EIO;
    return -1;
  };
  expect_true(copy(source).value());
  EXPECT_EQ(text_of(path("copy")), text_of(source));
}

TEST_F(CopyIn, ItStopsWithinAFewMegabytesOfHoleOrData) {
  const auto source = holey();
  for (int n = 0; n < 3; ++n) {
    SCOPED_TRACE(n);
    int n_asked = 0;
    const auto keep_going = [&] { return n_asked++ < n; };
    const Result<Digest> digest =
        copy_in(core::open_read(source).value(), path("copy"), keep_going);
    EXPECT_EQ(digest.ok() ? ErrorCode::internal : digest.error().code, ErrorCode::canceled);
    EXPECT_EQ(n_asked, n + 1);
  }
  const auto never = [] { return false; };
  const auto no_probe = [](const auto&) -> Result<json::object> { return json::object{}; };
  EXPECT_EQ(ingest_file(database_, root_, {source, "me", {}, never}, no_probe).error().code,
            ErrorCode::canceled);
  EXPECT_TRUE(std::filesystem::is_empty(root_.incoming())) << "nothing is left";
  EXPECT_TRUE(ingest_file(database_, root_, {source, "me", {}}, no_probe).value().is_new);
  EXPECT_EQ(ingest_file(database_, root_, {source, "me", {}, never}, no_probe).error().code,
            ErrorCode::canceled)
      << "and while it is looked at whether it is known";
}

TEST_F(CopyIn, EachFaultHasItsCode) {
  const auto source = holey();
  const auto code_with = [&](const char* call, int error) {
    syscall_faults().call = call;
    syscall_faults().error = error;
    const Result<Digest> digest = copy(source);
    syscall_faults().reset();
    return digest.ok() ? ErrorCode::internal : digest.error().code;
  };
  EXPECT_EQ(code_with("pwrite", ENOSPC), ErrorCode::disk_full);
  EXPECT_EQ(code_with("pwrite", EIO), ErrorCode::ingest_failed);
  EXPECT_EQ(code_with("ftruncate", EIO), ErrorCode::ingest_failed);
  EXPECT_EQ(code_with("fsync", EIO), ErrorCode::io_error);
  EXPECT_EQ(code_with("pread", EIO), ErrorCode::hash_failed);
}

}  // namespace
}  // namespace baleen::engine
