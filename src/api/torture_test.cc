#include <gtest/gtest.h>

#include <random>

#include "api/testing/fixture.h"

namespace baleen::api {
namespace {

using testing::Client;

/// Counts, and has a will of its own.
class FickleSink final : public BodySink {
 public:
  explicit FickleSink(std::atomic<int>& n_open) : n_open_(n_open) { ++n_open_; }
  ~FickleSink() override { --n_open_; }
  Result<void> write(std::span<const std::byte> bytes) override {
    n_bytes_ += bytes.size();
    if (n_bytes_ > 2'000'000) return fail(ErrorCode::too_large, "too much");
    return {};
  }
  Result<Response> finish() override {
    return Response::of_text(std::to_string(n_bytes_), "text/plain");
  }
  void abandon() override {}

 private:
  std::atomic<int>& n_open_;
  std::size_t n_bytes_ = 0;
};

class TortureTest : public testing::ServerFixture {
 protected:
  void start_all() {
    ServerOptions options;
    options.body_timeout_s = 0.2;
    options.header_timeout_s = 0.2;
    options.linger_s = 0.2;
    options.heartbeat_s = 0.01;
    options.recheck_s = 0.01;
    options.events_poll_s = 0.001;
    options.events_ring = 8;
    Route upload;
    upload.method = "POST";
    upload.pattern = "/upload";
    upload.scope = Scope::open;
    upload.sink = [this](const Request&) -> Result<std::unique_ptr<BodySink>> {
      return std::unique_ptr<BodySink>(std::make_unique<FickleSink>(n_sinks_));
    };
    Route events = testing::route("GET", "/events", [](const Request&) -> Result<Response> {
      Response response;
      response.body = EventsBody{};
      return response;
    });
    events.scope = Scope::read;
    start({upload, events, testing::route("POST", "/echo", testing::echo)}, options);
  }

  /// One client, one thing that clients do. False when the server is no longer there.
  bool misbehave(std::mt19937& random) {
    Client client(port_);
    const std::string body(random() % 300'000, 'x');
    const std::string announced = "Content-Length: " + std::to_string(body.size() + 1) + "\r\n";
    switch (random() % 8) {
      case 0: client.ask("POST", "/echo", "", body); break;
      case 1: client.send_request("POST", "/echo", announced); break;  // And leaves.
      case 2:
        client.send_request("POST", "/upload", announced);
        client.send(body);
        client.reset();
        break;
      case 3: client.ask("POST", "/upload", "", body); break;
      case 4:
        client.send_request("POST", "/upload", "Content-Length: 4000000\r\n");
        for (int i = 0; i < 12; ++i) client.send(body);
        client.half_close();
        client.read_reply();
        break;
      case 5:
        client.send_request("GET", "/events", "Authorization: Bearer read\r\n");
        events_.add("x");
        client.read_until("data: ");
        if (random() % 2 == 0) client.reset();
        break;
      case 6:
        for (int i = 0; i < 5; ++i) client.send_request("POST", "/echo", "", "abc");
        client.half_close();
        for (int i = 0; i < 3; ++i) client.read_reply();
        break;
      default:
        client.send("POST /echo HTTP/1.1\r\nHo");
        if (random() % 2 == 0) client.read_reply();
        break;
    }
    return client.is_connected();
  }

  /// Runs `rounds` of them on each of some threads, or until the server has stopped.
  void let_them(int rounds) {
    port_ = port();
    for (unsigned seed = 0; seed < 6; ++seed) {
      clients_.emplace_back([this, seed, rounds] {
        std::mt19937 random(seed);
        for (int i = 0; i < rounds && misbehave(random); ++i) ++n_rounds_;
      });
    }
  }
  void join() {
    for (std::thread& client : clients_) client.join();
  }

  int port_ = 0;
  std::atomic<int> n_sinks_ = 0;
  std::atomic<int> n_rounds_ = 0;
  std::vector<std::thread> clients_;
};

TEST_F(TortureTest, NothingIsLeftOfClientsThatMisbehave) {
  start_all();
  let_them(60);
  join();
  EXPECT_EQ(n_rounds_, 6 * 60);
  EXPECT_TRUE(becomes_true([&] { return server_->stats().connections == 0; }));
  EXPECT_EQ(server_->stats().event_streams, 0);
  EXPECT_EQ(n_sinks_, 0);
  EXPECT_EQ(ask("POST", "/echo", "", "abc").body, "POST /echo abc");
}

TEST_F(TortureTest, StoppingInTheMiddleOfItLeavesNothing) {
  for (const double grace_s : {0.0, 0.02, 5.0}) {
    SCOPED_TRACE(grace_s);
    start_all();
    n_rounds_ = 0;
    clients_.clear();
    let_them(1'000'000);
    EXPECT_TRUE(becomes_true([&] { return n_rounds_ > 20; }));
    server_->stop(grace_s);
    EXPECT_EQ(server_->stats().connections, 0);
    EXPECT_EQ(n_sinks_, 0);
    join();
  }
}

}  // namespace
}  // namespace baleen::api
