#pragma once

/// Tokens: who may use the service, and for what.
///
/// A token is "bln_" and 43 characters of base64url, 256 random bits. The database holds its SHA-256 only, so
/// that nobody who reads the database can use it; as the bits are random there is nothing to guess, and a slow
/// hash would only slow down the service.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "store/database.h"

namespace baleen::ops {

/// What a token may do; each includes those before it.
enum class TokenScope { read, submit, operate, admin };
[[nodiscard]] std::string_view to_string(TokenScope scope);
[[nodiscard]] std::optional<TokenScope> parse_token_scope(std::string_view text);

struct Token {
  std::string token_id;
  std::string name;
  TokenScope scope = TokenScope::read;
  std::string owner_entity_id;  ///< Sees this owner's assets only; empty: everybody's.
  std::int64_t created_at_us = 0;
  std::optional<std::int64_t> expires_at_us, last_used_at_us, revoked_at_us;

  /// For people and programs; times in RFC 3339, or null.
  [[nodiscard]] json::object to_json() const;
};

struct NewToken {
  Token token;
  std::string secret;  ///< Shown once, here.
};

class TokenStore {
 public:
  explicit TokenStore(store::Database& database, const core::Clock& clock = core::system_clock())
      : database_(database), clock_(clock) {}

  /// `lifetime_s` 0: never expires. INVALID_ARGUMENT for an empty or overlong name, or a token without
  /// an owner that is not for an admin.
  [[nodiscard]] Result<NewToken> add(std::string_view name,
                                     TokenScope scope,
                                     std::string_view owner_entity_id,
                                     double lifetime_s);
  /// UNAUTHORIZED for what is no token, has expired or was revoked. Records the use, to the minute.
  [[nodiscard]] Result<Token> verify(std::string_view secret);
  /// The same for who has shown the token before, as a session has.
  [[nodiscard]] Result<Token> verify_id(std::string_view token_id);
  /// From now on verify() refuses it. NOT_FOUND for an unknown id; revoking twice changes nothing.
  [[nodiscard]] Result<void> revoke(std::string_view token_id);
  /// All tokens, newest first, revoked ones too.
  [[nodiscard]] Result<std::vector<Token>> list();

 private:
  [[nodiscard]] Result<Token> find_valid(std::string_view column, std::string_view value);

  store::Database& database_;
  const core::Clock& clock_;
};

}  // namespace baleen::ops
