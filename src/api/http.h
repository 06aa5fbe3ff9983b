#pragma once

/// Requests and responses as the handlers see them: values, without sockets.
///
/// A handler runs on a thread of the server's pool and may block on the database or the disk; it never
/// sees a connection. What is too large for a value has a type of its own: files go out as FileBody,
/// events as EventsBody, uploads come in through a BodySink.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace baleen::api {

/// What a token may do. Each scope includes those before it; `open` needs no token.
enum class Scope { open, read, submit, operate, admin };

/// "read", "submit", …
[[nodiscard]] std::string_view to_string(Scope scope);
[[nodiscard]] std::optional<Scope> parse_scope(std::string_view text);

/// Who asks.
struct Principal {
  std::string token_id;
  Scope scope = Scope::open;
  std::string owner;  ///< Sees only what belongs to this owner; empty: everything (admin only).
  std::string session_id = {};  ///< Of a browser's session; empty: the token itself was shown.
};

/// In the order in which they came; names in any case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of this name (any case), or "".
[[nodiscard]] std::string_view find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method;  ///< "GET", in capitals.
  std::string path;    ///< Decoded, without the query.
  std::map<std::string, std::string>
      parameters;                            ///< Of the route's pattern: {run_id} and the like.
  std::map<std::string, std::string> query;  ///< Decoded; the last of equal names counts.
  Headers headers;
  std::string body;  ///< Whole, within the route's limit; empty where a BodySink takes it.
  Principal principal;
  std::string trace_id;  ///< A W3C trace id of 32 hex digits, the client's if it sent one.
  std::string remote;    ///< "127.0.0.1:40112", for the log.

  /// The value of a header (any case), or "".
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// A cookie's value, or "".
  [[nodiscard]] std::string_view cookie(std::string_view name) const;
  /// A parameter of the query, or the fallback.
  [[nodiscard]] std::string query_or(const std::string& name, std::string_view fallback) const;
};

/// A file, or a range of it, sent from the disk in bounded memory. The server answers Range, If-Range and
/// If-None-Match by itself; the handler sets Content-Type.
struct FileBody {
  std::filesystem::path path;
  std::int64_t bytes = 0;
  std::string etag;  ///< Strong, without quotes: the file's SHA-256.
};

/// Events from `after` on, as they happen, until the client leaves (text/event-stream).
struct EventsBody {
  std::int64_t after = 0;
  /// Which events this client may see and wants.
  struct Filter {
    std::string owner, run_id, asset_id;  ///< Empty: any.
    std::vector<std::string> types;       ///< "task.complete"; "task.*"; empty: any.
  } filter;
};

struct Response {
  int status = 200;
  Headers headers;
  std::variant<std::string, FileBody, EventsBody> body;

  [[nodiscard]] static Response of_json(const json::value& value, int status = 200);
  [[nodiscard]] static Response of_text(std::string text, std::string_view media_type);
  [[nodiscard]] static Response empty(int status = 204);
  /// The value of a header (any case), or "".
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// Replaces a header of this name.
  void set_header(std::string name, std::string value);
  /// Adds one more, for headers that may come several times (Set-Cookie).
  void add_header(std::string name, std::string value);
};

/// Takes the body of an upload as it arrives, on a pool thread, in order.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// At most 1 MiB at a time. An error ends the request with its problem document.
  [[nodiscard]] virtual Result<void> write(std::span<const std::byte> bytes) = 0;
  /// After the last byte.
  [[nodiscard]] virtual Result<Response> finish() = 0;
  /// The connection broke, or write() failed; what has been written may be kept for a resumption.
  virtual void abandon() = 0;
};

using Handler = std::function<Result<Response>(const Request&)>;
using SinkHandler = std::function<Result<std::unique_ptr<BodySink>>(const Request&)>;

/// One line of the routing table; the table is what the server serves, what the OpenAPI document is checked
/// against, and what the authorisation test is generated from.
struct Route {
  std::string method;
  std::string pattern;  ///< "/v1/runs/{run_id}"; a parameter is one segment, "{path...}" the rest.
  Scope scope = Scope::admin;
  std::string operation_id;  ///< As in specs/openapi.yaml.
  Handler handler;
  SinkHandler sink = {};                  ///< Instead of `handler`, for uploads.
  std::int64_t body_bytes_max = 1 << 20;  ///< Of `body`; a sink has limits of its own.
  Headers headers = {};                   ///< Of every answer of this route, refusals included.
  bool is_secret = false;  ///< Its answers hold secrets: they are never kept for a repetition.
};

/// application/problem+json of RFC 9457: type, title, status, detail, code, cause, action, trace_id,
/// retryable. `status` is the catalogue's unless given, for what HTTP distinguishes and the catalogue does
/// not (416, 421, 431).
[[nodiscard]] Response problem(const Error& error, std::string_view trace_id, int status = 0);

}  // namespace baleen::api
