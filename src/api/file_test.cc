#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "api/testing/fixture.h"
#include "core/sha256.h"

namespace baleen::api {
namespace {

using testing::Client;
using testing::Reply;
using testing::route;

class FileTest : public testing::ServerFixture {
 protected:
  FileTest()
      : path_(std::filesystem::temp_directory_path() /
              ("baleen_api_file_" + std::to_string(::getpid()))) {}
  ~FileTest() override {
    server_.reset();
    std::filesystem::remove(path_);
  }

  /// Serves a file of pseudo-random bytes at /file; `n_missing` bytes less than it says.
  void serve_file(std::size_t bytes, const ServerOptions& options = {}, std::size_t n_missing = 0) {
    std::uint32_t x = 1;
    for (std::size_t i = 0; i < bytes; ++i) {
      x = 1664525U * x + 1013904223U;
      content_ += static_cast<char>(x >> 24U);
    }
    std::ofstream(path_, std::ios::binary) << content_.substr(n_missing);
    etag_ = core::sha256_hex(content_);
    start({route("GET", "/file",
                 [this, bytes](const Request&) -> Result<Response> {
                   Response response;
                   response.set_header("Content-Type", "audio/wav");
                   response.body = FileBody{path_, static_cast<std::int64_t>(bytes), etag_};
                   return response;
                 })},
          options);
  }

  std::filesystem::path path_;
  std::string content_, etag_;
};

TEST_F(FileTest, ArrivesWholeWithItsTagAndType) {
  serve_file(1'000'000);
  const Reply reply = ask("GET", "/file");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.body == content_);
  EXPECT_EQ(reply.header("ETag"), '"' + etag_ + '"');
  EXPECT_EQ(reply.header("Accept-Ranges"), "bytes");
  EXPECT_EQ(reply.header("Content-Type"), "audio/wav");
  EXPECT_EQ(reply.header("Cache-Control"), "private, no-cache");
}

TEST_F(FileTest, RangesPutTogetherAreTheFile) {
  serve_file(700'001);
  Client client(port());
  for (const std::size_t step : {100'000U, 262'144U, 699'999U}) {
    SCOPED_TRACE(step);
    std::string whole;
    while (whole.size() < content_.size()) {
      const std::size_t last = whole.size() + step - 1;
      const Reply reply =
          client.ask("GET", "/file",
                     "Range: bytes=" + std::to_string(whole.size()) + '-' + std::to_string(last) +
                         "\r\nIf-Range: \"" + etag_ + "\"\r\n");
      ASSERT_EQ(reply.status, 206);
      ASSERT_FALSE(reply.body.empty());
      EXPECT_EQ(reply.header("Content-Range"),
                "bytes " + std::to_string(whole.size()) + '-' +
                    std::to_string(whole.size() + reply.body.size() - 1) + "/700001");
      whole += reply.body;
    }
    EXPECT_TRUE(whole == content_);
  }
}

TEST_F(FileTest, ARangeOutsideIs416AndNamesTheSize) {
  serve_file(100);
  Client client(port());
  const Reply reply = client.ask("GET", "/file", "Range: bytes=100-\r\n");
  EXPECT_EQ(reply.status, 416);
  EXPECT_EQ(reply.header("Content-Range"), "bytes */100");
  EXPECT_EQ(reply.code(), "INVALID_ARGUMENT");
  EXPECT_EQ(client.ask("GET", "/file", "Range: bytes=99-\r\n").body, content_.substr(99));
}

TEST_F(FileTest, AClientThatHasItGets304WithoutBody) {
  serve_file(100);
  Client client(port());
  const Reply reply = client.ask("GET", "/file", "If-None-Match: \"" + etag_ + "\"\r\n");
  EXPECT_EQ(reply.status, 304);
  EXPECT_EQ(reply.header("ETag"), '"' + etag_ + '"');
  EXPECT_EQ(client.ask("GET", "/file").body, content_) << "nothing followed the 304";
}

TEST_F(FileTest, HeadSaysHowLargeItIs) {
  serve_file(300'000);
  Client client(port());
  const Reply reply = client.ask("HEAD", "/file");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Length"), "300000");
  EXPECT_TRUE(client.ask("GET", "/file").body == content_) << "no body came after the head";
}

TEST_F(FileTest, AnEmptyFileIsSent) {
  serve_file(0);
  const Reply reply = ask("GET", "/file");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Length"), "0");
}

TEST_F(FileTest, AFileThatIsNotWhatTheDatabaseSaysIsNotSent) {
  serve_file(1000, {}, /*n_missing=*/1);
  EXPECT_EQ(ask("GET", "/file").code(), "ARTIFACT_CORRUPT");
  std::filesystem::remove(path_);
  EXPECT_EQ(ask("GET", "/file").code(), "FILE_NOT_FOUND");
}

TEST_F(FileTest, AClientThatStopsReadingIsLetGo) {
  ServerOptions options;
  options.body_timeout_s = 0.05;
  serve_file(30'000'000, options);
  Client client(port(), /*receive_buffer_bytes=*/4096);
  client.send_request("GET", "/file");
  EXPECT_EQ(client.read_head().status, 200);
  EXPECT_TRUE(becomes_true([&] { return server_->stats().connections == 0; }));
}

TEST_F(FileTest, ASlowReaderGetsAllOfIt) {
  ServerOptions options;
  options.stream_buffer_bytes = 4096;
  serve_file(3'000'000, options);
  Client client(port(), /*receive_buffer_bytes=*/4096);
  client.send_request("GET", "/file");
  EXPECT_EQ(client.read_head().status, 200);
  std::string body;
  while (body.size() < content_.size()) {
    const std::string some =
        client.read_bytes(std::min<std::size_t>(1000, content_.size() - body.size()));
    ASSERT_FALSE(some.empty());
    body += some;
  }
  EXPECT_TRUE(body == content_);
}

}  // namespace
}  // namespace baleen::api
