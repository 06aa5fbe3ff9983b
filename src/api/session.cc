/// A connection, as a coroutine on the network thread: wait for a request, read it, have the pool answer it,
/// write the answer, again. While it waits it holds no buffer.
///
/// One deadline per connection, checked by the server's clock (tick): `arm` sets it before what may take
/// long, and a read or write that it breaks ends with operation_aborted and is_timed_out_.

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "api/exchange.h"
#include "api/file_sender.h"
#include "api/response_head.h"
#include "api/server_core.h"
#include "core/clock.h"
#include "core/log.h"

namespace baleen::api {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Parser = http::request_parser<http::buffer_body>;
using Buffers = std::array<asio::const_buffer, 2>;

constexpr asio::use_awaitable_t<Executor> kAwait;
constexpr std::size_t kHeaderReadBytes = 4 << 10;
constexpr std::size_t kBodyReadBytes = 64 << 10;  // Small reads make uploads crawl.
constexpr std::size_t kPieceBytes = 512 << 10;    // Of an upload, to its sink.
constexpr std::int64_t kLingerBytesMax = 64 << 20;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool is_bad_http(NetError error) {
  return error.category() == http::make_error_code(http::error::need_more).category();
}

std::int64_t now_s() { return core::system_clock().now_us() / 1'000'000; }

asio::const_buffer buffer_of(std::string_view text) { return {text.data(), text.size()}; }

class Session final : public Peer, public std::enable_shared_from_this<Session> {
 public:
  Session(ServerCore& core, Socket socket)
      : core_(core), socket_(std::move(socket)), registration_(core, this) {}

  Task<void> run();

  void tick(TimePoint now) override {
    if (now < deadline_) return;
    disarm();
    is_timed_out_ = true;
    NetError ignored;
    socket_.cancel(ignored);
  }
  void drain() override {
    if (is_idle_) close();
  }
  void close() override {
    NetError ignored;
    socket_.close(ignored);
  }

 private:
  // Steps of the life of a connection; false or an error: it ends.
  Task<bool> wait_for_request();
  Task<bool> serve();
  Task<NetError> read_header(Parser& parser);
  std::optional<Response> take_header(Exchange& exchange, Parser& parser);
  Task<bool> answer(Exchange& exchange, Parser& parser);
  Task<std::optional<Response>> read_body(Exchange& exchange, Parser& parser);
  Task<bool> answer_upload(Exchange& exchange, Parser& parser);
  Task<void> feed(Upload& upload, Exchange& exchange, Parser& parser, std::optional<Response>& end);

  Task<NetError> read_some(std::size_t bytes_max);
  Task<NetError> read_piece(Parser& parser, char* data, std::size_t bytes_max, std::size_t& n);
  Task<NetError> write_all(Buffers buffers);
  Task<bool> invite_body(Exchange& exchange);

  Task<bool> send(Exchange& exchange, Response response);
  Task<bool> send_text(Exchange& exchange, Response& response);
  Task<bool> send_file(Exchange& exchange, Response& response);
  bool send_events(Exchange& exchange, Response& response);
  Task<void> linger();
  std::string head_of(const Exchange& exchange,
                      const Response& response,
                      std::optional<std::int64_t> content_length) const;
  Response refusal(const Exchange& exchange, NetError error) const;

  void arm(double seconds) {
    deadline_ = std::chrono::steady_clock::now() + seconds_of(seconds);
    is_timed_out_ = false;
  }
  void disarm() { deadline_ = TimePoint::max(); }

  ServerCore& core_;
  Socket socket_;
  beast::flat_buffer buffer_;  ///< What was read and not used: pipelined requests stay here.
  std::string remote_;
  TimePoint deadline_ = TimePoint::max();
  bool is_timed_out_ = false;
  bool is_idle_ = false;
  Registration registration_;
};

Task<void> Session::run() {
  NetError error;
  socket_.non_blocking(true, error);
  socket_.set_option(tcp::no_delay(true), error);
  const tcp::endpoint peer = socket_.remote_endpoint(error);
  if (!error) remote_ = peer.address().to_string() + ':' + std::to_string(peer.port());
  bool goes_on = true;
  while (goes_on) {
    goes_on = co_await wait_for_request();
    if (goes_on) goes_on = co_await serve();
  }
  close();
}

Task<bool> Session::wait_for_request() {
  if (core_.is_draining || !socket_.is_open()) co_return false;
  if (buffer_.size() > 0) co_return true;
  buffer_ = beast::flat_buffer();  // Nobody knows how long the next request takes to come.
  is_idle_ = true;
  arm(core_.options.idle_timeout_s);
  NetError error;
  co_await socket_.async_wait(Socket::wait_read, asio::redirect_error(kAwait, error));
  is_idle_ = false;
  disarm();
  co_return !error;
}

Task<NetError> Session::read_some(std::size_t bytes_max) {
  NetError error;
  const std::size_t n = co_await socket_.async_read_some(buffer_.prepare(bytes_max),
                                                         asio::redirect_error(kAwait, error));
  buffer_.commit(n);
  co_return error;
}

Task<NetError> Session::read_header(Parser& parser) {
  arm(core_.options.header_timeout_s);  // For all of it.
  buffer_.reserve(kHeaderReadBytes);
  while (!parser.is_header_done()) {
    NetError error = http::make_error_code(http::error::need_more);
    if (buffer_.size() > 0) buffer_.consume(parser.put(buffer_.data(), error));
    if (error == http::error::need_more) error = co_await read_some(kHeaderReadBytes);
    if (error) co_return error;
  }
  disarm();
  co_return NetError();
}

/// Reads up to `bytes_max` bytes of the body into `data`; fewer only at its end or with an error.
Task<NetError> Session::read_piece(Parser& parser,
                                   char* data,
                                   std::size_t bytes_max,
                                   std::size_t& n) {
  http::buffer_body::value_type& body = parser.get().body();
  body = {data, bytes_max, true};
  NetError error;
  while (!error && !parser.is_done() && body.size > 0) {
    error = http::make_error_code(http::error::need_more);
    if (buffer_.size() > 0) buffer_.consume(parser.put(buffer_.data(), error));
    if (error == http::error::need_buffer) error = {};
    if (error != http::error::need_more) continue;
    arm(core_.options.body_timeout_s);  // Anew for each: it is progress that counts.
    error = co_await read_some(kBodyReadBytes);
    disarm();
  }
  n = bytes_max - body.size;
  co_return error;
}

Task<NetError> Session::write_all(Buffers buffers) {
  NetError error;
  while (buffers[0].size() + buffers[1].size() > 0) {
    arm(core_.options.body_timeout_s);
    std::size_t n = co_await socket_.async_write_some(buffers, asio::redirect_error(kAwait, error));
    disarm();
    if (error) co_return error;
    for (asio::const_buffer& buffer : buffers) {
      const std::size_t part = std::min(n, buffer.size());
      buffer += part;
      n -= part;
    }
  }
  co_return error;
}

Task<bool> Session::serve() {
  const double started_at = core::steady_s();
  Exchange exchange;
  exchange.request.remote = remote_;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(core_.options.header_bytes_max));
  parser.body_limit(boost::none);  // The route has a limit of its own.
  const NetError error = co_await read_header(parser);
  bool goes_on = false;
  // What is neither a deadline nor bad HTTP: the client has left.
  const bool is_worth_an_answer = is_timed_out_ || is_bad_http(error);
  if (error && !is_worth_an_answer) co_return false;
  exchange.span_id = core_.random_hex(16);
  exchange.request.trace_id = core_.random_hex(32);
  ++core_.n_requests;
  if (error) {
    exchange.has_unread_body = true;
    goes_on = co_await send(exchange, refusal(exchange, error));
  } else {
    goes_on = co_await answer(exchange, parser);
  }
  if (core_.options.on_served) {
    const Request& request = exchange.request;
    const bool has_route = exchange.match.route != nullptr;
    core_.options.on_served(
        {.method = request.method,
         .path = request.path,
         .operation_id = has_route ? std::string_view(exchange.match.route->operation_id) : "",
         .trace_id = request.trace_id,
         .remote = request.remote,
         .status = exchange.status,
         .bytes_in = exchange.bytes_in,
         .bytes_out = exchange.bytes_out,
         .seconds = core::steady_s() - started_at});
  }
  co_return goes_on;
}

/// The response to a header or body that could not be read.
Response Session::refusal(const Exchange& exchange, NetError error) const {
  const std::string& trace_id = exchange.request.trace_id;
  if (is_timed_out_) {
    return problem(fail(ErrorCode::request_timeout, "the request did not arrive in time"),
                   trace_id);
  }
  if (error == http::error::header_limit) {
    return problem(fail(ErrorCode::too_large, "the header is larger than {} bytes",
                        core_.options.header_bytes_max),
                   trace_id, 431);
  }
  return problem(fail(ErrorCode::invalid_argument, "malformed HTTP: {}", error.message()),
                 trace_id);
}

/// Takes the header over into the request; a response where that is all it gets.
std::optional<Response> Session::take_header(Exchange& exchange, Parser& parser) {
  Request& request = exchange.request;
  const http::request_header<>& header = parser.get();
  request.method = std::string_view(header.method_string());
  for (const auto& field : header) {
    request.headers.emplace_back(std::string_view(field.name_string()),
                                 std::string_view(field.value()));
  }
  exchange.is_head = header.method() == http::verb::head;
  exchange.is_http_1_0 = header.version() < 11;
  exchange.keep_alive = parser.keep_alive();
  exchange.has_unread_body = !parser.is_done();
  exchange.announced_bytes = parser.content_length().value_or(0);
  exchange.is_chunked = parser.chunked();
  return admit(core_.options, core_.router, header.target(), exchange);
}

Task<bool> Session::answer(Exchange& exchange, Parser& parser) {
  parser.eager(false);
  std::optional<Response> response = take_header(exchange, parser);
  if (!response && exchange.is_upload()) {
    const bool goes_on = co_await answer_upload(exchange, parser);
    co_return goes_on;
  }
  if (!response) response = co_await read_body(exchange, parser);
  if (!response && exchange.match.route == nullptr) response = respond_without_route(exchange);
  if (!response) {
    const bool was_let_in =
        co_await core_.on_pool([&] { response = respond(core_.authenticate, exchange); }, false);
    if (!was_let_in) {
      response = respond_overloaded(core_.options, exchange);
    }
  }
  const bool goes_on = co_await send(exchange, *std::move(response));
  co_return goes_on;
}

/// Tells a client that waits with its body to go ahead.
Task<bool> Session::invite_body(Exchange& exchange) {
  if (!exchange.expects_continue || !exchange.has_unread_body || buffer_.size() > 0) co_return true;
  const NetError error = co_await write_all({buffer_of(kContinue), {}});
  co_return !error;
}

/// Reads the body into the request; a response where it cannot be had.
Task<std::optional<Response>> Session::read_body(Exchange& exchange, Parser& parser) {
  std::string& body = exchange.request.body;
  const auto bytes_max = static_cast<std::size_t>(exchange.body_bytes_max());
  NetError error;
  if (!parser.is_done()) {
    const bool is_invited = co_await invite_body(exchange);
    if (!is_invited) error = asio::error::broken_pipe;
  }
  std::size_t n_read = 0;
  while (!error && !parser.is_done() && n_read <= bytes_max) {
    // As much again as has come, so that memory follows what was sent and not what was announced.
    body.resize(std::min(bytes_max + 1, std::max(std::size_t{4} << 10U, 2 * n_read)));
    std::size_t n = 0;
    error = co_await read_piece(parser, body.data() + n_read, body.size() - n_read, n);
    n_read += n;
  }
  body.resize(n_read);
  exchange.bytes_in = static_cast<std::int64_t>(n_read);
  exchange.has_unread_body = !parser.is_done();
  if (error) co_return refusal(exchange, error);
  if (n_read > bytes_max) {
    co_return problem(fail(ErrorCode::too_large, "the body is larger than {} bytes", bytes_max),
                      exchange.request.trace_id);
  }
  co_return std::nullopt;
}

Task<bool> Session::answer_upload(Exchange& exchange, Parser& parser) {
  Upload upload(exchange);
  std::optional<Response> response;
  const bool was_let_in = co_await core_.on_pool(
      [&] {
        if (Result<void> opened = upload.open(core_.authenticate, exchange); !opened.ok()) {
          response = problem(opened.error(), exchange.request.trace_id);
        }
      },
      false);
  if (!was_let_in) {
    response = respond_overloaded(core_.options, exchange);
  }
  if (!response) co_await feed(upload, exchange, parser, response);
  const bool goes_on = co_await send(exchange, *std::move(response));
  co_return goes_on;
}

/// Hands the body to the sink, piece by piece; the next is read when the sink has taken the one before.
Task<void> Session::feed(Upload& upload,
                         Exchange& exchange,
                         Parser& parser,
                         std::optional<Response>& response) {
  NetError error;
  const bool is_invited = co_await invite_body(exchange);
  if (!is_invited) error = asio::error::broken_pipe;
  const auto piece = std::make_unique<char[]>(parser.is_done() ? 1 : kPieceBytes);
  while (!error && !response && !parser.is_done()) {
    std::size_t n = 0;
    error = co_await read_piece(parser, piece.get(), kPieceBytes, n);
    if (n == 0) continue;
    exchange.bytes_in += static_cast<std::int64_t>(n);
    // Also what came before an error: the client resumes behind it.
    co_await core_.on_pool([&] {
      const auto bytes = std::as_bytes(std::span(piece.get(), n));
      if (Result<void> written = upload.write(bytes); !written.ok()) {
        response = problem(written.error(), exchange.request.trace_id);
      }
    });
  }
  exchange.has_unread_body = !parser.is_done();
  const bool is_whole = !error && !response;
  co_await core_.on_pool([&] {
    if (is_whole) {
      response = upload.finish();
    } else {
      upload.abandon();
    }
  });
  if (error && !response) response = refusal(exchange, error);
}

std::string Session::head_of(const Exchange& exchange,
                             const Response& response,
                             std::optional<std::int64_t> content_length) const {
  return format_head(response, {.trace_id = exchange.request.trace_id,
                                .span_id = exchange.span_id,
                                .content_length = content_length,
                                .is_kept_alive = exchange.keep_alive,
                                .now_s = now_s()});
}

Task<bool> Session::send(Exchange& exchange, Response response) {
  if (exchange.has_unread_body || core_.is_draining) exchange.keep_alive = false;
  if (exchange.match.route != nullptr) {
    for (const auto& [name, value] : exchange.match.route->headers) {
      if (response.header(name).empty()) response.set_header(name, value);
    }
  }
  bool was_sent = false;
  if (std::holds_alternative<EventsBody>(response.body) && !exchange.is_head) {
    co_return send_events(exchange, response);
  }
  if (std::holds_alternative<FileBody>(response.body)) {
    was_sent = co_await send_file(exchange, response);
  } else {
    was_sent = co_await send_text(exchange, response);
  }
  if (was_sent && exchange.has_unread_body) co_await linger();
  co_return was_sent&& exchange.keep_alive;
}

Task<bool> Session::send_text(Exchange& exchange, Response& response) {
  exchange.status = response.status;
  const auto* const text = std::get_if<std::string>(&response.body);
  std::optional<std::int64_t> length;
  if (text != nullptr) length = static_cast<std::int64_t>(text->size());
  const bool has_body =
      text != nullptr && !exchange.is_head && response.status != 204 && response.status != 304;
  const std::string head = head_of(exchange, response, length);
  const std::string_view body = has_body ? std::string_view(*text) : "";
  const NetError error = co_await write_all({buffer_of(head), buffer_of(body)});
  exchange.bytes_out = static_cast<std::int64_t>(body.size());
  co_return !error;
}

/// Each piece is read on the pool and written before the next is read: one piece in memory.
Task<bool> Session::send_file(Exchange& exchange, Response& response) {
  FileSender file(std::get<FileBody>(response.body), exchange.request.headers);
  Result<std::string_view> piece = std::string_view();
  const bool is_wanted = !exchange.is_head;
  co_await core_.on_pool([&] { piece = file.open(is_wanted); });
  if (!piece.ok()) {
    Response refused = problem(piece.error(), exchange.request.trace_id);
    co_return co_await send_text(exchange, refused);
  }
  file.describe(exchange.request.trace_id, response);
  if (!std::holds_alternative<FileBody>(response.body)) {
    co_return co_await send_text(exchange, response);
  }
  exchange.status = response.status;
  const std::string head = head_of(exchange, response, file.bytes_to_send());
  NetError error = co_await write_all({buffer_of(head), buffer_of(*piece)});
  exchange.bytes_out = static_cast<std::int64_t>(piece->size());
  while (!error && is_wanted && file.bytes_left() > 0) {
    co_await core_.on_pool([&] { piece = file.read(); });
    if (!piece.ok()) co_return false;  // The head is out: only a broken connection tells.
    error = co_await write_all({buffer_of(*piece), {}});
    exchange.bytes_out += static_cast<std::int64_t>(piece->size());
  }
  co_return !error;
}

/// The connection becomes an event stream; this session ends.
bool Session::send_events(Exchange& exchange, Response& response) {
  exchange.status = response.status;
  exchange.keep_alive = false;
  response.set_header("Content-Type", "text/event-stream");
  response.set_header("X-Accel-Buffering", "no");  // Proxies: pass it on at once.
  std::string head = head_of(exchange, response, std::nullopt);
  if (core_.is_draining || !socket_.is_open()) return false;
  Socket socket(core_.io);
  std::swap(socket, socket_);
  start_event_stream(core_, std::move(socket), std::move(std::get<EventsBody>(response.body)),
                     std::move(head),
                     core_.tickets.issue(exchange.request, exchange.match.route->scope));
  return false;
}

/// Closes our half and reads on for a moment: closing with unread bytes would reset the connection, and the
/// client might lose the response that tells it why.
Task<void> Session::linger() {
  NetError error;
  socket_.shutdown(Socket::shutdown_send, error);
  arm(core_.options.linger_s);
  std::int64_t n_read = static_cast<std::int64_t>(buffer_.size());
  while (!error && n_read < kLingerBytesMax) {
    buffer_.consume(buffer_.size());
    error = co_await read_some(kBodyReadBytes);
    n_read += static_cast<std::int64_t>(buffer_.size());
  }
  disarm();
}

}  // namespace

void start_session(ServerCore& core, Socket socket) {
  const auto session = std::make_shared<Session>(core, std::move(socket));
  asio::co_spawn(core.io, session->run(), [session](const std::exception_ptr& error) {
    if (error == nullptr) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {  // Out of memory, perhaps.
      core::log(core::LogLevel::error, "a connection broke", {{"error", thrown.what()}});
    }
  });
}

}  // namespace baleen::api
