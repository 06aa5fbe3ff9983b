#include "ops/tokens.h"

#include <array>

#include "core/ids.h"
#include "core/sha256.h"
#include "ops/secret.h"

namespace baleen::ops {
namespace {

constexpr std::string_view kPrefix = "bln_";
constexpr const char* kNotValid = "this token is not valid";
constexpr std::size_t kNameCharsMax = 100;
constexpr double kLifetimeMaxS = 3.2e9;  ///< A hundred years; 0 is for ever.
constexpr std::int64_t kUseResolutionUs = 60'000'000;
constexpr std::array<std::string_view, 4> kScopes = {"read", "submit", "operate", "admin"};

constexpr std::string_view kColumns =
    "token_id, name, scope, owner_entity_id, created_at_us, expires_at_us, last_used_at_us, "
    "revoked_at_us";

std::optional<std::int64_t> time_or_nothing(const store::Row& row, std::size_t column) {
  if (row.is_null(column)) return std::nullopt;
  return row.integer(column);
}

Token token_of(const store::Row& row) {
  return Token{row.text(0),
               row.text(1),
               parse_token_scope(row.text(2)).value_or(TokenScope::read),
               row.text(3),
               row.integer(4),
               time_or_nothing(row, 5),
               time_or_nothing(row, 6),
               time_or_nothing(row, 7)};
}

json::value time_or_null(const std::optional<std::int64_t>& time_us) {
  return time_us ? json::value(core::rfc3339(*time_us)) : json::value(nullptr);
}

}  // namespace

std::string_view to_string(TokenScope scope) { return kScopes[static_cast<std::size_t>(scope)]; }

std::optional<TokenScope> parse_token_scope(std::string_view text) {
  for (std::size_t i = 0; i < kScopes.size(); ++i) {
    if (kScopes[i] == text) return static_cast<TokenScope>(i);
  }
  return std::nullopt;
}

json::object Token::to_json() const {
  return {{"token_id", token_id},
          {"name", name},
          {"scope", std::string(to_string(scope))},
          {"owner_entity_id", owner_entity_id},
          {"created_at", core::rfc3339(created_at_us)},
          {"expires_at", time_or_null(expires_at_us)},
          {"last_used_at", time_or_null(last_used_at_us)},
          {"revoked_at", time_or_null(revoked_at_us)}};
}

Result<NewToken> TokenStore::add(std::string_view name,
                                 TokenScope scope,
                                 std::string_view owner_entity_id,
                                 double lifetime_s) {
  if (name.empty() || name.size() > kNameCharsMax)
    return fail(ErrorCode::invalid_argument, "a token's name has 1 to {} characters",
                kNameCharsMax);
  if (owner_entity_id.empty() && scope != TokenScope::admin)
    return fail(ErrorCode::invalid_argument, "a token that is not for an admin needs an owner");
  if (!(lifetime_s >= 0 && lifetime_s <= kLifetimeMaxS))
    return fail(ErrorCode::invalid_argument, "a lifetime of {} s is not between 0 and {}",
                lifetime_s, kLifetimeMaxS);
  NewToken made;
  BALEEN_ASSIGN_OR_RETURN(made.secret, new_secret(kPrefix));
  made.token = {core::new_id(),
                std::string(name),
                scope,
                std::string(owner_entity_id),
                clock_.now_us(),
                {},
                {},
                {}};
  if (lifetime_s > 0)
    made.token.expires_at_us =
        made.token.created_at_us + static_cast<std::int64_t>(1e6 * lifetime_s);
  BALEEN_RETURN_IF_ERROR(
      database_.execute("INSERT INTO api_tokens (token_id, token_sha256, name, scope, "
                        "owner_entity_id, created_at_us) "
                        "VALUES ($1, $2, $3, $4, $5, $6)",
                        made.token.token_id, core::sha256_hex(made.secret), name, to_string(scope),
                        owner_entity_id, made.token.created_at_us));
  if (made.token.expires_at_us) {
    BALEEN_RETURN_IF_ERROR(
        database_.execute("UPDATE api_tokens SET expires_at_us = $1 WHERE token_id = $2",
                          *made.token.expires_at_us, made.token.token_id));
  }
  return made;
}

Result<Token> TokenStore::verify(std::string_view secret) {
  if (!has_form_of_secret(secret, kPrefix)) return fail(ErrorCode::unauthorized, kNotValid);
  return find_valid("token_sha256", core::sha256_hex(secret));
}

Result<Token> TokenStore::verify_id(std::string_view token_id) {
  return find_valid("token_id", token_id);
}

Result<Token> TokenStore::find_valid(std::string_view column, std::string_view value) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query("SELECT " + std::string(kColumns) +
                                                               " FROM api_tokens WHERE " +
                                                               std::string(column) + " = $1",
                                                           value));
  if (rows.empty()) return fail(ErrorCode::unauthorized, kNotValid);
  Token token = token_of(rows.front());
  const std::int64_t now_us = clock_.now_us();
  if (token.revoked_at_us)
    return fail(ErrorCode::unauthorized, "the token '{}' has been revoked", token.name);
  if (token.expires_at_us && *token.expires_at_us <= now_us)
    return fail(ErrorCode::unauthorized, "the token '{}' expired at {}", token.name,
                core::rfc3339(*token.expires_at_us));
  if (token.last_used_at_us.value_or(0) <= now_us - kUseResolutionUs) {
    BALEEN_RETURN_IF_ERROR(database_.execute(
        "UPDATE api_tokens SET last_used_at_us = $1 WHERE token_id = $2", now_us, token.token_id));
    token.last_used_at_us = now_us;
  }
  return token;
}

Result<void> TokenStore::revoke(std::string_view token_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t n_found,
      database_.execute("UPDATE api_tokens SET revoked_at_us = COALESCE(revoked_at_us, $1) WHERE "
                        "token_id = $2",
                        clock_.now_us(), token_id));
  if (n_found == 0) return fail(ErrorCode::not_found, "there is no token '{}'", token_id);
  return {};
}

Result<std::vector<Token>> TokenStore::list() {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database_.query("SELECT " + std::string(kColumns) +
                      " FROM api_tokens ORDER BY created_at_us DESC, token_id DESC"));
  std::vector<Token> tokens;
  tokens.reserve(rows.size());
  for (const store::Row& row : rows) tokens.push_back(token_of(row));
  return tokens;
}

}  // namespace baleen::ops
