#include "api/docs_page.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "core/base64.h"
#include "core/sha256.h"

namespace baleen::api {
namespace {

constexpr std::string_view kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#16212b;background:#fff}"
    "a{color:#0b5cad}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid #d5dde3}"
    "code,pre{font:14px/1.45 ui-monospace,monospace}pre{overflow-x:auto;padding:1rem;"
    "background:#f3f6f8}.scroll{overflow-x:auto}"
    ":target{background:#fff3c4}"
    "@media(prefers-color-scheme:dark){body{color:#dfe7ec;background:#10181e}a{color:#7cc0ff}"
    "th,td{border-color:#33424d}pre{background:#1a252d}:target{background:#4a3f12}}";

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    switch (letter) {
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '&': escaped += "&amp;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += letter;
    }
  }
  return escaped;
}

/// 'sha256-…' of the style, for the policy: no other style counts.
std::string style_hash() {
  const std::string hex = core::sha256_hex(kStyle);
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::strtol(hex.substr(i, 2).c_str(), nullptr, 16));
  return "'sha256-" + core::to_base64(bytes) + "'";
}

Response page(std::string_view title, const std::string& body) {
  Response response = Response::of_text(
      fmt::format("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                  "name=\"viewport\" content=\"width=device-width\"><title>{0}</title>"
                  "<style>{1}</style></head><body><main><h1>{0}</h1>{2}</main></body></html>\n",
                  escape(title), kStyle, body),
      "text/html; charset=utf-8");
  response.set_header("Content-Security-Policy",
                      "default-src 'none'; style-src " + style_hash() +
                          "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  return response;
}

struct Operation {
  std::string method, path, summary, scope;
};

/// The document is our own, so its lines are known: this is no reader of YAML.
std::vector<Operation> operations_of(std::string_view yaml) {
  std::istringstream lines{std::string(yaml.substr(0, yaml.find("\ncomponents:")))};
  std::vector<Operation> operations;
  std::string line, path;
  while (std::getline(lines, line)) {
    const auto value = [&] { return line.substr(line.find(": ") + 2); };
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    if (line.size() > 5 && line.starts_with("    ") && line[4] != ' ' && line.ends_with(":"))
      operations.push_back({line.substr(4, line.size() - 5), path, "", ""});
    if (operations.empty()) continue;
    if (line.starts_with("      summary: ")) operations.back().summary = value();
    if (line.starts_with("      x-baleen-scope: ")) operations.back().scope = value();
  }
  return operations;
}

}  // namespace

Response docs_page(std::string_view openapi_yaml) {
  std::string body =
      "<p>Every address, what it does and which scope a token needs for it: read, submit, operate "
      "or "
      "admin, each with those before it. Requests carry <code>Authorization: Bearer TOKEN</code>. "
      "Errors are <a href=\"/docs/errors\">problem documents with a code</a>. The whole contract "
      "is "
      "<a href=\"/v1/openapi.yaml\">an OpenAPI 3.1 document</a>.</p>"
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Addresses\"><table><thead>"
      "<tr><th>Address</th><th>What it does</th><th>Scope</th></tr></thead><tbody>";
  for (const Operation& operation : operations_of(openapi_yaml)) {
    std::string method = operation.method;
    for (char& letter : method) letter = static_cast<char>(letter - 'a' + 'A');
    body += fmt::format("<tr><td><code>{} {}</code></td><td>{}</td><td>{}</td></tr>", method,
                        escape(operation.path), escape(operation.summary), escape(operation.scope));
  }
  body += "</tbody></table></div>";
  const std::size_t schemas = openapi_yaml.find("\ncomponents:");
  if (schemas != std::string_view::npos)
    body += "<h2>Bodies and parameters</h2><pre tabindex=\"0\">" +
            escape(openapi_yaml.substr(schemas + 1)) + "</pre>";
  return page("Baleen: the API", body);
}

Response errors_page() {
  std::string body =
      "<p>Every failure has one of these codes, in the API, on the command line and in the log.</p>"
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Codes\"><table><thead><tr>"
      "<th>Code</th><th>Why</th><th>What to do</th><th>HTTP</th><th>Tried again</th></tr></thead>"
      "<tbody>";
  for (const core::ErrorInfo& info : core::kErrorCatalogue) {
    body += fmt::format(
        "<tr "
        "id=\"{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td><td>{3}</td><td>{4}</td></tr>",
        escape(info.name), escape(info.cause), escape(info.action), info.http_status,
        info.retryable ? "yes" : "no");
  }
  body += "</tbody></table></div>";
  return page("Baleen: error codes", body);
}

}  // namespace baleen::api
