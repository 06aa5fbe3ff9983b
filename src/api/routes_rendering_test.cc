#include <gtest/gtest.h>

#include "api/testing/service_fixture.h"

namespace baleen::api {
namespace {

class RenderingRoutesTest : public testing::ServiceFixture {
 protected:
  testing::Reply get(const std::string& what) {
    return ask("GET", "/v1/assets/" + assets_["anna"] + "/" + what,
               token(ops::TokenScope::read, "anna"));
  }
};

TEST_F(RenderingRoutesTest, AThumbnailIsAskedForWithAllItsParameters) {
  const testing::Reply reply = get("thumbnail?start_s=1.5&end_s=4&width=300");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "5");
  EXPECT_EQ(reply.header("Content-Type"), "image/png");
  EXPECT_EQ(reply.header("Cache-Control"), "private, max-age=31536000, immutable");
  EXPECT_EQ(reply.header("ETag"), "\"thumbnail\"");
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(
      asked_[0],
      (json::object{
          {"start_s", 1.5}, {"end_s", 4.0}, {"width", 300}, {"height", 128}, {"high_hz", 0.0}}));
}

TEST_F(RenderingRoutesTest, AClipIsSentInPartsToo) {
  EXPECT_EQ(get("clip?start_s=0&end_s=1&speed=0.1").status, 200);
  EXPECT_EQ(asked_.at(0), (json::object{{"start_s", 0.0}, {"end_s", 1.0}, {"speed", 0.1}}));
  const testing::Reply part =
      ask("GET", "/v1/assets/" + assets_["anna"] + "/clip?start_s=0&end_s=1",
          token(ops::TokenScope::read, "anna"), "", "Range: bytes=0-0\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.header("Content-Type"), "audio/wav");
}

TEST_F(RenderingRoutesTest, WhatMakesNoSenseIsNotAskedFor) {
  for (const std::string query :
       {"", "?start_s=0", "?start_s=1&end_s=1", "?start_s=-1&end_s=1", "?start_s=nan&end_s=1",
        "?start_s=0&end_s=inf", "?start_s=0&end_s=1&width=7", "?start_s=0&end_s=1&height=513",
        "?start_s=0&end_s=1&high_hz=-1", "?start_s=0&end_s=1&speed=1"}) {
    EXPECT_EQ(get("thumbnail" + query).status, 400) << query;
  }
  EXPECT_EQ(get("clip?start_s=0&end_s=1&speed=0").status, 400);
  EXPECT_EQ(get("clip?start_s=0&end_s=60.1").status, 413);
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace baleen::api
