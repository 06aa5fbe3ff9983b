#include "core/json.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

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

TEST(Json, WhatJsonCannotSayIsNull) {
  const json::object object{
      {"nan", std::nan("")}, {"big", std::uint64_t{1} << 63U}, {"none", nullptr}};
  EXPECT_EQ(to_json(object), R"({"nan":null,"big":9223372036854775808,"none":null})");
}

TEST(Json, APieceAtATimeIsTheSameText) {
  json::array list;
  for (int i = 0; i < 30'000; ++i)
    list.push_back({{"b", i}, {"a", std::string(3, 'x')}, {"c", json::array{}}});
  std::string pretty, canonical;
  int n_pieces = 0;
  print_pretty_json(list, [&](std::string_view piece) {
    pretty += piece;
    ++n_pieces;
  });
  print_canonical_json(list, [&](std::string_view piece) { canonical += piece; });
  EXPECT_EQ(pretty, to_pretty_json(list));
  EXPECT_EQ(canonical, to_canonical_json(list));
  EXPECT_GT(n_pieces, 3);
}

TEST(Json, MembersOfAnotherTypeAreAbsent) {
  const json::object object{{"s", 1}, {"d", "x"}, {"i", "x"}, {"b", 1},
                            {"o", 1}, {"a", 1},   {"f", 2.5}};
  EXPECT_EQ(get_string(object, "s", "none"), "none");
  EXPECT_EQ(get_double(object, "d", 1.5), 1.5);
  EXPECT_EQ(get_int(object, "i", 7), 7);
  EXPECT_EQ(get_bool(object, "b", true), true);
  EXPECT_TRUE(get_object(object, "o").empty());
  EXPECT_TRUE(get_array(object, "a").empty());
  EXPECT_EQ(get_double(object, "s", 0), 1.0);
  EXPECT_EQ(get_double(object, "nothing", 3), 3);
}

TEST(Json, AFileThatIsNoneOrTooBigIsRefused) {
  const auto path =
      std::filesystem::temp_directory_path() / ("baleen_json_" + std::to_string(::getpid()));
  EXPECT_EQ(read_json_file(path).error().code, ErrorCode::file_not_found);
  std::ofstream(path) << "{\"a\": [1, 2";
  EXPECT_FALSE(read_json_file(path).ok());
  std::ofstream(path) << "{\"a\": [1, 2]} x";
  EXPECT_FALSE(read_json_file(path).ok());
  std::ofstream(path) << "{\"a\": [1, 2]}";
  EXPECT_EQ(read_json_file(path).value().as_object().at("a").as_array().size(), 2U);
  std::filesystem::resize_file(path, (std::int64_t{64} << 20) + 1);
  EXPECT_EQ(read_json_file(path).error().code, ErrorCode::invalid_argument);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace baleen::core
