#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "api/event_hub.h"
#include "api/testing/fixture.h"

namespace baleen::api {
namespace {

using testing::Client;
using ::testing::HasSubstr;
using testing::Reply;

class EventsTest : public testing::ServerFixture {
 protected:
  void start_events(ServerOptions options = {}) {
    options.events_poll_s = poll_s_;
    const auto open = [](const Request& request) -> Result<Response> {
      EventsBody body;
      const std::string_view last = request.header("Last-Event-ID");
      body.after =
          std::atoll(std::string(last.empty() ? request.query_or("after", "0") : last).c_str());
      body.filter.owner = request.query_or("owner", "");
      body.filter.run_id = request.query_or("run_id", "");
      if (request.query.count("type") > 0) body.filter.types = {request.query.at("type")};
      Response response;
      response.body = body;
      return response;
    };
    start({testing::route("GET", "/events", open), testing::route("GET", "/echo", testing::echo)},
          options);
  }
  /// Opens a stream and reads what stands before its first event.
  void open(Client& client, std::string_view target, std::string_view headers = "") {
    client.send_request("GET", target, headers);
    const Reply reply = client.read_head();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
    EXPECT_EQ(reply.header("Cache-Control"), "no-store");
    EXPECT_EQ(client.read_until("\n\n"), "retry: 2000\n\n");
  }
  /// The id of the next event, past comments; -1 at the end of the stream.
  static std::int64_t next_id(Client& client) {
    while (true) {
      const std::string block = client.read_until("\n\n");
      if (block.empty()) return -1;
      if (block.find("data: ") != std::string::npos) return std::atoll(block.c_str() + 4);
    }
  }
  void expect_ids(Client& client, std::int64_t first, std::int64_t last) {
    for (std::int64_t id = first; id <= last; ++id) ASSERT_EQ(next_id(client), id);
  }

  double poll_s_ = 0.002;
};

TEST_F(EventsTest, ArriveInTheFormOfTheStandard) {
  start_events();
  Client client(port());
  open(client, "/events");
  events_.add("task.complete");
  EXPECT_EQ(client.read_until("\n\n"), "id: 1\nevent: task.complete\ndata: {}\n\n");
}

TEST_F(EventsTest, BeginAfterTheOneNamed) {
  for (int i = 0; i < 1000; ++i) events_.add("x");
  start_events();
  Client by_header(port());
  open(by_header, "/events", "Last-Event-ID: 700\r\n");
  expect_ids(by_header, 701, 1000);
  Client by_query(port());
  open(by_query, "/events?after=998");
  expect_ids(by_query, 999, 1000);
  events_.add("x");
  expect_ids(by_header, 1001, 1001);
  expect_ids(by_query, 1001, 1001);
}

TEST_F(EventsTest, NothingIsMissedOrDoubledWhileTheyAreWritten) {
  start_events();
  constexpr std::int64_t kEvents = 4000;
  std::thread writer([&] {
    for (int i = 0; i < kEvents; ++i) events_.add("x");
  });
  std::int64_t last = 0;
  int connection = 0;
  while (last < kEvents) {  // Comes back again and again, each time where it was.
    SCOPED_TRACE(last);
    Client client(port());
    open(client, "/events?after=" + std::to_string(last));
    const std::int64_t until = std::min(kEvents, last + 100 + 37 * ++connection);
    expect_ids(client, last + 1, until);
    if (HasFatalFailure()) break;
    last = until;
  }
  writer.join();
}

TEST_F(EventsTest, AClientThatFallsBehindTheRingMissesNothing) {
  ServerOptions options;
  options.events_ring = 16;
  start_events(options);
  Client live(port());
  open(live, "/events");
  Client slow(port(), /*receive_buffer_bytes=*/4096);
  open(slow, "/events");
  constexpr std::int64_t kEvents = 40'000;  // More than all buffers hold.
  for (std::int64_t i = 0; i < kEvents; ++i) events_.add("x");
  expect_ids(live, 1, kEvents);
  expect_ids(slow, 1, kEvents);
  events_.add("x");
  expect_ids(slow, kEvents + 1, kEvents + 1);
}

TEST_F(EventsTest, OnlyWhatTheFilterAllowsIsSent) {
  start_events();
  Client of_ann(port());
  open(of_ann, "/events?owner=ann&type=task.*");
  Client of_run(port());
  open(of_run, "/events?run_id=r2");
  events_.add("task.start", "bob", "r1");  // 1
  events_.add("run.start", "ann", "r1");   // 2
  events_.add("task.start", "ann", "r1");  // 3
  events_.add("task.done", "bob", "r2");   // 4
  events_.add("task.done", "ann", "r1");   // 5
  EXPECT_EQ(next_id(of_ann), 3);
  EXPECT_EQ(next_id(of_ann), 5);
  EXPECT_EQ(next_id(of_run), 4);
}

TEST_F(EventsTest, ANotificationIsFasterThanThePoll) {
  poll_s_ = 3600;
  start_events();
  Client client(port());
  open(client, "/events");
  // The stream's own look, and the hub's first after it has joined: the next would be in an hour.
  EXPECT_TRUE(becomes_true([&] { return events_.n_reads() >= 2; }));
  events_.add("x");
  server_->notify_events();
  EXPECT_EQ(next_id(client), 1);
}

TEST_F(EventsTest, WithoutStreamsTheDatabaseIsLeftAlone) {
  start_events();
  {
    Client client(port());
    open(client, "/events");
    events_.wait_for_reads(3);
  }
  EXPECT_TRUE(becomes_true([&] { return server_->stats().event_streams == 0; }))
      << "a client that left is noticed without anything to send";
  server_->notify_events();
  const int n_before = events_.n_reads();
  EXPECT_EQ(ask("GET", "/echo").status, 200);
  EXPECT_LE(events_.n_reads(), n_before + 1);  // One may have been under way.
  events_.add("x");
  Client again(port());
  open(again, "/events");
  EXPECT_EQ(next_id(again), 1);
}

TEST_F(EventsTest, AHeartbeatTellsHowFarAFilteredStreamHasCome) {
  ServerOptions options;
  options.heartbeat_s = 0.02;
  start_events(options);
  Client client(port());
  open(client, "/events?owner=nobody");
  EXPECT_EQ(client.read_until("\n\n"), ":\n\n");
  events_.add("x");
  std::string block = ":\n\n";
  while (block == ":\n\n") block = client.read_until("\n\n");
  EXPECT_EQ(block, "id: 1\n\n");
}

TEST_F(EventsTest, ADatabaseThatFailsForAWhileLosesNothing) {
  events_.add("x");
  events_.fail_next(1);
  start_events();
  Client client(port());
  open(client, "/events");
  EXPECT_EQ(next_id(client), 1);
}

TEST_F(EventsTest, AnIdFromTheFutureHarmsNobodyElse) {
  start_events();
  Client ahead(port());
  open(ahead, "/events?after=1000000");
  events_.wait_for_reads(3);
  Client client(port());
  open(client, "/events");
  events_.add("x");
  EXPECT_EQ(next_id(client), 1);
  events_.add("x");
  EXPECT_EQ(next_id(client), 2);
}

TEST_F(EventsTest, ARevokedTokenLosesItsStreams) {
  std::mutex mutex;
  std::string revoked;
  ServerOptions options;
  options.recheck_s = 0.02;
  Route events = testing::route("GET", "/events", [](const Request&) -> Result<Response> {
    Response response;
    response.body = EventsBody{};
    return response;
  });
  events.scope = Scope::read;
  const auto authenticate = [&](const Request& request) -> Result<Principal> {
    const std::lock_guard lock(mutex);
    const std::string token(request.header("Authorization"));
    if (token == revoked) return fail(ErrorCode::unauthorized, "revoked");
    return Principal{.token_id = token, .scope = Scope::read, .owner = "ann"};
  };
  server_ = Server::start(options, {events}, authenticate, [this](auto after, auto count) {
              return events_.read(after, count);
            }).value();
  Client kept(port());
  open(kept, "/events", "Authorization: kept\r\n");
  Client first(port());
  open(first, "/events", "Authorization: lost\r\n");
  Client second(port());
  open(second, "/events", "Authorization: lost\r\n");
  {
    const std::lock_guard lock(mutex);
    revoked = "lost";
  }
  EXPECT_EQ(next_id(first), -1);
  EXPECT_EQ(next_id(second), -1);
  events_.add("x");
  EXPECT_EQ(next_id(kept), 1);
}

TEST_F(EventsTest, StoppingEndsTheStreams) {
  start_events();
  Client client(port());
  open(client, "/events");
  server_->stop(20);
  EXPECT_EQ(next_id(client), -1);
}

TEST_F(EventsTest, AStreamThatTakesNothingIsClosed) {
  ServerOptions options;
  options.body_timeout_s = 0.05;
  start_events(options);
  Client client(port(), /*receive_buffer_bytes=*/4096);
  open(client, "/events");
  for (int i = 0; i < 200'000; ++i) events_.add("a.long.type.to.fill.the.buffers.sooner");
  EXPECT_TRUE(becomes_true([&] { return server_->stats().event_streams == 0; }));
}

TEST(EventFrame, ALineBreakCannotForgeAField) {
  Event event;
  event.id = 7;
  event.type = "t";
  event.data = "a\nid: 9\r\nb";
  EXPECT_EQ(frame_of(event).text, "id: 7\nevent: t\ndata: a\ndata: id: 9\ndata: b\n\n");
}

/// A hub whose reads wait for the gate, and tell when they begin.
struct GatedHub {
  testing::EventTable table;
  testing::Gate begun, gate;
  EventHub hub{[this](auto after, auto count) {
                 begun.open();
                 gate.wait();
                 return table.read(after, count);
               },
               [] {},
               {}};
};

TEST(EventHub, AnEarlierPlaceAskedForDuringAReadIsReadAnew) {
  GatedHub gated;
  for (int i = 0; i < 100; ++i) gated.table.add("x");
  std::atomic<int> n_late = 0, n_early = 0;
  gated.hub.catch_up(90,
                     [&](const auto& batch) { n_late = static_cast<int>(batch->frames.size()); });
  gated.begun.wait();
  gated.hub.catch_up(40,
                     [&](const auto& batch) { n_early = static_cast<int>(batch->frames.size()); });
  gated.gate.open();
  while (n_late == 0 || n_early == 0) std::this_thread::yield();
  EXPECT_EQ(n_late, 10);
  EXPECT_EQ(n_early, 60);
}

TEST(EventHub, StreamsThatAskForTheSamePlaceShareOneRead) {
  GatedHub gated;
  for (int i = 0; i < 100; ++i) gated.table.add("x");
  std::atomic<int> n_served = 0;
  for (int i = 0; i < 50; ++i) {
    gated.hub.catch_up(50 + i % 10, [&](const auto& batch) {
      EXPECT_TRUE(batch->is_end);
      ++n_served;
    });
  }
  gated.gate.open();
  while (n_served < 50) std::this_thread::yield();
  EXPECT_LE(gated.table.n_reads(), 2) << "those that came during the first read share the second";
}

}  // namespace
}  // namespace baleen::api
