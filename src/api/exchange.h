#pragma once

/// What happens to a request between the network and its handler, without either. No sockets.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "api/http.h"
#include "api/router.h"
#include "api/server.h"

namespace baleen::api {

/// The body of a request that no route takes is read up to here, so that the connection may go on.
inline constexpr std::int64_t kIgnoredBodyBytesMax = 64 << 10;

/// A request on its way.
struct Exchange {
  Request request;
  Router::Match match;
  std::string span_id;

  bool is_head = false;
  bool is_http_1_0 = false;
  bool is_chunked = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool has_unread_body = false;       ///< The connection cannot go on after the response.
  std::uint64_t announced_bytes = 0;  ///< Content-Length.
  std::int64_t bytes_in = 0, bytes_out = 0;
  int status = 0;

  [[nodiscard]] bool is_upload() const { return match.route != nullptr && match.route->sink; }
  [[nodiscard]] std::int64_t body_bytes_max() const;
};

/// Finds the route and checks what can be checked without the body; a response where that is all the
/// request gets. `target` is as it stands in the request line.
[[nodiscard]] std::optional<Response> admit(const ServerOptions& options,
                                            const Router& router,
                                            std::string_view target,
                                            Exchange& exchange);

/// Who asks, and may they? On the pool.
[[nodiscard]] Result<void> authorize(const AuthenticateFn& authenticate, Exchange& exchange);
/// The whole of a request that has its body: authorisation, then the handler. On the pool; never throws.
[[nodiscard]] Response respond(const AuthenticateFn& authenticate, Exchange& exchange);

/// The answer to a request that no route takes: 404, 405 with Allow, or 204 to OPTIONS.
[[nodiscard]] Response respond_without_route(const Exchange& exchange);

/// The answer where too many requests wait.
[[nodiscard]] Response respond_overloaded(const ServerOptions& options, const Exchange& exchange);

/// Whether a principal, or the error instead of one, is enough for a scope.
[[nodiscard]] Result<void> check_scope(const Result<Principal>& principal, Scope needed);

/// The sink of an upload, wrapped so that it cannot throw. On the pool.
class Upload {
 public:
  explicit Upload(const Exchange& exchange) : exchange_(exchange) {}
  ~Upload() { abandon(); }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  [[nodiscard]] Result<void> open(const AuthenticateFn& authenticate, Exchange& exchange);
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
  [[nodiscard]] Response finish();
  /// Ends the sink without a response.
  void abandon();

 private:
  const Exchange& exchange_;
  std::unique_ptr<BodySink> sink_;
};

}  // namespace baleen::api
