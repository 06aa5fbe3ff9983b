#include "audio/recording_sequence.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace baleen::audio {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t kSecond = 1'000'000;

SequenceFile file(std::string name,
                  std::string recorder,
                  std::optional<std::int64_t> start_s,
                  int duration_s) {
  return {std::move(name), std::move(recorder),
          start_s ? std::optional(*start_s * kSecond) : std::nullopt, duration_s * kSecond};
}

TEST(RecordingSequence, FilesAreOrderedForEachRecorderAndBreaksAreMeasured) {
  const std::vector<SequenceFile> files = {
      file("c.wav", "A", 7200, 3600), file("a.wav", "A", 0, 3600),
      file("x.wav", "B", 100, 10),    file("b.wav", "A", 3600, 3000),
      file("y.wav", "B", 105, 10),    file("?.wav", "B", std::nullopt, 10),
      file("z.wav", "B", 106, 2),
  };
  const RecordingOrder order = order_recordings(files);
  EXPECT_THAT(order.unplaced, ElementsAre(5));
  ASSERT_EQ(order.sequences.size(), 2U);
  const RecordingSequence& a = order.sequences[0];
  ASSERT_EQ(a.entries.size(), 3U);
  EXPECT_EQ(a.entries[0].file, 1U);
  EXPECT_EQ(a.entries[1].file, 3U);
  EXPECT_EQ(a.entries[2].file, 0U);
  EXPECT_EQ(a.entries[0].gap_us, 0);
  EXPECT_EQ(a.entries[1].gap_us, 0);
  EXPECT_EQ(a.entries[2].gap_us, 600 * kSecond);
  EXPECT_EQ(a.recorded_us, 10'200 * kSecond);
  EXPECT_EQ(a.gaps_us, 600 * kSecond);
  EXPECT_EQ(a.overlaps_us, 0);
  EXPECT_THAT(describe_breaks(a, files), ElementsAre("A: a gap of 600.0 s before c.wav"));
  const RecordingSequence& b = order.sequences[1];
  EXPECT_EQ(b.entries[1].gap_us, -5 * kSecond);
  EXPECT_EQ(b.entries[2].gap_us, -9 * kSecond);  // Wholly inside of what there is.
  EXPECT_EQ(b.recorded_us, 15 * kSecond);
  EXPECT_EQ(b.overlaps_us, 7 * kSecond);
  EXPECT_THAT(describe_breaks(b, files),
              ElementsAre("B: y.wav begins 5.0 s before what was recorded ends",
                          "B: z.wav begins 9.0 s before what was recorded ends"));
}

TEST(RecordingSequence, TheOrderDoesNotDependOnTheGivenOne) {
  std::vector<SequenceFile> files = {file("b", "", 5, 1), file("a", "", 5, 1), file("c", "", 2, 1)};
  std::vector<std::string> names;
  const auto order_of = [&] {
    std::vector<std::string> order;
    const RecordingOrder placed = order_recordings(files);
    for (const SequenceEntry& entry : placed.sequences[0].entries)
      order.push_back(files[entry.file].name);
    return order;
  };
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  do {
    EXPECT_THAT(order_of(), ElementsAre("c", "a", "b"));
  } while (std::next_permutation(files.begin(), files.end(),
                                 [](const auto& a, const auto& b) { return a.name < b.name; }));
}

TEST(RecordingSequence, ASecondMoreOrLessIsNoBreak) {
  std::vector<SequenceFile> files = {file("a", "", 0, 10), file("b", "", 11, 10),
                                     file("c", "", 20, 10)};
  const RecordingOrder order = order_recordings(files);
  EXPECT_TRUE(describe_breaks(order.sequences[0], files).empty());
  EXPECT_EQ(describe_breaks(order_recordings(files, 0).sequences[0], files).size(), 2U);
  EXPECT_TRUE(order_recordings({}).sequences.empty());
}

}  // namespace
}  // namespace baleen::audio
