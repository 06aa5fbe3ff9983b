#pragma once

/// The HTTP server: HTTP/1.1 on one network thread, handlers on a bounded pool. Internal parts in server.cc.
///
/// Everything that a client can make large or slow has a bound in ServerOptions. A client that breaks one
/// gets a problem document where there is still a way to tell it, else its connection is closed.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
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
};

/// The principal of a request, or UNAUTHORIZED. Runs on the pool.
using AuthenticateFn = std::function<Result<Principal>(const Request&)>;

/// One event, ready to send.
struct Event {
  std::int64_t id = 0;
  std::string type, owner, run_id, asset_id;
  std::string data;  ///< One line of JSON.
};
/// Up to `count` events with ids above `after`, ascending. Runs on a thread of the server's own.
using ReadEventsFn =
    std::function<Result<std::vector<Event>>(std::int64_t after, std::size_t count)>;

class Server {
 public:
  /// Binds and listens. IO_ERROR where the address is in use or may not be used.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options,
                                               std::vector<Route> routes,
                                               AuthenticateFn authenticate,
                                               ReadEventsFn read_events);
  virtual ~Server() = default;

  [[nodiscard]] virtual int port() const = 0;
  /// Stops accepting, lets requests end for up to `grace_s`, ends event streams, joins the threads.
  virtual void stop(double grace_s) = 0;
};

}  // namespace baleen::api
