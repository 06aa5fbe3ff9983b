#include "api/server.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "api/server_core.h"
#include "core/log.h"

namespace baleen::api {
namespace {

using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>,
                                         Executor>;

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";
constexpr double kAcceptRetryS = 0.1;  // After an accept that failed: no descriptors, no memory.

/// Between two looks at the deadlines: fine enough for the shortest of them.
double tick_s(const ServerOptions& options) {
  const double shortest =
      std::min({options.header_timeout_s, options.body_timeout_s, options.idle_timeout_s,
                options.heartbeat_s, options.linger_s, 4 * options.recheck_s});
  return std::clamp(shortest / 8, 0.005, 0.25);
}

void raise_file_limit(int connections_max) {
  constexpr rlim_t kOthers = 256;  // Databases, files being sent, logs.
  const rlim_t wanted = static_cast<rlim_t>(connections_max) + kOthers;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted) {
    core::log(core::LogLevel::warning,
              "fewer connections than wanted: the limit of open files is low",
              {{"connections_max", connections_max}, {"open_files_max", limit.rlim_max}});
  }
}

class AsioServer final : public Server {
 public:
  AsioServer(const ServerOptions& options,
             Router router,
             AuthenticateFn authenticate,
             ReadEventsFn read_events)
      : core_(options, std::move(router), std::move(authenticate), std::move(read_events)),
        acceptor_(core_.io),
        clock_(core_.io),
        accept_retry_(core_.io),
        work_(core_.io.get_executor()) {}
  // A mutex that cannot be locked would be our own bug.
  ~AsioServer() override { stop(0); }  // NOLINT(bugprone-exception-escape)

  Result<void> listen();
  [[nodiscard]] int port() const override { return port_; }
  [[nodiscard]] ServerStats stats() const override {
    return {.connections = core_.n_connections,
            .event_streams = core_.n_streams,
            .requests = core_.n_requests,
            .requests_queued = static_cast<std::int64_t>(core_.pool.queued())};
  }
  void notify_events() override { core_.hub.notify(); }
  void show_events(std::vector<Event> events) override {
    if (events.empty()) return;
    std::vector<EventFrame> frames;
    frames.reserve(events.size());
    for (Event& event : events) frames.push_back(frame_of(std::move(event)));
    asio::post(core_.io, [this, frames = std::move(frames)] {
      for (Peer* stream : core_.streams) stream->show_events(frames);
    });
  }
  void stop(double grace_s) override;

 private:
  void run();
  void accept();
  void take(Socket socket);
  void start_clock();
  void for_each_peer(void (Peer::*act)());
  bool wait_until_empty(double seconds);

  ServerCore core_;
  Acceptor acceptor_;
  Timer clock_, accept_retry_;
  bool is_clock_running_ = false;
  asio::executor_work_guard<Executor> work_;
  int port_ = 0;
  std::thread thread_;
  std::mutex stop_mutex_;  ///< One stop() at a time.
};

Result<void> AsioServer::listen() {
  const ServerOptions& options = core_.options;
  NetError error;
  const asio::ip::address address = asio::ip::make_address(options.bind, error);
  if (error) {
    return fail(ErrorCode::invalid_argument, "\"{}\" is not an IP address", options.bind);
  }
  if (options.port < 0 || options.port > 65535) {
    return fail(ErrorCode::invalid_argument, "{} is not a port", options.port);
  }
  const tcp::endpoint endpoint(address, static_cast<std::uint16_t>(options.port));
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (error) {
    return fail(ErrorCode::io_error, "listen on {} port {}: {}", options.bind, options.port,
                error.message());
  }
  port_ = acceptor_.local_endpoint(error).port();
  raise_file_limit(options.connections_max);
  accept();
  thread_ = std::thread([this] { run(); });
  return {};
}

void AsioServer::run() {
  while (true) {
    try {
      core_.io.run();
      return;
    } catch (
        const std::exception& error) {  // Of one callback, out of memory perhaps; the others go on.
      core::log(core::LogLevel::error, "network thread", {{"error", error.what()}});
    }
  }
}

void AsioServer::accept() {
  acceptor_.async_accept([this](NetError error, Socket socket) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      take(std::move(socket));
      return accept();
    }
    accept_retry_.expires_after(seconds_of(kAcceptRetryS));
    accept_retry_.async_wait([this](NetError cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
  });
}

void AsioServer::take(Socket socket) {
  if (core_.n_connections >= core_.options.connections_max) {
    (void)::send(socket.native_handle(), kFull.data(), kFull.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return;
  }
  start_session(core_, std::move(socket));
  if (!is_clock_running_) start_clock();
}

/// Ticks while there are connections, so that an idle server does nothing at all.
void AsioServer::start_clock() {
  is_clock_running_ = true;
  clock_.expires_after(seconds_of(tick_s(core_.options)));
  clock_.async_wait([this](NetError cancelled) {
    if (cancelled) return;
    const TimePoint now = std::chrono::steady_clock::now();
    for (Peer* peer : core_.peers) peer->tick(now);
    core_.recheck_streams(now);
    is_clock_running_ = !core_.peers.empty();
    if (is_clock_running_) start_clock();
  });
}

void AsioServer::for_each_peer(void (Peer::*act)()) {
  asio::post(core_.io, [this, act] {
    core_.is_draining = true;
    NetError ignored;
    acceptor_.close(ignored);
    accept_retry_.cancel();
    for (Peer* peer : core_.peers) (peer->*act)();
  });
}

bool AsioServer::wait_until_empty(double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + seconds_of(seconds);
  while (core_.n_connections > 0) {
    if (seconds >= 0 && std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void AsioServer::stop(double grace_s) {
  const std::lock_guard lock(stop_mutex_);
  if (!thread_.joinable()) return;
  for_each_peer(&Peer::drain);
  if (!wait_until_empty(std::max(grace_s, 0.0))) {
    for_each_peer(&Peer::close);
    wait_until_empty(-1);  // Until the handlers that are running have ended.
  }
  core_.hub.stop();
  core_.pool.join();
  asio::post(core_.io, [this] { clock_.cancel(); });
  work_.reset();
  thread_.join();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options,
                                              std::vector<Route> routes,
                                              AuthenticateFn authenticate,
                                              ReadEventsFn read_events) {
  BALEEN_ASSIGN_OR_RETURN(Router router, Router::create(std::move(routes)));
  auto server = std::make_unique<AsioServer>(options, std::move(router), std::move(authenticate),
                                             std::move(read_events));
  BALEEN_RETURN_IF_ERROR(server->listen());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace baleen::api
