#pragma once

/// Requests that may come twice: a POST with an `Idempotency-Key` is done once, and whoever repeats it gets the
/// answer of the first time, with `Idempotency-Replayed: true`.
///
/// Answers are kept for a day, for the token that asked. Kept are answers below 500 that are text; of an answer
/// that holds a secret nothing is kept but that it was given. A request that is still being answered makes its
/// repetition a CONFLICT. A server that dies between doing and keeping forgets that it did: what the routes do is
/// made so that doing it again changes nothing, and where it is not (secrets) the key is used up beforehand.

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "api/http.h"
#include "core/clock.h"
#include "store/database.h"

namespace baleen::api {

class Idempotency {
 public:
  explicit Idempotency(const core::Clock& clock = core::system_clock()) : clock_(clock) {}

  /// The right to answer a request; while it lives the request's repetitions are refused.
  class Turn {
   public:
    Turn() = default;  ///< Of a request without a key: keeps nothing.
    Turn(Idempotency& keys, std::string principal, std::string key, std::string fingerprint)
        : keys_(&keys),
          id_(std::move(principal), std::move(key)),
          fingerprint_(std::move(fingerprint)) {}
    Turn(Turn&& other) noexcept;
    Turn& operator=(Turn&& other) noexcept;
    ~Turn();

    /// The answer of the first time.
    std::optional<Response> replay;
    /// For the next time. What must not or need not be kept is not.
    [[nodiscard]] Result<void> keep(store::Database& database, const Response& response);
    /// Before the work: from now on repetitions are refused, whatever becomes of it.
    [[nodiscard]] Result<void> use_up(store::Database& database);
    /// After use_up(): nothing has come of it, it may be tried again.
    [[nodiscard]] Result<void> give_back(store::Database& database);

   private:
    friend class Idempotency;
    [[nodiscard]] Result<void> store(store::Database& database,
                                     int status,
                                     const Headers& headers,
                                     std::string_view body);
    Idempotency* keys_ = nullptr;
    std::pair<std::string, std::string> id_;  ///< Principal and key.
    std::string fingerprint_;
  };

  /// `body`: what, besides method and address, makes the request what it is. IDEMPOTENCY_KEY_REUSED,
  /// CONFLICT, or INVALID_ARGUMENT for a malformed key.
  [[nodiscard]] Result<Turn> begin(store::Database& database,
                                   const Request& request,
                                   std::string_view body);
  /// Answers the request by its handler, at most once. `is_secret`: the answers are not kept.
  [[nodiscard]] Result<Response> answer(store::Database& database,
                                        const Request& request,
                                        bool is_secret,
                                        const Handler& handler);
  /// Forgets what is older than a day.
  [[nodiscard]] Result<void> sweep(store::Database& database) const;

 private:
  [[nodiscard]] std::int64_t oldest_us() const;

  const core::Clock& clock_;
  std::mutex mutex_;
  std::set<std::pair<std::string, std::string>> running_;  // mutex_
};

/// Whether the request has a key: then it needs a Turn.
[[nodiscard]] bool has_idempotency_key(const Request& request);

}  // namespace baleen::api
