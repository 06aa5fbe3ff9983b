#include "api/exchange.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "api/ascii.h"
#include "api/response_head.h"
#include "api/target.h"
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

std::ptrdiff_t count_headers(const Request& request, std::string_view name) {
  return std::count_if(request.headers.begin(), request.headers.end(), [&](const auto& header) {
    return equals_ignoring_case(header.first, name);
  });
}

bool allows_host(const ServerOptions& options, std::string_view header) {
  const std::string host = host_of(header);
  const auto is_it = [&](const std::string& allowed) { return allowed == host || allowed == "*"; };
  return host == options.bind || host == '[' + options.bind + ']' ||
         std::any_of(options.hosts.begin(), options.hosts.end(), is_it);
}

/// Exactly one Host header that names us; HTTP/1.0 may do without.
Result<void> check_host(const ServerOptions& options, const Exchange& exchange) {
  const std::ptrdiff_t n_hosts = count_headers(exchange.request, "Host");
  if (n_hosts == 0 && exchange.is_http_1_0) return {};
  if (n_hosts != 1) {
    return fail(ErrorCode::invalid_argument, "a request has exactly one Host header");
  }
  const std::string_view host = exchange.request.header("Host");
  if (allows_host(options, host)) return {};
  return fail(ErrorCode::invalid_argument,
              "this server is not called \"{}\"; the option `hosts` says how it is called", host);
}

Response response_of(const Exchange& exchange, Result<Response> result) {
  if (result.ok()) return std::move(result).value();
  return problem(result.error(), exchange.request.trace_id);
}

}  // namespace

std::int64_t Exchange::body_bytes_max() const {
  return match.route == nullptr ? kIgnoredBodyBytesMax : match.route->body_bytes_max;
}

std::optional<Response> admit(const ServerOptions& options,
                              const Router& router,
                              std::string_view target,
                              Exchange& exchange) {
  Request& request = exchange.request;
  request.path = target.substr(0, target.find('?'));  // Until it is decoded, for the log.
  exchange.expects_continue =
      !exchange.is_http_1_0 && equals_ignoring_case(request.header("Expect"), "100-continue");
  if (auto trace_id = parse_traceparent(request.header("traceparent"))) {
    request.trace_id = *std::move(trace_id);
  }
  const auto refuse = [&](const Error& error, int status) {
    return problem(error, request.trace_id, status);
  };
  if (Result<void> host = check_host(options, exchange); !host.ok()) {
    return refuse(host.error(), count_headers(request, "Host") == 1 ? 421 : 400);
  }
  if (!request.header("Transfer-Encoding").empty() && !exchange.is_chunked) {
    return refuse(fail(ErrorCode::invalid_argument, "only the transfer encoding chunked is known"),
                  400);
  }
  Result<Target> decoded = parse_target(target);
  if (!decoded.ok()) return refuse(decoded.error(), 400);
  exchange.match = router.find(request.method, *decoded);
  request.path = std::move(decoded->path);
  request.query = std::move(decoded->query);
  request.parameters = exchange.match.parameters;
  const std::int64_t bytes_max = exchange.body_bytes_max();
  if (!exchange.is_upload() && exchange.announced_bytes > static_cast<std::uint64_t>(bytes_max)) {
    return refuse(fail(ErrorCode::too_large, "the body is larger than {} bytes", bytes_max), 413);
  }
  return std::nullopt;
}

Result<void> check_scope(const Result<Principal>& principal, Scope needed) {
  if (!principal.ok()) return principal.error();
  if (principal.value().scope >= needed) return {};
  return fail(ErrorCode::forbidden, "this needs the scope \"{}\", and the token has \"{}\"",
              to_string(needed), to_string(principal.value().scope));
}

Result<void> authorize(const AuthenticateFn& authenticate, Exchange& exchange) {
  const Scope needed = exchange.match.route->scope;
  if (needed == Scope::open) return {};
  Result<Principal> principal = guarded(exchange, [&] { return authenticate(exchange.request); });
  BALEEN_RETURN_IF_ERROR(check_scope(principal, needed));
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

Response respond_overloaded(const ServerOptions& options, const Exchange& exchange) {
  return problem(
      fail(ErrorCode::overloaded, "{} requests are waiting already", options.requests_queued_max),
      exchange.request.trace_id);
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
