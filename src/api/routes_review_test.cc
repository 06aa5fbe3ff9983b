#include <gtest/gtest.h>

#include "api/testing/service_fixture.h"

namespace baleen::api {
namespace {

using ops::TokenScope;
using testing::Reply;

class ReviewRoutesTest : public testing::ServiceFixture {
 protected:
  ReviewRoutesTest() : anna_(token(TokenScope::submit, "anna")) {}
  const std::string anna_;
  const std::string own_ = "/v1/clusterings/" + clustering_of("anna");
};

TEST_F(ReviewRoutesTest, AClusteringIsFoundUnderItsCollectionAndByItsId) {
  EXPECT_EQ(parsed(ask("GET", "/v1/collections/" + collections_["anna"] + "/clusterings", anna_))
                .at("list"),
            json::value(collections_["anna"]));
  EXPECT_EQ(parsed(ask("GET", own_, anna_)).at("show"), json::value(clustering_of("anna")));
  for (const char* what : {"recordings", "actions"})
    EXPECT_TRUE(parsed(ask("GET", own_ + "/" + what, anna_)).as_object().contains(what));
}

TEST_F(ReviewRoutesTest, ThoseOfOthersAreNotFoundAndNeitherIsWhatIsNoName) {
  const std::string admin = token(TokenScope::admin, "");
  EXPECT_EQ(ask("GET", "/v1/clusterings/" + clustering_of("bert"), admin).status, 200);
  for (const std::string& id :
       {clustering_of("bert"), std::string("none"), std::string("clustering-of-ann"),
        std::string("clustering-of-anna%2F"), std::string("%25")}) {
    for (const char* what :
         {"", "/points", "/labels", "/recordings", "/windows", "/windows/0", "/actions"})
      EXPECT_EQ(ask("GET", "/v1/clusterings/" + id + what, anna_).status, 404) << id << what;
    for (const char* what : {"/actions", "/undo", "/redo"})
      EXPECT_EQ(ask("POST", "/v1/clusterings/" + id + what, anna_, R"({"kind":"label"})").status,
                404)
          << id << what;
  }
}

TEST_F(ReviewRoutesTest, BytesAreSentOnceForEachVersion) {
  const Reply points = ask("GET", own_ + "/points", anna_);
  EXPECT_EQ(points.header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(points.header("ETag"), "\"points\"");
  EXPECT_NE(points.header("Cache-Control").find("immutable"), std::string::npos);
  EXPECT_EQ(points.body, std::string("\0\xff", 2) + "points");
  const Reply labels = ask("GET", own_ + "/labels", anna_);
  EXPECT_EQ(labels.header("Cache-Control"), "private, no-cache");
  const std::string known = "If-None-Match: " + labels.header("ETag") + "\r\n";
  const Reply again = ask("GET", own_ + "/labels", anna_, "", known);
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  ASSERT_EQ(ask("POST", own_ + "/actions", anna_, R"({"kind":"noise","rows":[1]})").status, 201);
  EXPECT_EQ(ask("GET", own_ + "/labels", anna_, "", known).status, 200);
}

TEST_F(ReviewRoutesTest, ActionsCarryTheNameOfTheTokenAndTheVersionThatWasSeen) {
  const Reply made = ask("POST", own_ + "/actions", anna_,
                         R"({"kind":"move","rows":[1,2],"to":"new","expected_version":0})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(parsed(made).at("review_version"), 1);
  EXPECT_EQ(parsed(made).at("action").at("made_by"), "test");
  const Reply late = ask("POST", own_ + "/actions", anna_,
                         R"({"kind":"noise","clusters":[1],"expected_version":0})");
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.code(), "CONFLICT");
  EXPECT_EQ(ask("POST", own_ + "/undo", anna_, R"({"expected_version":7})").status, 409);
  EXPECT_EQ(ask("POST", own_ + "/undo", anna_, "{}").status, 200);
  EXPECT_EQ(ask("POST", own_ + "/redo", anna_, "{}").status, 200);
}

TEST_F(ReviewRoutesTest, ARepeatedActionIsDoneOnce) {
  const std::string key = "Idempotency-Key: 1\r\n";
  const std::string body = R"({"kind":"label","clusters":[1],"label":"song"})";
  const Reply first = ask("POST", own_ + "/actions", anna_, body, key);
  EXPECT_EQ(ask("POST", own_ + "/actions", anna_, body, key).body, first.body);
}

TEST_F(ReviewRoutesTest, WhatNobodyUnderstandsIsRefused) {
  for (const char* body :
       {R"({})", R"({"kind":1})", R"({"kind":"label","lable":"x"})",
        R"({"kind":"label","clusters":1})", R"({"kind":"label","label":7})",
        R"({"kind":"split","into":2.5})", R"({"kind":"noise","expected_version":"1"})"})
    EXPECT_EQ(ask("POST", own_ + "/actions", anna_, body).code(), "INVALID_ARGUMENT") << body;
  EXPECT_EQ(ask("POST", own_ + "/undo", anna_, R"({"steps":2})").code(), "INVALID_ARGUMENT");
  for (const char* query : {"?limit=0", "?limit=501", "?limit=x", "?after=-1", "?cluster=-2",
                            "?cluster=", "?clusters=1"})
    EXPECT_EQ(ask("GET", own_ + "/windows" + query, anna_).code(), "INVALID_ARGUMENT") << query;
  EXPECT_EQ(ask("GET", own_ + "/windows/x", anna_).code(), "INVALID_ARGUMENT");
  EXPECT_EQ(ask("GET", own_ + "/windows/10", anna_).status, 404);
  const std::string reader = token(TokenScope::read, "anna");
  EXPECT_EQ(ask("POST", own_ + "/undo", reader, "{}").status, 403);
}

TEST_F(ReviewRoutesTest, WindowsAreAskedForByClusterLabelAndOrder) {
  EXPECT_EQ(parsed(ask("GET",
                       own_ + "/windows?cluster=-1&label=humpback%20song&order=edge&limit=7"
                              "&after=14",
                       anna_)),
            json::value({{"cluster", -1},
                         {"label", "humpback song"},
                         {"order", "edge"},
                         {"first", 14},
                         {"count", 7}}));
  EXPECT_EQ(parsed(ask("GET", own_ + "/windows", anna_)).at("cluster"), -2);
  EXPECT_EQ(parsed(ask("GET", own_ + "/windows/3", anna_)).at("row"), 3);
}

TEST_F(ReviewRoutesTest, RowsOfAMillionWindowsAreTaken) {
  std::string rows = "0";
  for (int row = 1; row < 1'000'000; ++row) rows += "," + std::to_string(row);
  EXPECT_EQ(
      ask("POST", own_ + "/actions", anna_, R"({"kind":"noise","rows":[)" + rows + "]}").status,
      201);
}

}  // namespace
}  // namespace baleen::api
