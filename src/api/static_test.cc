#include "api/static.h"

#include <gtest/gtest.h>

#include "api/testing/fixture.h"

namespace baleen::api {
namespace {

using testing::Reply;

class StaticTest : public testing::ServerFixture {
 protected:
  StaticTest() {
    start(static_routes({{.path = "/index.html", .bytes = "<p>page</p>"},
                         {.path = "/assets/app-1a2b.js",
                          .bytes = "let x = 1",
                          .gzip = "packed",
                          .has_hash_in_name = true}},
                        "default-src 'self'"));
  }
};

TEST_F(StaticTest, ThePageIsServedAtItsAddresses) {
  for (const char* address : {"/", "/index.html", "/runs/7", "/assets"}) {
    SCOPED_TRACE(address);
    const Reply reply = ask("GET", address);
    EXPECT_EQ(reply.body, "<p>page</p>");
    EXPECT_EQ(reply.header("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(reply.header("Content-Security-Policy"), "default-src 'self'");
    EXPECT_EQ(reply.header("Cache-Control"), "no-cache");
  }
}

TEST_F(StaticTest, AMissingFileOrApiAddressIsNotThePage) {
  EXPECT_EQ(ask("GET", "/assets/old.js").code(), "NOT_FOUND");
  EXPECT_EQ(ask("GET", "/v1/nothing").code(), "NOT_FOUND");
  EXPECT_EQ(ask("POST", "/runs/7").code(), "NOT_FOUND");
}

TEST_F(StaticTest, FilesWithAHashAreKeptForAYearAndSentPacked) {
  const Reply plain = ask("GET", "/assets/app-1a2b.js");
  EXPECT_EQ(plain.body, "let x = 1");
  EXPECT_EQ(plain.header("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(plain.header("Vary"), "Accept-Encoding");
  EXPECT_EQ(plain.header("Content-Encoding"), "");
  const Reply packed = ask("GET", "/assets/app-1a2b.js", "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(packed.body, "packed");
  EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
  EXPECT_NE(packed.header("ETag"), plain.header("ETag"));
}

TEST_F(StaticTest, ABrowserThatHasItGets304) {
  const std::string etag = ask("GET", "/").header("ETag");
  const Reply reply = ask("GET", "/", "If-None-Match: " + etag + "\r\n");
  EXPECT_EQ(reply.status, 304);
  EXPECT_EQ(ask("GET", "/", "If-None-Match: \"other\"\r\n").status, 200);
}

TEST(AcceptsGzip, ReadsWeights) {
  EXPECT_TRUE(accepts_gzip("gzip"));
  EXPECT_TRUE(accepts_gzip("br;q=1.0, GZIP;q=0.5"));
  EXPECT_FALSE(accepts_gzip("gzip;q=0"));
  EXPECT_FALSE(accepts_gzip("gzip; q=0.00"));
  EXPECT_FALSE(accepts_gzip("br"));
  EXPECT_FALSE(accepts_gzip(""));
}

}  // namespace
}  // namespace baleen::api
