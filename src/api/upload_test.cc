#include <gtest/gtest.h>

#include <stdexcept>

#include "api/testing/fixture.h"

namespace baleen::api {
namespace {

using testing::Client;
using testing::Gate;
using testing::Reply;

/// What a sink was told, for the test to look at.
struct Record {
  std::mutex mutex;
  std::string bytes;  // mutex
  std::size_t largest_piece = 0;
  int n_finished = 0, n_abandoned = 0, n_destroyed = 0;

  template <typename T>
  T get(T Record::*member) {
    const std::lock_guard lock(mutex);
    return this->*member;
  }
};

struct SinkOptions {
  std::size_t bytes_max = SIZE_MAX;
  bool throws = false;
  Gate* gate = nullptr;  ///< Before each write.
};

class RecordingSink final : public BodySink {
 public:
  RecordingSink(Record& record, const SinkOptions& options) : record_(record), options_(options) {}
  ~RecordingSink() override {
    const std::lock_guard lock(record_.mutex);
    ++record_.n_destroyed;
  }
  Result<void> write(std::span<const std::byte> bytes) override {
    if (options_.gate != nullptr) options_.gate->wait();
    if (options_.throws) throw std::runtime_error("the test wants it so");
    const std::lock_guard lock(record_.mutex);
    record_.bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    record_.largest_piece = std::max(record_.largest_piece, bytes.size());
    if (record_.bytes.size() > options_.bytes_max) return fail(ErrorCode::too_large, "too much");
    return {};
  }
  Result<Response> finish() override {
    const std::lock_guard lock(record_.mutex);
    ++record_.n_finished;
    return Response::of_text(std::to_string(record_.bytes.size()), "text/plain");
  }
  void abandon() override {
    const std::lock_guard lock(record_.mutex);
    ++record_.n_abandoned;
  }

 private:
  Record& record_;
  const SinkOptions options_;
};

class UploadTest : public testing::ServerFixture {
 protected:
  void start_upload(const SinkOptions& sink = {}, const ServerOptions& options = {}) {
    Route upload;
    upload.method = "POST";
    upload.pattern = "/upload";
    upload.scope = Scope::submit;
    upload.sink = [this, sink](const Request&) -> Result<std::unique_ptr<BodySink>> {
      return std::unique_ptr<BodySink>(std::make_unique<RecordingSink>(record_, sink));
    };
    start({upload, testing::route("GET", "/echo", testing::echo)}, options);
  }
  [[nodiscard]] bool is_abandoned() {
    return becomes_true([&] { return record_.get(&Record::n_destroyed) == 1; }) &&
           record_.get(&Record::n_abandoned) == 1 && record_.get(&Record::n_finished) == 0;
  }

  static constexpr const char* kToken = "Authorization: Bearer submit\r\n";
  Record record_;
};

std::string some_bytes(std::size_t n) {
  std::string bytes(n, '\0');
  std::uint32_t x = 9;
  for (char& byte : bytes) byte = static_cast<char>((x = 1664525U * x + 1013904223U) >> 24U);
  return bytes;
}

TEST_F(UploadTest, ArrivesInOrderAndInBoundedPieces) {
  start_upload();
  const std::string body = some_bytes(5'000'001);
  Client client(port());
  EXPECT_EQ(client.ask("POST", "/upload", kToken, body).body, "5000001");
  EXPECT_TRUE(record_.bytes == body);
  EXPECT_LE(record_.largest_piece, std::size_t{1} << 20U);
  EXPECT_EQ(record_.n_finished, 1);
  EXPECT_EQ(record_.n_abandoned, 0);
  EXPECT_EQ(record_.n_destroyed, 1);
  EXPECT_EQ(client.ask("GET", "/echo").status, 200) << "the connection goes on";
}

TEST_F(UploadTest, MayBeChunkedOrEmpty) {
  start_upload();
  Client client(port());
  client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
              "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_reply().body, "6");
  EXPECT_EQ(record_.bytes, "abcdef");
  client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
              "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(client.read_reply().body, "6");
}

TEST_F(UploadTest, AClientWithoutTokenIsRefusedBeforeItSendsTheBody) {
  start_upload();
  Client client(port());
  client.send(
      "POST /upload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 1000000000\r\n\r\n");
  EXPECT_EQ(client.read_reply().code(), "UNAUTHORIZED");
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(record_.n_destroyed, 0) << "no sink was opened";
}

TEST_F(UploadTest, IsInvitedToContinue) {
  start_upload();
  Client client(port());
  client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
              "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.read_head().status, 100);
  client.send("abc");
  EXPECT_EQ(client.read_reply().body, "3");
}

TEST_F(UploadTest, WhatArrivedBeforeABreakIsKept) {
  start_upload();
  Client client(port());
  client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
              "Content-Length: 1000\r\n\r\n" + std::string(400, 'x'));
  client.half_close();
  EXPECT_TRUE(is_abandoned());
  EXPECT_EQ(record_.get(&Record::bytes), std::string(400, 'x'));
}

TEST_F(UploadTest, AResetAbandonsIt) {
  Gate gate;
  start_upload({.gate = &gate});
  Client client(port());
  client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
              "Content-Length: 10000000\r\n\r\n" + some_bytes(1'000'000));
  client.reset();
  gate.open();
  EXPECT_TRUE(is_abandoned());
}

TEST_F(UploadTest, ASilentClientIsGivenUp) {
  ServerOptions options;
  options.body_timeout_s = 0.05;
  start_upload({}, options);
  Client client(port());
  client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
              "Content-Length: 1000\r\n\r\nabc");
  EXPECT_EQ(client.read_reply().status, 408);
  EXPECT_TRUE(is_abandoned());
  EXPECT_EQ(record_.get(&Record::bytes), "abc");
}

TEST_F(UploadTest, AnErrorOfTheSinkIsTheResponse) {
  start_upload({.bytes_max = 1000});
  Client client(port());
  const Reply reply = client.ask("POST", "/upload", kToken, some_bytes(20'000'000));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.code(), "TOO_LARGE");
  EXPECT_TRUE(client.is_ended());
  EXPECT_TRUE(is_abandoned());
}

TEST_F(UploadTest, ASinkMayThrow) {
  start_upload({.throws = true});
  EXPECT_EQ(ask("POST", "/upload", kToken, "abc").code(), "INTERNAL");
  EXPECT_TRUE(is_abandoned());
}

TEST_F(UploadTest, ASlowSinkHoldsTheClientBack) {
  Gate gate;
  start_upload({.gate = &gate});
  Client client(port());
  std::atomic<std::size_t> n_sent = 0;
  std::thread sender([&] {
    client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
                "Content-Length: 100000000\r\n\r\n");
    const std::string piece(1'000'000, 'x');
    for (int i = 0; i < 100 && client.send(piece); ++i) n_sent += piece.size();
  });
  // What has been sent lies in the kernel's buffers (some MB) and one piece of ours.
  EXPECT_TRUE(becomes_true([&] { return server_->stats().requests == 1 && n_sent > 0; }));
  EXPECT_LT(n_sent, 50'000'000U);
  gate.open();
  sender.join();
  EXPECT_EQ(client.read_reply().body, "100000000");
}

TEST_F(UploadTest, StoppingBreaksItAndAbandonsTheSink) {
  start_upload();
  Client client(port());
  client.send(std::string("POST /upload HTTP/1.1\r\nHost: localhost\r\n") + kToken +
              "Content-Length: 1000\r\n\r\nabc");
  EXPECT_TRUE(becomes_true([&] { return server_->stats().requests == 1; }));
  server_->stop(0);
  EXPECT_EQ(record_.n_finished, 0);
  EXPECT_EQ(record_.n_abandoned, record_.n_destroyed);
}

}  // namespace
}  // namespace baleen::api
