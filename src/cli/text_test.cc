#include "cli/text.h"

#include <gtest/gtest.h>

namespace baleen::cli {
namespace {

TEST(Position, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_position("75"), 75);
  EXPECT_EQ(parse_position("1:15.5"), 75.5);
  EXPECT_EQ(parse_position("1:02:03"), 3723);
  EXPECT_EQ(parse_position("90:00"), 5400);
  for (const char* wrong : {"", ":", "1:", "1:75", "-1", "1:2:3:4", "nan", "inf", "5s", "1,5"})
    EXPECT_EQ(parse_position(wrong), std::nullopt) << wrong;
}

TEST(Position, IsWrittenWithTenths) {
  EXPECT_EQ(position_text(0), "0:00.0");
  EXPECT_EQ(position_text(59.96), "1:00.0");
  EXPECT_EQ(position_text(3723.5), "1:02:03.5");
}

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
