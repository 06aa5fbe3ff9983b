// Values of HTTP headers: ranges, entity tags, traces, cookies; and the head of an answer, which no value can break.
#include "api/file_response.h"
#include "api/http.h"
#include "api/response_head.h"
#include "core/base64.h"
#include "fuzz/input.h"

using namespace baleen;

namespace {

void check_file(const api::Headers& request, std::int64_t bytes, std::string_view etag) {
  const api::FileBody file{"x", bytes, std::string(etag)};
  const api::FilePlan plan = api::plan_file(request, file);
  BALEEN_CHECK(0 <= plan.begin && plan.begin <= plan.end && plan.end <= bytes);
  BALEEN_CHECK(plan.status != 200 || plan.end - plan.begin == bytes);
  BALEEN_CHECK(plan.status != 206 || plan.begin < plan.end);
  api::Response response;
  api::set_file_headers(plan, file, response);
}

/// Status line, headers, blank line: as many lines as there are headers, whatever is in them.
void check_head(const api::Headers& headers) {
  api::Response response;
  for (const auto& [name, value] : headers) response.add_header("X-Echo", value);
  const std::string head = api::format_head(response, {.content_length = 7, .now_s = 1});
  BALEEN_CHECK(head.ends_with("\r\n\r\n"));
  BALEEN_CHECK(head.find("\r\n\r\n") == head.size() - 4);
  std::size_t n_echoes = 0;
  for (std::size_t at = 0; (at = head.find("\r\nX-Echo: ", at)) != std::string::npos; ++at)
    ++n_echoes;
  BALEEN_CHECK(n_echoes == headers.size());
  const auto n_feeds = std::count(head.begin(), head.end(), '\n');
  api::Response none;
  const std::string plain = api::format_head(none, {.content_length = 7, .now_s = 1});
  BALEEN_CHECK(n_feeds == std::count(plain.begin(), plain.end(), '\n') +
                              static_cast<std::ptrdiff_t>(n_echoes));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::int64_t bytes = input.number<std::int64_t>() & INT64_MAX;
  api::Headers headers;
  while (!input.is_empty() && headers.size() < 32) {
    const std::string_view name = input.until(':');
    headers.emplace_back(name, input.until('\n'));
  }
  check_file(headers, bytes, "0123abcd");
  check_file(headers, bytes % 1000, "");
  check_head(headers);
  api::Request request;
  request.headers = headers;
  const std::string_view cookie = request.cookie("session");
  BALEEN_CHECK(cookie.find(';') == std::string_view::npos);
  for (const auto& [name, value] : headers) {
    if (const auto trace_id = api::parse_traceparent(value))
      BALEEN_CHECK(trace_id->size() == 32 && value.find(*trace_id) != std::string::npos);
    if (const auto scope = api::parse_scope(value)) BALEEN_CHECK(api::to_string(*scope) == value);
    if (const auto plain = core::from_base64(value)) BALEEN_CHECK(core::to_base64(*plain) == value);
    const std::string encoded = core::to_base64(value);
    BALEEN_CHECK(core::from_base64(encoded) == value);
    (void)api::names_etag(value, "0123abcd");
  }
  return 0;
}
