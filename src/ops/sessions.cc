#include "ops/sessions.h"

#include "core/ids.h"
#include "core/sha256.h"
#include "ops/secret.h"

namespace baleen::ops {
namespace {

constexpr std::string_view kPrefix = "bls_";

}  // namespace

Result<NewWebSession> WebSessionStore::begin(std::string_view token_secret) {
  NewWebSession made;
  BALEEN_ASSIGN_OR_RETURN(made.session.token, TokenStore(database_, clock_).verify(token_secret));
  BALEEN_ASSIGN_OR_RETURN(made.secret, new_secret(kPrefix));
  const std::int64_t now_us = clock_.now_us();
  made.session.session_id = core::new_id();
  made.session.expires_at_us = now_us + static_cast<std::int64_t>(1e6 * kSessionLifetimeS);
  BALEEN_RETURN_IF_ERROR(
      database_.execute("DELETE FROM web_sessions WHERE expires_at_us <= $1", now_us));
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO web_sessions (session_id, session_sha256, token_id, "
                        "created_at_us, expires_at_us) VALUES ($1, $2, $3, $4, $5)",
                        made.session.session_id, core::sha256_hex(made.secret),
                        made.session.token.token_id, now_us, made.session.expires_at_us));
  return made;
}

Result<WebSession> WebSessionStore::verify(std::string_view secret) {
  const Error over = fail(ErrorCode::unauthorized, "this session is over: sign in again");
  if (!has_form_of_secret(secret, kPrefix)) return over;
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database_.query("SELECT session_id, token_id, expires_at_us FROM "
                                          "web_sessions WHERE session_sha256 = $1",
                                          core::sha256_hex(secret)));
  if (rows.empty() || rows.front().integer(2) <= clock_.now_us()) return over;
  WebSession session;
  session.session_id = rows.front().text(0);
  session.expires_at_us = rows.front().integer(2);
  BALEEN_ASSIGN_OR_RETURN(session.token,
                          TokenStore(database_, clock_).verify_id(rows.front().text(1)));
  return session;
}

Result<void> WebSessionStore::end(std::string_view session_id) {
  BALEEN_RETURN_IF_ERROR(
      database_.execute("DELETE FROM web_sessions WHERE session_id = $1", session_id));
  return {};
}

std::string csrf_token_of(std::string_view session_secret) {
  return core::sha256_hex("csrf\n" + std::string(session_secret));
}

}  // namespace baleen::ops
