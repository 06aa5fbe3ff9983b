#pragma once

/// The HTTP server: HTTP/1.1 on one network thread, handlers on a bounded pool. What is inside stands in README.md.
///
/// Everything that a client can make large or slow has a bound in ServerOptions. A client that breaks one
/// gets a problem document where there is still a way to tell it, else its connection is closed.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"

namespace baleen::api {

struct ServerOptions {
  std::string bind = "127.0.0.1";
  int port = 0;  ///< 0: any free one.
  int pool_threads = 4;
  int connections_max = 8192;
  std::int64_t header_bytes_max = 16 << 10;
  double header_timeout_s = 10;    ///< From the first byte of a request to the end of its header.
  double body_timeout_s = 30;      ///< Without any progress of a body, in or out.
  double idle_timeout_s = 60;      ///< Between two requests of one connection.
  double heartbeat_s = 15;         ///< A comment on an event stream that has nothing to say.
  int requests_queued_max = 1024;  ///< Waiting for the pool; beyond: 503 with Retry-After.
  double linger_s = 2;             ///< For a refused client to stop sending and read why.

  /// Hosts that a request may name, in lower case and without ports; "*" allows any. Others are refused
  /// with 421, so that a web page cannot reach us by pointing its own name at this machine (DNS
  /// rebinding). `bind` is always allowed.
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "[::1]"};

  double recheck_s = 0.5;          ///< Between looks whether event streams are still allowed.
  double events_poll_s = 0.1;      ///< Between looks for new events, while there are event streams.
  std::size_t events_ring = 8192;  ///< Newest events kept in memory for all streams.
  std::size_t stream_buffer_bytes = 16 << 10;  ///< Of one event stream, besides the kernel's.

  /// Called on the network thread after each request: for metrics and the access log. Must be quick.
  std::function<void(const struct Served&)> on_served = {};
};

/// A request that has been answered.
struct Served {
  std::string_view method, path, operation_id;  ///< operation_id is empty where no route was found.
  std::string_view trace_id, remote;
  int status = 0;
  std::int64_t bytes_in = 0, bytes_out = 0;  ///< Of the bodies.
  double seconds = 0;
};

struct ServerStats {
  std::int64_t connections = 0;  ///< Open, event streams included.
  std::int64_t event_streams = 0;
  std::int64_t requests = 0;  ///< Since the start.
  std::int64_t requests_queued = 0;
};

/// The principal of a request, or UNAUTHORIZED. Runs on the pool. While an event stream is open it is asked
/// again with the same request every `recheck_s`, once for all streams of one token; they end when it answers
/// UNAUTHORIZED or FORBIDDEN, or with less than their scope.
using AuthenticateFn = std::function<Result<Principal>(const Request&)>;

/// One event, ready to send.
struct Event {
  std::int64_t id = 0;  ///< 0: shown, not kept.
  std::string type, owner, run_id, asset_id;
  std::string data;  ///< One line of JSON.
};
/// Up to `count` events with ids above `after`, ascending; fewer only where there are no more. An event must
/// never appear below one that has been handed out (with PostgreSQL: a sequence alone is not enough). Runs on
/// a thread of the server's own.
using ReadEventsFn =
    std::function<Result<std::vector<Event>>(std::int64_t after, std::size_t count)>;

class Server {
 public:
  /// Binds and listens. IO_ERROR where the address is in use or may not be used. Raises the process's soft
  /// limit of open files where connections_max needs it.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options,
                                               std::vector<Route> routes,
                                               AuthenticateFn authenticate,
                                               ReadEventsFn read_events);
  virtual ~Server() = default;

  [[nodiscard]] virtual int port() const = 0;
  [[nodiscard]] virtual ServerStats stats() const = 0;
  /// New events are in the database: streams get them now instead of at the next look. Any thread.
  virtual void notify_events() = 0;
  /// Sends what is true for a moment only (progress) to the streams that want it and have nothing else to
  /// send: without ids, so that it neither moves a stream's place nor comes again. Any thread.
  virtual void show_events(std::vector<Event> events) = 0;
  /// Stops accepting, ends event streams and idle connections, lets requests end for up to `grace_s`, then
  /// breaks their connections; joins the threads, so it waits for handlers that are running. Repeatable; not
  /// from a handler.
  virtual void stop(double grace_s) = 0;
};

}  // namespace baleen::api
