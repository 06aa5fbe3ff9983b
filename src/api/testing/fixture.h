#pragma once

/// A server on a free port with routes of the test's own.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/server.h"
#include "api/testing/client.h"
#include "core/clock.h"

namespace baleen::api::testing {

/// Where threads of a test wait for each other.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;  // mutex_
};

/// A table of events, as the database would have it.
class EventTable {
 public:
  std::int64_t add(std::string type, std::string owner = "ann", std::string run_id = "r") {
    const std::lock_guard lock(mutex_);
    const auto id = static_cast<std::int64_t>(events_.size()) + 1;
    events_.push_back({id, std::move(type), std::move(owner), std::move(run_id), "a", "{}"});
    return id;
  }
  Result<std::vector<Event>> read(std::int64_t after, std::size_t count) {
    const std::lock_guard lock(mutex_);
    ++n_reads_;
    changed_.notify_all();
    if (n_failures_ > 0) {
      --n_failures_;
      return fail(ErrorCode::database_error, "the test wants it so");
    }
    std::vector<Event> found;
    // Event n stands at n - 1: whoever reads all of many must not pass all of them each time.
    const auto first = static_cast<std::size_t>(std::max<std::int64_t>(after, 0));
    for (std::size_t i = first; i < events_.size() && found.size() < count; ++i)
      found.push_back(events_[i]);
    return found;
  }
  void fail_next(int n) {
    const std::lock_guard lock(mutex_);
    n_failures_ = n;
  }
  [[nodiscard]] int n_reads() const {
    const std::lock_guard lock(mutex_);
    return n_reads_;
  }
  void wait_for_reads(int n_more) {
    std::unique_lock lock(mutex_);
    const int wanted = n_reads_ + n_more;
    changed_.wait(lock, [&] { return n_reads_ >= wanted; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;  // mutex_
  int n_reads_ = 0;            // mutex_
  int n_failures_ = 0;         // mutex_
};

inline Route route(std::string method, std::string pattern, Handler handler) {
  Route made;
  made.operation_id = method + " " + pattern;
  made.method = std::move(method);
  made.pattern = std::move(pattern);
  made.scope = Scope::open;
  made.handler = std::move(handler);
  return made;
}

inline Result<Response> echo(const Request& request) {
  return Response::of_text(request.method + ' ' + request.path + ' ' + request.body, "text/plain");
}

/// "Bearer SCOPE" has that scope.
inline Result<Principal> scope_by_token(const Request& request) {
  const std::string_view value = request.header("Authorization");
  const std::optional<Scope> scope =
      parse_scope(value.substr(std::min<std::size_t>(7, value.size())));
  if (!scope) return fail(ErrorCode::unauthorized, "no token");
  return Principal{.token_id = "t", .scope = *scope, .owner = "ann"};
}

class ServerFixture : public ::testing::Test {
 protected:
  void start(std::vector<Route> routes, ServerOptions options = {}) {
    Result<std::unique_ptr<Server>> started =
        Server::start(options, std::move(routes), scope_by_token,
                      [this](auto after, auto count) { return events_.read(after, count); });
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(started).value();
  }
  [[nodiscard]] int port() const { return server_->port(); }
  /// One request on a connection of its own.
  Reply ask(std::string_view method,
            std::string_view target,
            std::string_view headers = "",
            std::string_view body = "") {
    return Client(port()).ask(method, target, headers, body);
  }
  Reply ask_raw(std::string_view bytes) {
    Client client(port());
    client.send(bytes);
    return client.read_reply();
  }
  /// Until a figure of the server is what it should be; fails after 20 s.
  template <typename Claim>
  [[nodiscard]] bool becomes_true(Claim claim) {
    const double deadline = core::steady_s() + 20;
    while (!claim()) {
      if (core::steady_s() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // Takes no time from the server.
    }
    return true;
  }

  EventTable events_;
  std::unique_ptr<Server> server_;
};

}  // namespace baleen::api::testing
