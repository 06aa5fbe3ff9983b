#include "cli/files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/file.h"

namespace baleen::cli {
namespace {

TEST(FindFiles, TakesAudioBelowAFolderAndAnythingThatIsNamed) {
  const std::filesystem::path root =
      ::testing::TempDir() + "baleen_files_test_" + std::to_string(::getpid());
  for (const char* name :
       {"b.WAV", "a.flac", "sub/c.mp3", ".hidden.wav", "notes.txt", "data/x.wav"}) {
    ASSERT_TRUE(core::write_file_atomic(root / name, "x").ok());
  }
  std::filesystem::create_directory_symlink(root, root / "loop");
  const FoundFiles found =
      find_files({root.string(), (root / "notes.txt").string(), "missing"}, root / "data");
  const std::vector<std::filesystem::path> expected = {
      root / "a.flac", root / "b.WAV", root / "sub/c.mp3", root / "notes.txt", "missing"};
  EXPECT_EQ(found.files, expected);
  EXPECT_EQ(found.n_skipped, 1);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace baleen::cli
