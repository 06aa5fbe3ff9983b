#include <string>

#include "api/http.h"

namespace baleen::api {

Response problem(const Error& error, std::string_view trace_id, int status) {
  const core::ErrorInfo& info = error.info();
  // A few codes are warnings to the engine, with status 200; as the answer to a request they are failures.
  if (status == 0) status = info.http_status >= 400 ? info.http_status : 500;
  const json::object document{
      {"type", "/docs/errors#" + std::string(info.name)},
      {"title", info.cause},
      {"status", status},
      {"detail", error.message},
      {"code", info.name},
      {"cause", info.cause},
      {"action", info.action},
      {"retryable", info.retryable},
      {"trace_id", trace_id},
  };
  Response response = Response::of_json(document, status);
  response.set_header("Content-Type", "application/problem+json");
  if (status == 401) response.set_header("WWW-Authenticate", "Bearer realm=\"baleen\"");
  if (status == 503) response.set_header("Retry-After", "1");
  return response;
}

}  // namespace baleen::api
