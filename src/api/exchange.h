#pragma once

/// What happens to a request between the network and its handler, without either. No sockets.

#include <cstdint>
#include <memory>
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
  bool keep_alive = false;
  bool expects_continue = false;
  bool has_unread_body = false;  ///< The connection cannot go on after the response.
  std::int64_t bytes_in = 0, bytes_out = 0;
  int status = 0;

  [[nodiscard]] bool is_upload() const { return match.route != nullptr && match.route->sink; }
  [[nodiscard]] std::int64_t body_bytes_max() const;
};

/// Who asks, and may they? On the pool.
[[nodiscard]] Result<void> authorize(const AuthenticateFn& authenticate, Exchange& exchange);
/// The whole of a request that has its body: authorisation, then the handler. On the pool; never throws.
[[nodiscard]] Response respond(const AuthenticateFn& authenticate, Exchange& exchange);

/// The answer to a request that no route takes: 404, 405 with Allow, or 204 to OPTIONS.
[[nodiscard]] Response respond_without_route(const Exchange& exchange);

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
