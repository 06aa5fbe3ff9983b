#include "api/server.h"

#include <gmock/gmock.h>

#include <random>
#include <stdexcept>

#include "api/testing/fixture.h"

namespace baleen::api {
namespace {

using testing::Client;
using testing::echo;
using testing::Gate;
using ::testing::HasSubstr;
using testing::Reply;
using testing::route;

class ServerTest : public testing::ServerFixture {
 protected:
  void start_echo(const ServerOptions& options = {}) {
    Route secret = route("GET", "/secret", echo);
    secret.scope = Scope::operate;
    start({route("GET", "/echo", echo), route("POST", "/echo", echo),
           route("GET", "/throws",
                 [](const Request&) -> Result<Response> {
                   throw std::runtime_error("secret words");
                 }),
           route("GET", "/fails",
                 [](const Request&) -> Result<Response> {
                   return fail(ErrorCode::disk_full, "no room");
                 }),
           secret},
          options);
  }
};

TEST_F(ServerTest, AnswersWithTheSecurityHeaders) {
  start_echo();
  const Reply reply = ask("GET", "/echo");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "GET /echo ");
  EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(reply.header("X-Frame-Options"), "DENY");
  EXPECT_EQ(reply.header("Cache-Control"), "no-store");
  EXPECT_THAT(reply.header("Content-Security-Policy"), HasSubstr("default-src 'none'"));
}

TEST_F(ServerTest, KeepsTheConnectionForTheNextRequest) {
  start_echo();
  Client client(port());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.ask("POST", "/echo", "", "body" + std::to_string(i)).body,
              "POST /echo body" + std::to_string(i));
  }
  EXPECT_EQ(client.ask("GET", "/echo", "Connection: close\r\n").header("Connection"), "close");
  EXPECT_TRUE(client.is_ended());
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start_echo();
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    const std::string body(static_cast<std::size_t>(i) * 900, static_cast<char>('a' + i));
    requests +=
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
  }
  Client client(port());
  client.send(requests);
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    const std::string body(static_cast<std::size_t>(i) * 900, static_cast<char>('a' + i));
    EXPECT_EQ(client.read_reply().body, "POST /echo " + body);
  }
}

TEST_F(ServerTest, TakesARequestByteByByte) {
  start_echo();
  Client client(port());
  for (const char byte :
       std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc")) {
    client.send(std::string(1, byte));
  }
  EXPECT_EQ(client.read_reply().body, "POST /echo abc");
}

TEST_F(ServerTest, TakesChunkedBodies) {
  start_echo();
  Client client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nTrailer: 1\r\n\r\n");
  EXPECT_EQ(client.read_reply().body, "POST /echo abcdefgh");
  EXPECT_EQ(client.ask("GET", "/echo").status, 200) << "nothing is left of the body";
}

TEST_F(ServerTest, HeadGetsTheHeadersOfGet) {
  start_echo();
  Client client(port());
  const Reply reply = client.ask("HEAD", "/echo");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Length"), "11");
  EXPECT_EQ(client.ask("GET", "/echo").body, "GET /echo ") << "no body came after the head";
}

TEST_F(ServerTest, TellsAWrongMethodFromAWrongAddress) {
  start_echo();
  EXPECT_EQ(ask("GET", "/nothing").code(), "NOT_FOUND");
  const Reply reply = ask("DELETE", "/echo");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("Allow"), "GET, HEAD, OPTIONS, POST");
  const Reply options = ask("OPTIONS", "/echo");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("Allow"), "GET, HEAD, OPTIONS, POST");
}

TEST_F(ServerTest, AWrongAddressWithABodyLeavesTheConnectionUsable) {
  start_echo();
  Client client(port());
  EXPECT_EQ(client.ask("POST", "/nothing", "", std::string(10'000, 'x')).status, 404);
  EXPECT_EQ(client.ask("GET", "/echo").status, 200);
}

TEST_F(ServerTest, ErrorsOfHandlersBecomeProblemDocuments) {
  start_echo();
  const Reply reply = ask("GET", "/fails");
  EXPECT_EQ(reply.status, 507);
  EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(reply.code(), "DISK_FULL");
}

TEST_F(ServerTest, AnExceptionIsInternalAndItsWordsStayInside) {
  start_echo();
  const Reply reply = ask("GET", "/throws");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.code(), "INTERNAL");
  EXPECT_EQ(reply.body.find("secret words"), std::string::npos);
}

TEST_F(ServerTest, AsksForATokenAndForItsScope) {
  start_echo();
  EXPECT_EQ(ask("GET", "/secret").code(), "UNAUTHORIZED");
  EXPECT_EQ(ask("GET", "/secret", "Authorization: Bearer submit\r\n").code(), "FORBIDDEN");
  EXPECT_EQ(ask("GET", "/secret", "Authorization: Bearer operate\r\n").status, 200);
  EXPECT_EQ(ask("GET", "/secret", "Authorization: Bearer admin\r\n").status, 200);
}

TEST_F(ServerTest, TheTraceIdOfTheClientComesBack) {
  start_echo();
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  const Reply reply = ask("GET", "/fails", "traceparent: 00-" + id + "-b7ad6b7169203331-01\r\n");
  EXPECT_EQ(reply.header("traceparent").substr(3, 32), id);
  EXPECT_THAT(reply.body, HasSubstr("\"trace_id\":\"" + id + "\""));
  const std::string made = ask("GET", "/echo").header("traceparent");
  EXPECT_EQ(made.size(), 55U);
  EXPECT_NE(made, ask("GET", "/echo").header("traceparent"));
}

TEST_F(ServerTest, RefusesHostsThatAreNotItsOwn) {
  start_echo();
  EXPECT_EQ(ask_raw("GET /echo HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 421);
  EXPECT_EQ(ask_raw("GET /echo HTTP/1.1\r\nHost: LOCALHOST:99\r\n\r\n").status, 200);
  EXPECT_EQ(ask_raw("GET /echo HTTP/1.1\r\nHost: [::1]:99\r\n\r\n").status, 200);
  EXPECT_EQ(ask_raw("GET /echo HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(ask_raw("GET /echo HTTP/1.1\r\nHost: localhost\r\nHost: a\r\n\r\n").status, 400);
  EXPECT_EQ(ask_raw("GET /echo HTTP/1.0\r\n\r\n").status, 200);
}

TEST_F(ServerTest, AnyHostMayBeAllowed) {
  ServerOptions options;
  options.hosts = {"*"};
  start_echo(options);
  EXPECT_EQ(ask_raw("GET /echo HTTP/1.1\r\nHost: music.example\r\n\r\n").status, 200);
}

TEST_F(ServerTest, RefusesMalformedRequestsWith400) {
  start_echo();
  const std::string post = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
  for (const std::string& bytes : std::vector<std::string>{
           "nonsense\r\n\r\n", "GET /echo HTTP/9.9\r\n\r\n",
           "GET  /echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
           "GET /echo HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
           "GET /echo HTTP/1.1\r\nHost: localhost\r\nbad name: x\r\n\r\n",
           "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: \x01\r\n\r\n",
           "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
           "GET /../etc HTTP/1.1\r\nHost: localhost\r\n\r\n", post + "Content-Length: x\r\n\r\n",
           post + "Content-Length: -1\r\n\r\n",
           post + "Content-Length: 99999999999999999999\r\n\r\n",
           post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
           post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: gzip\r\n\r\nabc",
           post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n"}) {
    SCOPED_TRACE(bytes);
    Client client(port());
    client.send(bytes);
    const Reply reply = client.read_reply();
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.code(), "INVALID_ARGUMENT");
  }
}

TEST_F(ServerTest, RandomBytesNeverStopTheServer) {
  start_echo();
  std::mt19937 random(5);
  const std::string request =
      "POST /echo?a=b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\n";
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    std::string bytes = request;
    for (int i = 0; i < 4; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    Client client(port());
    client.send(bytes);
    client.half_close();
    const int status = client.read_reply().status;
    EXPECT_LT(status, 500) << bytes;
  }
  EXPECT_EQ(ask("GET", "/echo").status, 200);
}

TEST_F(ServerTest, ALargeHeaderIs431) {
  ServerOptions options;
  options.header_bytes_max = 2048;
  start_echo(options);
  const std::string large = "X: " + std::string(3000, 'x') + "\r\n";
  EXPECT_EQ(ask("GET", "/echo", large).status, 431);
  std::string many;
  for (int i = 0; i < 300; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(ask("GET", "/echo", many).status, 431);
  const std::string fits = "X: " + std::string(1500, 'x') + "\r\n";
  EXPECT_EQ(ask("GET", "/echo", fits).status, 200);
}

TEST_F(ServerTest, ALargeBodyIs413WhateverItAnnounces) {
  Route small = route("POST", "/small", echo);
  small.body_bytes_max = 1000;
  start({small});
  EXPECT_EQ(ask("POST", "/small", "", std::string(1000, 'x')).status, 200);
  const Reply announced = ask("POST", "/small", "", std::string(1001, 'x'));
  EXPECT_EQ(announced.status, 413);
  EXPECT_EQ(announced.code(), "TOO_LARGE");
  Client client(port());
  client.send("POST /small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; ++i) client.send("64\r\n" + std::string(100, 'x') + "\r\n");
  EXPECT_EQ(client.read_reply().status, 413);
  EXPECT_TRUE(client.is_ended());
}

TEST_F(ServerTest, AClientThatSendsOnCanStillReadWhyItWasRefused) {
  start_echo();
  Client client(port());
  // Far more than the buffers of both kernels hold: without draining, the connection would be reset.
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n");
  EXPECT_TRUE(client.send(std::string(20'000'000, 'x')));
  EXPECT_EQ(client.read_reply().status, 413);
}

TEST_F(ServerTest, AsksForTheBodyOnlyWhenItWantsIt) {
  start_echo();
  Client client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
      "3\r\n\r\n");
  EXPECT_EQ(client.read_head().status, 100);
  client.send("abc");
  EXPECT_EQ(client.read_reply().body, "POST /echo abc");
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 3000000\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 413);
}

TEST_F(ServerTest, ASlowHeaderIs408) {
  ServerOptions options;
  options.header_timeout_s = 0.05;
  start_echo(options);
  const Reply reply = ask_raw("GET /echo HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.code(), "REQUEST_TIMEOUT");
}

TEST_F(ServerTest, ASlowBodyIs408) {
  ServerOptions options;
  options.body_timeout_s = 0.05;
  start_echo(options);
  Client client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na");
  EXPECT_EQ(client.read_reply().status, 408);
  EXPECT_TRUE(client.is_ended());
}

TEST_F(ServerTest, AnIdleConnectionIsClosed) {
  ServerOptions options;
  options.idle_timeout_s = 0.05;
  start_echo(options);
  Client silent(port());
  EXPECT_TRUE(silent.is_ended());
  Client served(port());
  EXPECT_EQ(served.ask("GET", "/echo").status, 200);
  EXPECT_TRUE(served.is_ended());
}

TEST_F(ServerTest, OneConnectionTooManyGets503) {
  ServerOptions options;
  options.connections_max = 2;
  start_echo(options);
  Client first(port());
  Client second(port());
  EXPECT_EQ(first.ask("GET", "/echo").status, 200);
  EXPECT_EQ(second.ask("GET", "/echo").status, 200);
  EXPECT_EQ(Client(port()).read_reply().status, 503);
  first.close();
  EXPECT_TRUE(becomes_true([&] { return server_->stats().connections == 1; }));
  EXPECT_EQ(ask("GET", "/echo").status, 200);
}

TEST_F(ServerTest, RequestsBeyondTheQueueGet503WithRetryAfter) {
  Gate gate;
  ServerOptions options;
  options.pool_threads = 1;
  options.requests_queued_max = 1;
  std::atomic<int> n_running = 0;
  start({route("GET", "/wait",
               [&](const Request&) -> Result<Response> {
                 ++n_running;
                 gate.wait();
                 return Response::empty();
               })},
        options);
  Client running(port());
  running.send_request("GET", "/wait");
  EXPECT_TRUE(becomes_true([&] { return n_running == 1; }));
  Client waiting(port());
  waiting.send_request("GET", "/wait");
  EXPECT_TRUE(becomes_true([&] { return server_->stats().requests_queued == 1; }));
  const Reply refused = ask("GET", "/wait");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.code(), "OVERLOADED");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  gate.open();
  EXPECT_EQ(running.read_reply().status, 204);
  EXPECT_EQ(waiting.read_reply().status, 204);
}

TEST_F(ServerTest, AClientThatLeavesDuringItsRequestHarmsNobody) {
  Gate gate;
  std::atomic<bool> is_running = false;
  start({route("GET", "/wait", [&](const Request&) -> Result<Response> {
    is_running = true;
    gate.wait();
    return Response::of_text(std::string(1 << 20, 'x'), "text/plain");
  })});
  Client client(port());
  client.send_request("GET", "/wait");
  EXPECT_TRUE(becomes_true([&] { return is_running.load(); }));
  client.reset();
  gate.open();
  EXPECT_TRUE(becomes_true([&] { return server_->stats().connections == 0; }));
}

TEST_F(ServerTest, StoppingLetsRequestsEnd) {
  Gate gate;
  std::atomic<bool> is_running = false;
  start({route("GET", "/wait", [&](const Request&) -> Result<Response> {
    is_running = true;
    gate.wait();
    return Response::of_text("done", "text/plain");
  })});
  Client idle(port());
  Client busy(port());
  busy.send_request("GET", "/wait");
  EXPECT_TRUE(becomes_true([&] { return is_running.load(); }));
  std::thread stopper([&] { server_->stop(20); });
  EXPECT_TRUE(idle.is_ended()) << "idle connections end at once";
  gate.open();
  const Reply reply = busy.read_reply();
  EXPECT_EQ(reply.body, "done");
  EXPECT_EQ(reply.header("Connection"), "close");
  stopper.join();
  EXPECT_FALSE(Client(port()).is_connected());
}

TEST_F(ServerTest, StoppingBreaksWhatOutlastsTheGrace) {
  start_echo();
  Client slow(port());
  slow.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na");
  EXPECT_TRUE(becomes_true([&] { return server_->stats().requests == 1; }));
  server_->stop(0.01);
  EXPECT_TRUE(slow.is_ended());
  server_->stop(0);  // Once more does nothing.
}

TEST_F(ServerTest, APortInUseIsAnError) {
  start_echo();
  ServerOptions options;
  options.port = port();
  const auto second = Server::start(options, {}, testing::scope_by_token, nullptr);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::io_error);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(port())));
}

TEST_F(ServerTest, TellsWhatItServed) {
  std::mutex mutex;
  std::vector<std::string> served;
  ServerOptions options;
  options.on_served = [&](const Served& s) {
    const std::lock_guard lock(mutex);
    served.push_back(std::string(s.operation_id) + ' ' + std::to_string(s.status) + ' ' +
                     std::to_string(s.bytes_in) + ' ' + std::to_string(s.bytes_out));
  };
  start_echo(options);
  ask("POST", "/echo", "", "abc");
  ask("GET", "/fails");
  server_->stop(1);
  ASSERT_EQ(served.size(), 2U);
  EXPECT_EQ(served[0], "POST /echo 200 3 14");
  EXPECT_EQ(served[1].substr(0, 14), "GET /fails 507");
}

}  // namespace
}  // namespace baleen::api
