#include "api/static.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/ascii.h"
#include "api/file_response.h"
#include "core/sha256.h"

namespace baleen::api {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kMediaTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".yaml", "application/yaml"},
}};

/// A file with its digests, made once.
struct Prepared {
  StaticFile file;
  std::string etag, gzip_etag;  ///< Two, because their bytes differ.
  std::string policy;
};

Response serve(const Prepared& prepared, const Request& request) {
  const bool is_packed =
      !prepared.file.gzip.empty() && accepts_gzip(request.header("Accept-Encoding"));
  const std::string& etag = is_packed ? prepared.gzip_etag : prepared.etag;
  Response response = Response::of_text("", media_type_of(prepared.file.path));
  response.set_header("ETag", '"' + etag + '"');
  response.set_header("Cache-Control", prepared.file.has_hash_in_name
                                           ? "public, max-age=31536000, immutable"
                                           : "no-cache");
  if (!prepared.file.gzip.empty()) response.set_header("Vary", "Accept-Encoding");
  if (!prepared.policy.empty()) response.set_header("Content-Security-Policy", prepared.policy);
  if (const std::string_view known = request.header("If-None-Match");
      !known.empty() && names_etag(known, etag)) {
    response.status = 304;
    return response;
  }
  if (is_packed) response.set_header("Content-Encoding", "gzip");
  response.body = std::string(is_packed ? prepared.file.gzip : prepared.file.bytes);
  return response;
}

Prepared prepare(const StaticFile& file, std::string_view policy) {
  const bool is_html = media_type_of(file.path).substr(0, 9) == "text/html";
  return {.file = file,
          .etag = core::sha256_hex(file.bytes),
          .gzip_etag = core::sha256_hex(file.gzip),
          .policy = is_html ? std::string(policy) : std::string()};
}

Route route_of(std::string pattern, Handler handler) {
  Route route;
  route.method = "GET";
  route.operation_id = "getStatic";
  route.scope = Scope::open;
  route.pattern = std::move(pattern);
  route.handler = std::move(handler);
  return route;
}

}  // namespace

std::string_view media_type_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::string_view ending = dot == std::string_view::npos ? "" : path.substr(dot);
  const auto* const found = std::find_if(kMediaTypes.begin(), kMediaTypes.end(),
                                         [&](const auto& entry) { return entry.first == ending; });
  return found == kMediaTypes.end() ? "application/octet-stream" : found->second;
}

bool accepts_gzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    const std::string_view item = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(item.size() + 1, accept_encoding.size()));
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    if (!equals_ignoring_case(trim(item.substr(0, semicolon)), "gzip")) continue;
    const std::string_view weight = trim(item.substr(std::min(semicolon + 1, item.size())));
    // "q=0", "q=0.000": not this one.
    return weight.substr(0, 2) != "q=" ||
           weight.find_first_not_of("0.", 2) != std::string_view::npos;
  }
  return false;
}

std::vector<Route> static_routes(const std::vector<StaticFile>& files,
                                 std::string_view content_security_policy) {
  std::vector<Route> routes;
  for (const StaticFile& file : files) {
    const Handler handler = [prepared = prepare(file, content_security_policy)](
                                const Request& request) -> Result<Response> {
      return serve(prepared, request);
    };
    routes.push_back(route_of(std::string(file.path), handler));
    if (file.path != "/index.html") continue;
    routes.push_back(route_of("/", handler));
    routes.push_back(route_of("/{path...}", [handler](const Request& request) -> Result<Response> {
      const std::string_view name = std::string_view(request.path);
      const bool is_file = name.find('.', name.rfind('/')) != std::string_view::npos;
      const bool is_api = name.substr(0, 4) == "/v1/" || name == "/v1";
      if (!is_file && !is_api) return handler(request);
      return fail(ErrorCode::not_found, "there is nothing at {}", request.path);
    }));
  }
  return routes;
}

}  // namespace baleen::api
