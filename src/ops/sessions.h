#pragma once

/// Sessions of browsers. A browser shows its token once and gets a secret of its own, which scripts of the
/// page never see (an HttpOnly cookie); what changes something also needs the session's CSRF token, which other
/// sites never see. A session ends with its token, by signing out, or after a week.

#include <string>

#include "core/clock.h"
#include "ops/tokens.h"
#include "store/database.h"

namespace baleen::ops {

inline constexpr double kSessionLifetimeS = 7 * 86'400.0;

struct WebSession {
  std::string session_id;
  Token token;  ///< With which it was begun.
  std::int64_t expires_at_us = 0;
};

struct NewWebSession {
  WebSession session;
  std::string secret;  ///< For the cookie.
};

class WebSessionStore {
 public:
  explicit WebSessionStore(store::Database& database,
                           const core::Clock& clock = core::system_clock())
      : database_(database), clock_(clock) {}

  /// UNAUTHORIZED for a token that is not valid. Forgets sessions that have expired.
  [[nodiscard]] Result<NewWebSession> begin(std::string_view token_secret);
  /// UNAUTHORIZED for an unknown or expired session, or one whose token has expired or was revoked.
  [[nodiscard]] Result<WebSession> verify(std::string_view secret);
  [[nodiscard]] Result<void> end(std::string_view session_id);

 private:
  store::Database& database_;
  const core::Clock& clock_;
};

/// The CSRF token that belongs to a session's secret, from which it is derived.
[[nodiscard]] std::string csrf_token_of(std::string_view session_secret);

}  // namespace baleen::ops
