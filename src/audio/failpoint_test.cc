#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "audio/normalize.h"
#include "audio/testing/test_audio.h"

// The failpoints of the decode stage, each at several hits, in processes that really die there.
// This program runs itself with the failpoint in its environment.

namespace baleen::audio {
namespace {

using testing::noise;
using testing::read_bytes;
using testing::TempDir;
using testing::to_16_bits;
using testing::wav_bytes;
using testing::write_bytes;

constexpr NormalizeOptions kOptions = {.chunk_s = 0.5};

NormalizePaths paths_in(const std::filesystem::path& dir) {
  return {dir / "source.wav", dir / "part.wav", dir / "part.ckpt"};
}

/// The exit status of this program doing nothing but normalise in `dir`.
int run_child(const std::filesystem::path& dir, const std::string& failpoint) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("SSIS_ENABLE_FAILPOINTS", "1", 1);
    ::setenv("SSIS_FAILPOINT", failpoint.c_str(), 1);
    ::setenv("BALEEN_TEST_NORMALIZE_IN", dir.c_str(), 1);
    ::execl("/proc/self/exe", "child", "--gtest_filter=Child.Normalizes", nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Child, Normalizes) {
  const char* dir = std::getenv("BALEEN_TEST_NORMALIZE_IN");
  if (dir == nullptr) GTEST_SKIP() << "only of use as a child of the other test";
  EXPECT_TRUE(normalize(paths_in(dir), kOptions).ok());
}

TEST(DecodeFailpoints, DyingAtEachLeavesWhatGivesTheSameBytes) {
  const TempDir dir(testing::memory_folder());
  write_bytes(dir / "source.wav",
              wav_bytes({.sample_rate = 44100, .channels = 2}, to_16_bits(noise(2 * 132'300, 1))));
  const NormalizePaths paths = paths_in(dir.path());
  ASSERT_TRUE(normalize(paths, kOptions).ok());
  const std::string whole = read_bytes(paths.partial);
  for (const std::string name :
       {"DECODE_AFTER_CHUNK_WRITE", "DECODE_AFTER_CHECKPOINT", "ATOMIC_WRITE_AFTER_TMP_WRITE",
        "ATOMIC_WRITE_AFTER_FSYNC_BEFORE_RENAME", "ATOMIC_WRITE_AFTER_RENAME"}) {
    for (const std::string hit : {"", "@3", "@6"}) {
      SCOPED_TRACE(name + hit);
      std::filesystem::remove(paths.partial);
      std::filesystem::remove(paths.checkpoint);
      ASSERT_EQ(run_child(dir.path(), name + hit), 42);
      ASSERT_EQ(run_child(dir.path(), "NONE"), 0);
      EXPECT_TRUE(read_bytes(paths.partial) == whole);
      EXPECT_FALSE(std::filesystem::exists(paths.checkpoint.string() + ".tmp"));
    }
  }
}

}  // namespace
}  // namespace baleen::audio
