#pragma once

/// The log of what people said of clusterings: appended to, and never changed but for the mark of what was undone
/// (docs/decisions/0015-review.md). What an action means is in recipes/bioacoustics/review.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace baleen::store {

/// One clustering as it was when somebody looked at it.
struct ReviewKey {
  std::string collection_id;
  std::string clustering_id;       ///< The job in clusters/{job}/.
  std::string assignments_sha256;  ///< A clustering that came out otherwise has a log of its own.
  bool operator==(const ReviewKey&) const = default;
};

struct ReviewAction {
  std::int64_t action_id = 0;
  std::string kind;  ///< label merge move noise
  std::string payload_json;
  std::string made_by;
  std::int64_t created_at_us = 0;
  std::int64_t version = 0;  ///< Of the review, when this was made, or undone or redone last.
  std::optional<std::int64_t> undone_at_us;
  std::string undone_by;
};

/// How many times this review was changed: 0 if never.
[[nodiscard]] Result<std::int64_t> review_version(Database& database, const ReviewKey& key);

/// What was done, undone or redone after this version; the oldest action first.
[[nodiscard]] Result<std::vector<ReviewAction>> list_review_actions(Database& database,
                                                                    const ReviewKey& key,
                                                                    std::int64_t after_version = 0);

/// Who changes a review, and when.
struct ReviewChange {
  std::string made_by;
  std::int64_t now_us = 0;
  /// CONFLICT if the review is of another version by now.
  std::optional<std::int64_t> expected_version = std::nullopt;
};

// Each is one transaction, and returns the action as it is afterwards.

/// NOT_FOUND for a collection that is not there.
[[nodiscard]] Result<ReviewAction> append_review_action(Database& database,
                                                        const ReviewKey& key,
                                                        std::string_view kind,
                                                        std::string_view payload_json,
                                                        const ReviewChange& change);
/// The newest action that is not undone. NOT_FOUND if there is none.
[[nodiscard]] Result<ReviewAction> undo_review_action(Database& database,
                                                      const ReviewKey& key,
                                                      const ReviewChange& change);
/// The action that was undone last, unless something newer stands. NOT_FOUND if there is none.
[[nodiscard]] Result<ReviewAction> redo_review_action(Database& database,
                                                      const ReviewKey& key,
                                                      const ReviewChange& change);

}  // namespace baleen::store
