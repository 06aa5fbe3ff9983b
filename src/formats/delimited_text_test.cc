#include "formats/delimited_text.h"

#include <gmock/gmock.h>

#include <random>

namespace baleen::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::vector<std::string>> fields_of(std::string_view text,
                                                char separator = ',',
                                                Quoting quoting = Quoting::csv) {
  const auto records = split_records(text, separator, quoting);
  EXPECT_TRUE(records.ok());
  std::vector<std::vector<std::string>> fields;
  for (const TextRecord& record : *records) fields.push_back(record.fields);
  return fields;
}

std::string message_of(std::string_view text) {
  const auto records = split_records(text, ',', Quoting::csv);
  EXPECT_FALSE(records.ok());
  EXPECT_EQ(records.error().code, ErrorCode::invalid_argument);
  return records.error().message;
}

TEST(DelimitedText, EveryWayToEndALineAndToQuoteIsUnderstood) {
  EXPECT_THAT(fields_of("a,b\r\n1,2\n\r\n3,\r4"),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2"), ElementsAre("3", ""),
                          ElementsAre("4")));
  EXPECT_THAT(fields_of("\xEF\xBB\xBF\"a,\"\"b\"\"\r\nc\",d\n"),
              ElementsAre(ElementsAre("a,\"b\"\r\nc", "d")));
  EXPECT_THAT(fields_of("a\t\"b\n", '\t', Quoting::none), ElementsAre(ElementsAre("a", "\"b")));
  EXPECT_THAT(fields_of(""), ElementsAre());
}

TEST(DelimitedText, WhatIsNoTableIsRefusedWithItsLine) {
  EXPECT_THAT(message_of("a\nb,\"c\nd"), HasSubstr("line 2: a quote that is never closed"));
  EXPECT_THAT(message_of("a\n\"b\"c,d"), HasSubstr("line 2: a quote in the middle"));
  EXPECT_THAT(message_of(std::string_view("\xFF\xFE\x61\x00", 4)), HasSubstr("UTF-16"));
  EXPECT_THAT(message_of("site\nTroms\xF8\n"),
              AllOf(HasSubstr("line 2: 'Troms\xEF\xBF\xBD' is not UTF-8"), HasSubstr("CSV UTF-8")));
  EXPECT_THAT(message_of(std::string_view("a\0b", 3)), HasSubstr("no text"));
  EXPECT_THAT(message_of(std::string(20'000, ',')), HasSubstr("more than 10000 fields"));
}

TEST(DelimitedText, WhatIsWrittenIsRead) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    constexpr std::string_view kLetters = "ab\",\r\n ;\t1";
    std::vector<std::vector<std::string>> records;
    std::string text;
    for (int i = 0; i < 5; ++i) {
      std::vector<std::string>& record = records.emplace_back();
      for (int j = 0; j < 3; ++j) {
        std::string& field = record.emplace_back(1, 'x');  // No record is empty.
        while (random() % 4 != 0) field += kLetters[random() % kLetters.size()];
      }
      append_record(record, ',', Quoting::csv, text);
    }
    EXPECT_EQ(fields_of(text), records);
  }
}

TEST(DelimitedText, NumbersHaveDecimalPoints) {
  EXPECT_EQ(parse_decimal("-1.5e3", "x").value(), -1500);
  EXPECT_EQ(parse_decimal("+2", "x").value(), 2);
  EXPECT_THAT(parse_decimal("1,5", "line 3").error().message,
              HasSubstr("line 3: \"1,5\" has a decimal comma"));
  for (const char* text : {"", "x", "1.5s", "nan", "inf", "1e999", "--1", "0x10"})
    EXPECT_THAT(parse_decimal(text, "x").error().message, HasSubstr("is no number")) << text;
}

TEST(DelimitedText, ColumnsAreFoundByNameAndMissingOnesNamed) {
  const TextTable table =
      TextTable::parse("OFFSET, In File \n1.5,a\n", ',', Quoting::csv, "t").value();
  EXPECT_EQ(table.find("offset"), 0U);
  EXPECT_EQ(table.find("IN FILE"), 1U);
  EXPECT_THAT(table.column("DURATION").error().message,
              HasSubstr("t: no column \"DURATION\" among: OFFSET, In File"));
  const TextTable semicolons = TextTable::parse("a;b\n1,5;2\n", ',', Quoting::csv, "t").value();
  EXPECT_THAT(semicolons.column("a").error().message, HasSubstr("separated by semicolons"));
  EXPECT_FALSE(TextTable::parse("\n", ',', Quoting::csv, "t").ok());
}

}  // namespace
}  // namespace baleen::formats
