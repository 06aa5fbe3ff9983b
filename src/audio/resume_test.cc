#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <string>
#include <vector>

#include "audio/normalize.h"
#include "audio/testing/awkward_sources.h"
#include "audio/testing/test_audio.h"

// Any number of crashes and resumes must give the bytes of an undisturbed run.

namespace baleen::audio {
namespace {

using testing::kSourceS;
using testing::noise;
using testing::read_bytes;
using testing::source_bytes;
using testing::SourceKind;
using testing::TempDir;
using testing::to_16_bits;
using testing::wav_bytes;
using testing::WavSpec;
using testing::write_bytes;

class Resume : public ::testing::TestWithParam<SourceKind> {
 protected:
  void SetUp() override {
    write_bytes(dir_ / "source.wav", source_bytes(GetParam()));
    const NormalizePaths paths = {dir_ / "source.wav", dir_ / "whole.wav", dir_ / "whole.ckpt"};
    const Result<NormalizeReport> report = normalize(paths, options_);
    ASSERT_TRUE(report.ok()) << report.error().to_string();
    whole_report_ = *report;
    whole_ = read_bytes(dir_ / "whole.wav");
    ASSERT_GE(report->chunks, 10);
  }

  [[nodiscard]] NormalizePaths paths() const {
    return {dir_ / "source.wav", dir_ / "part.wav", dir_ / "part.ckpt"};
  }

  /// Runs until `n_chunks` chunks have been committed in this run.
  void run_and_stop_after(int n_chunks) {
    int n_seen = 0;
    const auto stop = [&](double, double) { return ++n_seen < n_chunks; };
    const Result<NormalizeReport> report = normalize(paths(), options_, stop);
    ASSERT_FALSE(report.ok());
    ASSERT_EQ(report.error().code, ErrorCode::canceled);
  }

  NormalizeReport finish_and_compare() {
    const Result<NormalizeReport> report = normalize(paths(), options_);
    EXPECT_TRUE(report.ok());
    if (!report.ok()) return {};
    EXPECT_TRUE(read_bytes(paths().partial) == whole_) << "the bytes differ";
    EXPECT_EQ(report->output_samples, whole_report_.output_samples);
    EXPECT_EQ(report->duration_s, whole_report_.duration_s);
    EXPECT_EQ(report->chunks, whole_report_.chunks);
    EXPECT_EQ(report->clipped_samples, whole_report_.clipped_samples);
    return *report;
  }

  void start_over() const {
    std::filesystem::remove(paths().partial);
    std::filesystem::remove(paths().checkpoint);
  }

  TempDir dir_{testing::memory_folder()};
  NormalizeOptions options_{.chunk_s = 0.5};
  NormalizeReport whole_report_;
  std::string whole_;
};
INSTANTIATE_TEST_SUITE_P(Kinds,
                         Resume,
                         ::testing::Values(SourceKind::pcm,
                                           SourceKind::adpcm,
                                           SourceKind::changing),
                         [](const auto& kind) {
                           switch (kind.param) {
                             case SourceKind::pcm: return "Pcm";
                             case SourceKind::adpcm: return "Adpcm";
                             case SourceKind::changing: break;
                           }
                           return "Changing";
                         });

TEST_P(Resume, AfterAStopAtEveryChunk) {
  for (int n_chunks = 1; n_chunks < 10; ++n_chunks) {
    SCOPED_TRACE(n_chunks);
    start_over();
    run_and_stop_after(n_chunks);
    EXPECT_EQ(finish_and_compare().resumed_chunks, n_chunks);
  }
}

TEST_P(Resume, AfterAStopAfterEachSingleChunk) {
  for (int i = 0; i < 10; ++i) run_and_stop_after(1);
  EXPECT_EQ(finish_and_compare().resumed_chunks, 10);
}

TEST_P(Resume, AFinishedRunIsNotDoneAgain) {
  ASSERT_TRUE(normalize(paths(), options_).ok());
  const NormalizeReport again = finish_and_compare();
  EXPECT_EQ(again.resumed_chunks, again.chunks);
  EXPECT_EQ(again.decode_s, 0);
}

TEST_P(Resume, FromATornPartialFile) {
  std::mt19937 generator(11);
  for (int i = 0; i < 12; ++i) {
    SCOPED_TRACE(i);
    start_over();
    run_and_stop_after(5);
    const auto size = std::filesystem::file_size(paths().partial);
    // Shorter than the checkpoint says, or with rubbish behind what it vouches for.
    const auto new_size = std::uniform_int_distribution<std::uintmax_t>(0, 2 * size)(generator);
    std::string bytes = read_bytes(paths().partial);
    bytes.resize(new_size, 'x');
    write_bytes(paths().partial, bytes);
    finish_and_compare();
  }
}

TEST_P(Resume, NotFromAPartialFileWithChangedSamples) {
  run_and_stop_after(5);
  std::string bytes = read_bytes(paths().partial);
  bytes[1'000] = static_cast<char>(bytes[1'000] ^ 0x40);
  write_bytes(paths().partial, bytes);
  EXPECT_EQ(finish_and_compare().resumed_chunks, 0);
}

TEST_P(Resume, NotFromADamagedCheckpoint) {
  run_and_stop_after(5);
  const std::string partial = read_bytes(paths().partial);
  const std::string checkpoint = read_bytes(paths().checkpoint);
  std::mt19937 generator(5);
  for (int i = 0; i < 30; ++i) {
    SCOPED_TRACE(i);
    std::string damaged = checkpoint;
    const std::size_t place = generator() % damaged.size();
    if (i % 3 == 0) {
      damaged.resize(place);
    } else {
      damaged[place] = static_cast<char>(damaged[place] ^ (1 << (i % 7)));
    }
    write_bytes(paths().partial, partial);
    write_bytes(paths().checkpoint, damaged);
    EXPECT_EQ(finish_and_compare().resumed_chunks, 0);
  }
}

TEST_P(Resume, NotFromTheCheckpointOfAnotherSource) {
  write_bytes(dir_ / "source.wav", source_bytes(GetParam(), /*seed=*/2));
  run_and_stop_after(5);
  write_bytes(dir_ / "source.wav", source_bytes(GetParam()));
  EXPECT_EQ(finish_and_compare().resumed_chunks, 0);
}

TEST_P(Resume, NotFromTheCheckpointOfOtherParameters) {
  options_.sample_rate = Hertz{16000};
  run_and_stop_after(5);
  options_.sample_rate = Hertz{22050};
  EXPECT_EQ(finish_and_compare().resumed_chunks, 0);
}

TEST_P(Resume, WithAnOlderCheckpointThanPartial) {
  run_and_stop_after(3);
  const std::string checkpoint = read_bytes(paths().checkpoint);
  run_and_stop_after(4);
  write_bytes(paths().checkpoint, checkpoint);
  EXPECT_EQ(finish_and_compare().resumed_chunks, 3);
}

TEST_P(Resume, NotWithAnOlderPartialThanCheckpoint) {
  run_and_stop_after(3);
  const std::string partial = read_bytes(paths().partial);
  run_and_stop_after(4);
  write_bytes(paths().partial, partial);
  EXPECT_EQ(finish_and_compare().resumed_chunks, 0);
}

TEST_P(Resume, AfterKillsAtAnyInstant) {
  std::mt19937 generator(3);
  for (int round = 0; round < 4; ++round) {
    start_over();
    for (int kill = 0; kill < 6; ++kill) {
      const pid_t child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        const Result<NormalizeReport> report = normalize(paths(), options_);
        ::_exit(report.ok() ? 0 : 1);
      }
      ::usleep(static_cast<useconds_t>(generator() % 25'000));
      ::kill(child, SIGKILL);
      int status = 0;
      ::waitpid(child, &status, 0);
      ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    finish_and_compare();
    EXPECT_FALSE(std::filesystem::exists(paths().checkpoint.string() + ".tmp"));
  }
}

TEST_P(Resume, APartialThatAnotherProcessHoldsIsAConflict) {
  run_and_stop_after(5);
  const std::string partial = read_bytes(paths().partial);
  const int holder = ::open(paths().partial.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(holder, LOCK_EX | LOCK_NB), 0);
  const Result<NormalizeReport> report = normalize(paths(), options_);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::conflict);
  EXPECT_TRUE(read_bytes(paths().partial) == partial);
  ::close(holder);
  EXPECT_EQ(finish_and_compare().resumed_chunks, 5);
}

TEST_P(Resume, CountsOfDamagedSamplesAreThoseOfAnUndisturbedRun) {
  std::vector<float> data(static_cast<std::size_t>(kSourceS * 44100), 0.9F);
  for (std::size_t i = 0; i < data.size(); i += 1000) data[i] = std::nanf("");
  for (std::size_t i = 500; i < data.size(); i += 1000) data[i] = 4.0F;
  write_bytes(dir_ / "source.wav", wav_bytes({.sample_rate = 44100, .bits = 32, .is_float = true},
                                             testing::bytes_of(data)));
  const Result<NormalizeReport> whole = normalize(paths(), options_);
  ASSERT_TRUE(whole.ok());
  start_over();
  for (int i = 0; i < 7; ++i) run_and_stop_after(1);
  const Result<NormalizeReport> resumed = normalize(paths(), options_);
  ASSERT_TRUE(resumed.ok());
  EXPECT_EQ(resumed->resumed_chunks, 7);
  EXPECT_EQ(resumed->nan_samples, whole->nan_samples);
  EXPECT_EQ(whole->nan_samples, (std::ssize(data) + 999) / 1000);
  EXPECT_EQ(resumed->clipped_samples, whole->clipped_samples);
  EXPECT_GT(whole->clipped_samples, 0);
}

}  // namespace
}  // namespace baleen::audio
