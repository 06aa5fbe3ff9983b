#pragma once

/// What the sessions and event streams of one server share. Private to the room: the only header that shows
/// Asio. Everything here belongs to the network thread unless it says otherwise.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "api/event_hub.h"
#include "api/router.h"
#include "api/server.h"
#include "api/stream_tickets.h"
#include "api/worker_pool.h"

namespace baleen::api {

namespace asio = boost::asio;
using asio::ip::tcp;
using NetError = boost::system::error_code;
/// The concrete executor: `any_io_executor` would cost an allocation and two virtual calls an operation.
using Executor = asio::io_context::executor_type;
template <typename T>
using Task = asio::awaitable<T, Executor>;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using TimePoint = std::chrono::steady_clock::time_point;

[[nodiscard]] inline std::chrono::steady_clock::duration seconds_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

/// An open connection. One clock looks at all of them (tick), instead of a timer for each operation.
class Peer {
 public:
  virtual ~Peer() = default;
  /// Ends what has taken too long.
  virtual void tick(TimePoint now) = 0;
  /// The server stops: end as soon as nothing is under way.
  virtual void drain() = 0;
  /// End at once. Never destroys the peer before it returns.
  virtual void close() = 0;
  // Of event streams only.
  virtual void pump_events() {}
  virtual void show_events(const std::vector<EventFrame>& /*frames*/) {}
  [[nodiscard]] virtual const StreamTicket* ticket() const { return nullptr; }
};

struct ServerCore {
  ServerCore(const ServerOptions& server_options,
             Router routes,
             AuthenticateFn authenticate_fn,
             ReadEventsFn read_events);

  /// Runs a job on the pool and goes on when it has ended. False: the queue was full and a new request
  /// (`may_wait` false) was turned away.
  Task<bool> on_pool(std::function<void()> job, bool may_wait = true);
  /// Ends the streams of those who may no longer have them. Once per `recheck_s`, however often called.
  void recheck_streams(TimePoint now);
  /// `n_digits` random hex digits.
  std::string random_hex(std::size_t n_digits);

  const ServerOptions options;
  const Router router;
  const AuthenticateFn authenticate;
  asio::io_context io{1};
  WorkerPool pool;
  std::unordered_set<Peer*> peers;    ///< Each puts itself in and takes itself out.
  std::unordered_set<Peer*> streams;  ///< Those of them that stream events.
  StreamTickets tickets;
  bool is_draining = false;
  bool is_rechecking = false;
  TimePoint next_recheck{};
  std::mt19937_64 random;
  std::atomic<std::int64_t> n_connections = 0, n_streams = 0, n_requests = 0;  ///< Any thread.
  std::atomic<bool> has_news = false;  ///< A fan-out is on its way to the network thread.
  EventHub hub;                        ///< Last: its thread uses what stands above.
};

/// Puts a peer on the list of the server for its lifetime.
class Registration {
 public:
  Registration(ServerCore& core, Peer* peer) : core_(core), peer_(peer) {
    core_.peers.insert(peer_);
    ++core_.n_connections;
  }
  ~Registration() {
    core_.peers.erase(peer_);
    --core_.n_connections;
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  ServerCore& core_;
  Peer* peer_;
};

/// Serves a connection until it ends. Defined in session.cc.
void start_session(ServerCore& core, Socket socket);
/// Streams events on a connection, beginning with the response's head. Defined in event_stream.cc.
void start_event_stream(ServerCore& core,
                        Socket socket,
                        EventsBody body,
                        std::string head,
                        std::shared_ptr<const StreamTicket> ticket);

}  // namespace baleen::api
