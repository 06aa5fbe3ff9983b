// Who asks: tokens, and the sessions of browsers.

#include <fmt/format.h>

#include "api/service.h"
#include "ops/sessions.h"

namespace baleen::api {
namespace {

constexpr std::string_view kCookie = "baleen_session";
constexpr std::string_view kCsrfHeader = "X-Baleen-CSRF";

Scope to_scope(ops::TokenScope scope) {
  switch (scope) {
    case ops::TokenScope::read: return Scope::read;
    case ops::TokenScope::submit: return Scope::submit;
    case ops::TokenScope::operate: return Scope::operate;
    case ops::TokenScope::admin: return Scope::admin;
  }
  return Scope::open;
}

Principal principal_of(const ops::Token& token) {
  return Principal{token.token_id, to_scope(token.scope), token.owner_entity_id};
}

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

/// `secret` empty: ends the cookie.
std::string set_cookie(std::string_view secret) {
  // No `Secure`: the service itself speaks plain HTTP, on this machine or behind a proxy.
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", kCookie, secret,
                     secret.empty() ? 0 : static_cast<int>(ops::kSessionLifetimeS));
}

json::object describe(const ops::Token& token) {
  json::object session = token.to_json();
  for (const char* member : {"created_at", "last_used_at", "revoked_at"}) session.erase(member);
  return session;
}

json::object describe(const ops::WebSession& session, std::string_view secret) {
  json::object answer = describe(session.token);
  answer["session_id"] = session.session_id;
  answer["csrf_token"] = ops::csrf_token_of(secret);
  answer["expires_at"] = core::rfc3339(
      std::min(session.expires_at_us, session.token.expires_at_us.value_or(session.expires_at_us)));
  return answer;
}

}  // namespace

Result<Principal> Service::authenticate(const Request& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view header = request.header("Authorization");
  const std::string_view cookie = request.cookie(kCookie);
  if (header.empty() && cookie.empty())
    return fail(ErrorCode::unauthorized, "no token: send `Authorization: Bearer TOKEN`");
  BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
  if (!header.empty()) {
    if (!header.starts_with(kBearer))
      return fail(ErrorCode::unauthorized, "no token: send `Authorization: Bearer TOKEN`");
    BALEEN_ASSIGN_OR_RETURN(const ops::Token token,
                            ops::TokenStore(*database).verify(header.substr(kBearer.size())));
    return principal_of(token);
  }
  BALEEN_ASSIGN_OR_RETURN(const ops::WebSession session,
                          ops::WebSessionStore(*database).verify(cookie));
  if (!is_safe(request.method) && request.header(kCsrfHeader) != ops::csrf_token_of(cookie))
    return fail(ErrorCode::forbidden,
                "a browser's session changes nothing without its CSRF token in {}", kCsrfHeader);
  Principal principal = principal_of(session.token);
  principal.session_id = session.session_id;
  return principal;
}

void Service::add_session_routes(std::vector<Route>& routes) {
  routes.push_back(
      {"POST", "/v1/session", Scope::open, "beginSession",
       with_database([](const Request& request, store::Database& database) -> Result<Response> {
         BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                 json_body(request, {{"token", Member::Kind::text, true}}));
         const std::string token = core::get_string(body, "token");
         if (token.empty()) return fail(ErrorCode::invalid_argument, "the body needs a 'token'");
         BALEEN_ASSIGN_OR_RETURN(const ops::NewWebSession made,
                                 ops::WebSessionStore(database).begin(token));
         Response response = Response::of_json(describe(made.session, made.secret));
         response.set_header("Set-Cookie", set_cookie(made.secret));
         return response;
       })});
  routes.push_back(
      {"GET", "/v1/session", Scope::read, "getSession",
       with_database([](const Request& request, store::Database& database) -> Result<Response> {
         if (request.principal.session_id.empty()) {
           BALEEN_ASSIGN_OR_RETURN(const ops::Token token,
                                   ops::TokenStore(database).verify_id(request.principal.token_id));
           return Response::of_json(describe(token));
         }
         const std::string_view secret = request.cookie(kCookie);
         BALEEN_ASSIGN_OR_RETURN(const ops::WebSession session,
                                 ops::WebSessionStore(database).verify(secret));
         return Response::of_json(describe(session, secret));
       })});
  routes.push_back(
      {"DELETE", "/v1/session", Scope::read, "endSession",
       with_database([](const Request& request, store::Database& database) -> Result<Response> {
         BALEEN_RETURN_IF_ERROR(ops::WebSessionStore(database).end(request.principal.session_id));
         Response response = Response::empty();
         response.set_header("Set-Cookie", set_cookie(""));
         return response;
       })});

  routes.push_back(
      {"GET", "/v1/tokens", Scope::admin, "listTokens",
       with_database([](const Request&, store::Database& database) -> Result<Response> {
         BALEEN_ASSIGN_OR_RETURN(const auto tokens, ops::TokenStore(database).list());
         json::array items;
         for (const ops::Token& token : tokens) items.push_back(token.to_json());
         return Response::of_json(json::object{{"items", items}});
       })});
  routes.push_back(
      {"POST", "/v1/tokens", Scope::admin, "addToken",
       with_database([](const Request& request, store::Database& database) -> Result<Response> {
         BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                 json_body(request, {{"name", Member::Kind::text, true},
                                                     {"scope", Member::Kind::text, true},
                                                     {"owner_entity_id", Member::Kind::text},
                                                     {"lifetime_s", Member::Kind::number}}));
         const std::string word = core::get_string(body, "scope");
         const auto scope = ops::parse_token_scope(word);
         if (!scope)
           return fail(ErrorCode::invalid_argument,
                       "scope is read, submit, operate or admin, not '{}'", word);
         BALEEN_ASSIGN_OR_RETURN(
             const ops::NewToken made,
             ops::TokenStore(database).add(core::get_string(body, "name"), *scope,
                                           core::get_string(body, "owner_entity_id"),
                                           core::get_double(body, "lifetime_s")));
         json::object answer = made.token.to_json();
         answer["secret"] = made.secret;
         return Response::of_json(answer, 201);
       })});
  routes.back().is_secret = true;
  routes.push_back(
      {"DELETE", "/v1/tokens/{token_id}", Scope::admin, "revokeToken",
       with_database([](const Request& request, store::Database& database) -> Result<Response> {
         BALEEN_RETURN_IF_ERROR(
             ops::TokenStore(database).revoke(request.parameters.at("token_id")));
         return Response::empty();
       })});
}

}  // namespace baleen::api
