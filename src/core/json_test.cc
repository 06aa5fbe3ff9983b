#include "core/json.h"

#include <gtest/gtest.h>

namespace baleen::core {
namespace {

TEST(Json, WritesNumbersAsPeopleDo) {
  EXPECT_EQ(to_json(json::value{{"a", 0.5}, {"b", 3}, {"c", 60.0}, {"d", 1e-10}}),
            R"({"a":0.5,"b":3,"c":60.0,"d":1e-10})");
}

TEST(Json, CanonicalTextIsTheSameForEveryOrderOfKeys) {
  const json::value one{{"b", 1}, {"a", {{"d", 2}, {"c", 3}}}};
  const json::value other{{"a", {{"c", 3}, {"d", 2}}}, {"b", 1}};
  EXPECT_EQ(to_canonical_json(one), to_canonical_json(other));
  EXPECT_NE(to_json(one), to_json(other));
}

TEST(Json, ReadsBackWhatItWrote) {
  const json::value value{
      {"text", "a\"\\\n\u00e9"}, {"list", {1, 2.5, nullptr, true}}, {"empty", json::object{}}};
  for (const std::string& text :
       {to_json(value), to_pretty_json(value), to_canonical_json(value)}) {
    EXPECT_EQ(parse_json(text, "test").value(), value) << text;
  }
}

TEST(Json, WritesValidUtf8WhateverItIsGiven) {
  EXPECT_EQ(
      valid_utf8("a\xff\xc3\xa9\xed\xa0\x80\xf0\x9f\x90\x8b\xc3"),
      "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x90\x8b\xef\xbf\xbd");
  EXPECT_TRUE(parse_json(to_json(json::value{{"name", "\xff\xfe.wav"}}), "test").ok());
}

TEST(Json, RefusesDeepNestingAndGarbage) {
  EXPECT_FALSE(parse_json(std::string(100, '['), "deep").ok());
  EXPECT_FALSE(parse_json("{\"a\":1}x", "trailing").ok());
  EXPECT_EQ(parse_json("nope", "word").error().code, ErrorCode::invalid_argument);
}

TEST(Json, GettersFallBackOnAbsentOrForeignTypes) {
  const json::object object{{"n", 3}, {"s", "x"}};
  EXPECT_EQ(get_int(object, "n"), 3);
  EXPECT_EQ(get_int(object, "s", 7), 7);
  EXPECT_EQ(get_string(object, "missing", "d"), "d");
  EXPECT_DOUBLE_EQ(get_double(object, "n"), 3.0);
}

}  // namespace
}  // namespace baleen::core
