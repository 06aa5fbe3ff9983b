#include "cli/text.h"

#include <gtest/gtest.h>

namespace baleen::cli {
namespace {

TEST(Text, WritesSizesAndDurationsForPeople) {
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1'234'567), "1.2 MB");
  EXPECT_EQ(human_duration(0.0123), "12 ms");
  EXPECT_EQ(human_duration(61), "1 min 01 s");
  EXPECT_EQ(human_duration(86'400), "24 h 00 min");
}

TEST(Text, NeverSendsControlCharactersOfAFileNameToTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\xff"), "a?[2Jb?\xef\xbf\xbd");
  EXPECT_EQ(printable("abcdefghij", 5), "ab…ij");
}

TEST(Text, GuessesTheWordThatWasMeant) {
  EXPECT_EQ(did_you_mean("wroker", {"run", "worker"}), ", did you mean 'worker'?");
  EXPECT_EQ(did_you_mean("xyz", {"run", "worker"}), "");
}

TEST(Table, AlignsColumnsByCodePoints) {
  Table table({"a", "b"});
  table.add({"é", "x"});
  table.add({"long", "y"});
  EXPECT_EQ(table.to_string(), "a     b\né     x\nlong  y\n");
}

}  // namespace
}  // namespace baleen::cli
