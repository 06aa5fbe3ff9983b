#include "store/reviews.h"

#include <utility>

namespace baleen::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT action_id, kind, payload_json, made_by, created_at_us, version, undone_at_us, "
    "undone_by FROM review_actions WHERE collection_id = $1 AND clustering_id = $2 AND "
    "assignments_sha256 = $3 AND ";

ReviewAction from_row(const Row& row) {
  ReviewAction action{row.integer(0), row.text(1),    row.text(2), row.text(3),
                      row.integer(4), row.integer(5), {},          row.text(7)};
  if (!row.is_null(6)) action.undone_at_us = row.integer(6);
  return action;
}

Result<std::vector<ReviewAction>> select(Database& database,
                                         const ReviewKey& key,
                                         std::string_view condition,
                                         const std::vector<Value>& values = {}) {
  std::vector<Value> all{key.collection_id, key.clustering_id, key.assignments_sha256};
  all.insert(all.end(), values.begin(), values.end());
  BALEEN_ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      database.query_values(std::string(kSelect) + std::string(condition), all));
  std::vector<ReviewAction> actions;
  actions.reserve(rows.size());
  for (const Row& row : rows) actions.push_back(from_row(row));
  return actions;
}

/// The version that the change makes. CONFLICT if somebody was faster.
Result<std::int64_t> next_version(Database& database,
                                  const ReviewKey& key,
                                  const ReviewChange& change) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t version, review_version(database, key));
  if (change.expected_version && *change.expected_version != version) {
    return fail(ErrorCode::conflict,
                "the review is of version {}, not {}: somebody has changed it meanwhile; look at "
                "it again",
                version, *change.expected_version);
  }
  return version + 1;
}

Result<ReviewAction> find_action(Database& database, const ReviewKey& key, std::int64_t id) {
  BALEEN_ASSIGN_OR_RETURN(std::vector<ReviewAction> found,
                          select(database, key, "action_id = $4", {id}));
  if (found.empty()) return fail(ErrorCode::internal, "action {} was not kept", id);
  return std::move(found.front());
}

/// Finds an action by `condition` and sets its mark, or takes it away.
Result<ReviewAction> mark(Database& database,
                          const ReviewKey& key,
                          const ReviewChange& change,
                          std::string_view condition,
                          bool is_undone) {
  std::optional<ReviewAction> marked;
  BALEEN_RETURN_IF_ERROR(database.transaction("REVIEW", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t version, next_version(database, key, change));
    BALEEN_ASSIGN_OR_RETURN(const auto found, select(database, key, condition));
    if (found.empty()) {
      return fail(ErrorCode::not_found, "there is nothing to {} in this review",
                  is_undone ? "undo" : "redo");
    }
    const std::int64_t id = found.front().action_id;
    if (is_undone) {
      BALEEN_RETURN_IF_ERROR(
          database.execute("UPDATE review_actions SET version = $1, undone_at_us = $2, undone_by = "
                           "$3 WHERE action_id = $4",
                           version, change.now_us, change.made_by, id));
    } else {
      BALEEN_RETURN_IF_ERROR(
          database.execute("UPDATE review_actions SET version = $1, undone_at_us = NULL, undone_by "
                           "= NULL WHERE action_id = $2",
                           version, id));
    }
    BALEEN_ASSIGN_OR_RETURN(marked, find_action(database, key, id));
    return {};
  }));
  return std::move(*marked);
}

}  // namespace

Result<std::int64_t> review_version(Database& database, const ReviewKey& key) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT COALESCE(MAX(version), 0) FROM review_actions WHERE collection_id = "
                     "$1 AND clustering_id = $2 AND assignments_sha256 = $3",
                     key.collection_id, key.clustering_id, key.assignments_sha256));
  return rows.front().integer(0);
}

Result<std::vector<ReviewAction>> list_review_actions(Database& database,
                                                      const ReviewKey& key,
                                                      std::int64_t after_version) {
  return select(database, key, "version > $4 ORDER BY action_id", {after_version});
}

Result<ReviewAction> append_review_action(Database& database,
                                          const ReviewKey& key,
                                          std::string_view kind,
                                          std::string_view payload_json,
                                          const ReviewChange& change) {
  std::optional<ReviewAction> appended;
  BALEEN_RETURN_IF_ERROR(database.transaction("REVIEW", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(
        const auto known,
        database.query("SELECT 1 FROM collections WHERE collection_id = $1", key.collection_id));
    if (known.empty())
      return fail(ErrorCode::not_found, "there is no collection '{}'", key.collection_id);
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t version, next_version(database, key, change));
    BALEEN_RETURN_IF_ERROR(
        database.execute("INSERT INTO review_actions (collection_id, clustering_id, "
                         "assignments_sha256, kind, payload_json, made_by, created_at_us, version) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                         key.collection_id, key.clustering_id, key.assignments_sha256, kind,
                         payload_json, change.made_by, change.now_us, version));
    BALEEN_ASSIGN_OR_RETURN(appended, find_action(database, key, database.last_insert_id()));
    return {};
  }));
  return std::move(*appended);
}

Result<ReviewAction> undo_review_action(Database& database,
                                        const ReviewKey& key,
                                        const ReviewChange& change) {
  return mark(database, key, change, "undone_at_us IS NULL ORDER BY action_id DESC LIMIT 1", true);
}

Result<ReviewAction> redo_review_action(Database& database,
                                        const ReviewKey& key,
                                        const ReviewChange& change) {
  // What was undone before something newer was done stays undone: that was said without it.
  return mark(database, key, change,
              "undone_at_us IS NOT NULL AND action_id > (SELECT COALESCE(MAX(s.action_id), 0) FROM "
              "review_actions s WHERE s.collection_id = $1 AND s.clustering_id = $2 AND "
              "s.assignments_sha256 = $3 AND s.undone_at_us IS NULL) ORDER BY version DESC LIMIT 1",
              false);
}

}  // namespace baleen::store
