#include "api/exchange.h"

#include <exception>
#include <utility>

#include "core/log.h"

namespace baleen::api {
namespace {

Error caught(const Exchange& exchange, std::string_view what) {
  core::log(core::LogLevel::error, "a handler threw",
            {{"error", what},
             {"method", exchange.request.method},
             {"path", exchange.request.path},
             {"trace_id", exchange.request.trace_id}});
  // The words may hold paths or SQL that are nobody's business outside.
  return fail(ErrorCode::internal, "unexpected failure; the log has it under this trace_id");
}

/// Runs what others wrote; what it throws becomes INTERNAL.
template <typename Function>
auto guarded(const Exchange& exchange, Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& error) {
    return caught(exchange, error.what());
  } catch (...) {
    return caught(exchange, "not a std::exception");
  }
}

Response response_of(const Exchange& exchange, Result<Response> result) {
  if (result.ok()) return std::move(result).value();
  return problem(result.error(), exchange.request.trace_id);
}

}  // namespace

std::int64_t Exchange::body_bytes_max() const {
  return match.route == nullptr ? kIgnoredBodyBytesMax : match.route->body_bytes_max;
}

Result<void> authorize(const AuthenticateFn& authenticate, Exchange& exchange) {
  const Scope needed = exchange.match.route->scope;
  if (needed == Scope::open) return {};
  Result<Principal> principal = guarded(exchange, [&] { return authenticate(exchange.request); });
  if (!principal.ok()) return std::move(principal).error();
  if (principal->scope < needed) {
    return fail(ErrorCode::forbidden, "this needs the scope \"{}\", and the token has \"{}\"",
                to_string(needed), to_string(principal->scope));
  }
  exchange.request.principal = std::move(principal).value();
  return {};
}

Response respond(const AuthenticateFn& authenticate, Exchange& exchange) {
  if (Result<void> allowed = authorize(authenticate, exchange); !allowed.ok()) {
    return response_of(exchange, std::move(allowed).error());
  }
  return response_of(
      exchange, guarded(exchange, [&] { return exchange.match.route->handler(exchange.request); }));
}

Response respond_without_route(const Exchange& exchange) {
  const Request& request = exchange.request;
  if (exchange.match.allow.empty()) {
    return problem(fail(ErrorCode::not_found, "there is nothing at {}", request.path),
                   request.trace_id);
  }
  Response response = Response::empty();
  if (request.method != "OPTIONS") {
    response = problem(
        fail(ErrorCode::method_not_allowed, "{} does not take {}", request.path, request.method),
        request.trace_id);
  }
  response.set_header("Allow", exchange.match.allow);
  return response;
}

Result<void> Upload::open(const AuthenticateFn& authenticate, Exchange& exchange) {
  BALEEN_RETURN_IF_ERROR(authorize(authenticate, exchange));
  Result<std::unique_ptr<BodySink>> made =
      guarded(exchange, [&] { return exchange.match.route->sink(exchange.request); });
  if (!made.ok()) return std::move(made).error();
  sink_ = std::move(made).value();
  return {};
}

Result<void> Upload::write(std::span<const std::byte> bytes) {
  Result<void> written = guarded(exchange_, [&] { return sink_->write(bytes); });
  if (!written.ok()) abandon();
  return written;
}

Response Upload::finish() {
  Response response = response_of(exchange_, guarded(exchange_, [&] { return sink_->finish(); }));
  sink_.reset();
  return response;
}

void Upload::abandon() {
  if (sink_ == nullptr) return;
  // Nothing is left to tell whom; what it throws goes to the log.
  (void)guarded(exchange_, [&]() -> Result<void> {
    sink_->abandon();
    return {};
  });
  sink_.reset();
}

}  // namespace baleen::api
