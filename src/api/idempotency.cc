#include "api/idempotency.h"

#include <algorithm>

#include "api/ascii.h"
#include "core/log.h"
#include "core/sha256.h"

namespace baleen::api {
namespace {

constexpr std::string_view kHeader = "Idempotency-Key";
constexpr std::size_t kKeyCharsMax = 255;
constexpr std::size_t kBodyBytesMax = std::size_t{1} << 20U;
constexpr std::int64_t kLifetimeUs = std::int64_t{24} * 3600 * 1'000'000;
constexpr int kUsedUp = 0;  ///< The status of a key whose answer is not kept.

/// Lengths between the parts, so that no two requests make one text.
void add_part(core::Sha256& hash, std::string_view part) {
  hash.update(std::to_string(part.size()) + ":");
  hash.update(part);
}

std::string fingerprint_of(const Request& request, std::string_view body) {
  core::Sha256 hash;
  add_part(hash, request.method);
  add_part(hash, request.path);
  for (const auto& [name, value] : request.query) {
    add_part(hash, name);
    add_part(hash, value);
  }
  add_part(hash, body);
  return hash.finish_hex();
}

Result<void> check_key(std::string_view key) {
  const bool is_printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!key.empty() && key.size() <= kKeyCharsMax && is_printable) return {};
  return fail(ErrorCode::invalid_argument,
              "an Idempotency-Key has 1 to {} printable characters of ASCII", kKeyCharsMax);
}

json::array to_json(const Headers& headers) {
  json::array list;
  for (const auto& [name, value] : headers) list.push_back(json::array{name, value});
  return list;
}

Headers headers_of(const std::string& text) {
  Headers headers;
  const Result<json::value> list = core::parse_json(text, "idempotency_keys.headers_json");
  if (!list.ok() || !list->is_array()) return headers;
  for (const json::value& header : list->get_array()) {
    const json::array& pair = header.as_array();
    headers.emplace_back(pair.at(0).as_string(), pair.at(1).as_string());
  }
  return headers;
}

}  // namespace

bool has_idempotency_key(const Request& request) {
  return std::any_of(request.headers.begin(), request.headers.end(), [](const auto& header) {
    return equals_ignoring_case(header.first, kHeader);
  });
}

// ---- a turn -----------------------------------------------------------------------------------

Idempotency::Turn::Turn(Turn&& other) noexcept
    : replay(std::move(other.replay)),
      keys_(std::exchange(other.keys_, nullptr)),
      id_(std::move(other.id_)),
      fingerprint_(std::move(other.fingerprint_)) {}

Idempotency::Turn& Idempotency::Turn::operator=(Turn&& other) noexcept {
  std::swap(replay, other.replay);
  std::swap(keys_, other.keys_);
  std::swap(id_, other.id_);
  std::swap(fingerprint_, other.fingerprint_);
  return *this;
}

Idempotency::Turn::~Turn() {
  if (keys_ == nullptr) return;
  const std::lock_guard lock(keys_->mutex_);
  keys_->running_.erase(id_);
}

Result<void> Idempotency::Turn::store(store::Database& database,
                                      int status,
                                      const Headers& headers,
                                      std::string_view body) {
  BALEEN_RETURN_IF_ERROR(database.execute(
      "INSERT INTO idempotency_keys (principal, key, request_sha256, status, headers_json, body, "
      "created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (principal, key) DO UPDATE "
      "SET request_sha256 = excluded.request_sha256, status = excluded.status, headers_json = "
      "excluded.headers_json, body = excluded.body, created_at_us = excluded.created_at_us",
      id_.first, id_.second, fingerprint_, status, core::to_json(api::to_json(headers)), body,
      keys_->clock_.now_us()));
  return {};
}

Result<void> Idempotency::Turn::keep(store::Database& database, const Response& response) {
  const auto* const body = std::get_if<std::string>(&response.body);
  const bool may_be_kept = keys_ != nullptr && response.status < 500 && body != nullptr &&
                           body->size() <= kBodyBytesMax && response.header("Set-Cookie").empty();
  if (!may_be_kept) return {};
  return store(database, response.status, response.headers, *body);
}

Result<void> Idempotency::Turn::use_up(store::Database& database) {
  if (keys_ == nullptr) return {};
  return store(database, kUsedUp, {}, "");
}

Result<void> Idempotency::Turn::give_back(store::Database& database) {
  if (keys_ == nullptr) return {};
  BALEEN_RETURN_IF_ERROR(database.execute(
      "DELETE FROM idempotency_keys WHERE principal = $1 AND key = $2", id_.first, id_.second));
  return {};
}

// ---- keys -------------------------------------------------------------------------------------

std::int64_t Idempotency::oldest_us() const { return clock_.now_us() - kLifetimeUs; }

Result<Idempotency::Turn> Idempotency::begin(store::Database& database,
                                             const Request& request,
                                             std::string_view body) {
  const std::string& principal = request.principal.token_id;
  if (!has_idempotency_key(request) || principal.empty()) return Turn();
  const std::string key(request.header(kHeader));
  BALEEN_RETURN_IF_ERROR(check_key(key));
  {
    const std::lock_guard lock(mutex_);
    if (!running_.emplace(principal, key).second)
      return fail(ErrorCode::conflict,
                  "the first request with this Idempotency-Key is still being answered");
  }
  Turn turn(*this, principal, key, fingerprint_of(request, body));
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT request_sha256, status, headers_json, body FROM idempotency_keys "
                     "WHERE principal = $1 AND key = $2 AND created_at_us > $3",
                     principal, key, oldest_us()));
  if (rows.empty()) return turn;
  const store::Row& row = rows.front();
  if (row.text(0) != turn.fingerprint_)
    return fail(ErrorCode::idempotency_key_reused,
                "this Idempotency-Key was sent with another request within the last day");
  if (row.integer(1) == kUsedUp)
    return fail(ErrorCode::conflict,
                "a request with this Idempotency-Key was taken before, and its answer held a "
                "secret, which is not kept. If it never reached you, revoke what it made and ask "
                "again with a new key");
  Response response;
  response.status = static_cast<int>(row.integer(1));
  response.headers = headers_of(row.text(2));
  response.body = row.text(3);
  response.set_header("Idempotency-Replayed", "true");
  turn.replay = std::move(response);
  return turn;
}

Result<Response> Idempotency::answer(store::Database& database,
                                     const Request& request,
                                     bool is_secret,
                                     const Handler& handler) {
  BALEEN_ASSIGN_OR_RETURN(Turn turn, begin(database, request, request.body));
  if (turn.replay) return *std::move(turn.replay);
  if (is_secret) BALEEN_RETURN_IF_ERROR(turn.use_up(database));
  const Result<Response> answered = handler(request);
  Response response =
      answered.ok() ? answered.value() : problem(answered.error(), request.trace_id);
  Result<void> kept;
  if (is_secret && response.status >= 500) {
    kept = turn.give_back(database);
  } else if (!is_secret || response.status >= 400) {
    kept = turn.keep(database, response);
  }
  if (!kept.ok()) {  // It is done, and the client should know.
    core::log(core::LogLevel::error, "an answer to an Idempotency-Key was not kept",
              {{"error", kept.error().to_string()}, {"trace_id", request.trace_id}});
  }
  return response;
}

Result<void> Idempotency::sweep(store::Database& database) const {
  BALEEN_RETURN_IF_ERROR(
      database.execute("DELETE FROM idempotency_keys WHERE created_at_us <= $1", oldest_us()));
  return {};
}

}  // namespace baleen::api
