// Request targets and the routes that they find.
#include "api/target.h"

#include "api/router.h"
#include "core/json.h"
#include "fuzz/input.h"

using namespace baleen;

namespace {

api::Router make_router() {
  std::vector<api::Route> routes;
  for (const char* pattern : {"/", "/v1/runs", "/v1/runs/{run_id}", "/v1/runs/{run_id}/tasks/{id}",
                              "/v1/runs/all", "/files/{path...}"}) {
    api::Route route;
    route.method = "GET";
    route.pattern = pattern;
    route.handler = [](const api::Request&) -> Result<api::Response> { return api::Response{}; };
    routes.push_back(std::move(route));
  }
  return api::Router::create(std::move(routes)).value();
}

/// Every byte escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char byte : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  for (const bool plus_is_blank : {false, true}) {
    const Result<std::string> plain = api::percent_decode(text, plus_is_blank);
    BALEEN_CHECK(fuzz::is_value_or(plain, {ErrorCode::invalid_argument}));
    const Result<std::string> back = api::percent_decode(escaped(text), plus_is_blank);
    BALEEN_CHECK(back.ok() && *back == text);
  }
  const std::string host = api::host_of(text);
  BALEEN_CHECK(host.size() <= text.size());

  const Result<api::Target> target = api::parse_target(text);
  BALEEN_CHECK(fuzz::is_value_or(target, {ErrorCode::invalid_argument}));
  if (!target.ok()) return 0;
  const std::string& path = target->path;
  BALEEN_CHECK(path.front() == '/' && !target->segments.empty());
  BALEEN_CHECK(core::valid_utf8(path) == path);
  BALEEN_CHECK(std::none_of(path.begin(), path.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
  }));
  const std::string slashed = path + "/";
  BALEEN_CHECK(slashed.find("/../") == std::string::npos);
  BALEEN_CHECK(slashed.find("/./") == std::string::npos);
  for (const auto& [name, value] : target->query) BALEEN_CHECK(core::valid_utf8(value) == value);

  static const api::Router router = make_router();
  const api::Router::Match match = router.find("GET", *target);
  if (match.route == nullptr) return 0;
  for (const auto& [name, value] : match.parameters)
    BALEEN_CHECK(path.find(value) != std::string::npos);
  return 0;
}
