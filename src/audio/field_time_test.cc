#include "audio/field_time.h"

#include <gtest/gtest.h>

namespace baleen::audio {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::int64_t kSixUs = 1'558'504'800'000'000;  // 2019-05-22T06:00:00Z, by `date -d … +%s`.

TEST(FieldTime, IsoFormsAreUnderstood) {
  const auto check = [](std::string_view text, std::int64_t wall_us, std::optional<int> offset_s) {
    SCOPED_TRACE(text);
    const auto time = parse_field_time(text);
    ASSERT_TRUE(time.has_value());
    EXPECT_EQ(time->wall_us, wall_us);
    EXPECT_EQ(time->utc_offset_s, offset_s);
  };
  check("2019-05-22T06:00:00Z", kSixUs, 0);
  check("2019-05-22 06:00:00", kSixUs, std::nullopt);
  check(" 2019-05-22T06:00:00.25+02:00 ", kSixUs + 250'000, 7200);
  check("2019-05-22T06:00:00.1234567-0400", kSixUs + 123'456, -14'400);
  check("20190522T060000+0545", kSixUs, 20'700);
  check("20190522 060000Z", kSixUs, 0);
  check("2019-05-22T06:00", kSixUs, std::nullopt);
  check("2019-05-22 06:00:00-05", kSixUs, -18'000);
}

TEST(FieldTime, WhatIsNoTimeIsNone) {
  for (const char* text :
       {"", "2019", "2019-05-22", "2019-13-22T06:00:00", "2019-02-29T06:00:00",
        "2019-05-22T24:00:00", "2019-05-22T06:60:00", "2019-05-22T06:00:00+15:00",
        "2019-05-22T06:00:00+02:07", "2019-05-22T06:00:00 or so", "1970-01-01T00:00:00Z",
        "0000-00-00T00:00:00", "2019-05-22T06:00:00.", "2019-05-22T06:00:00++02",
        "2019-0522T06:00:00"})
    EXPECT_FALSE(parse_field_time(text).has_value()) << text;
}

TEST(FieldTime, TheInstantNeedsTheZone) {
  EXPECT_EQ((FieldTime{kSixUs, 7200}).utc_us(), kSixUs - 2 * kHourUs);
  EXPECT_EQ((FieldTime{kSixUs, std::nullopt}).utc_us(), std::nullopt);
  EXPECT_EQ(to_string({kSixUs, 7200}), "2019-05-22T06:00:00+02:00");
  EXPECT_EQ(to_string({kSixUs + 5000, -12'600}), "2019-05-22T06:00:00.005-03:30");
  EXPECT_EQ(to_string({kSixUs, 0}), "2019-05-22T06:00:00Z");
  EXPECT_EQ(to_string({kSixUs, std::nullopt}), "2019-05-22T06:00:00");
}

TEST(FieldTime, EveryTextThatIsWrittenIsRead) {
  for (int offset_s = -12 * 3600; offset_s <= 14 * 3600; offset_s += 900) {
    const FieldTime time{kSixUs + 7000, offset_s};
    EXPECT_EQ(parse_field_time(to_string(time)), time) << to_string(time);
  }
}

}  // namespace
}  // namespace baleen::audio
