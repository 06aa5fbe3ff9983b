#pragma once

/// A clustering and its review, read from the store and kept up with the log: what the service and the command line look
/// at, and change. One thread at a time.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "recipes/bioacoustics/clusterings.h"
#include "recipes/bioacoustics/review.h"
#include "store/database.h"
#include "store/paths.h"
#include "store/reviews.h"

namespace baleen::bioacoustics {

/// Action: {action_id, kind, summary, windows, made_by, created_at, undone_at, undone_by}.
[[nodiscard]] json::object describe_action(const store::ReviewAction& action);

class OpenReview {
 public:
  /// Reads tables and log. Errors as of read_clustered_windows; ARTIFACT_CORRUPT for a log that does not fit.
  [[nodiscard]] static Result<OpenReview> open(store::Database& database,
                                               const store::DataRoot& root,
                                               const ClusteringInfo& info);

  /// Does what was done since by anybody. Cheap if nothing was.
  [[nodiscard]] Result<void> refresh(store::Database& database);

  [[nodiscard]] const ClusteringInfo& info() const { return info_; }
  [[nodiscard]] const Review& review() const { return review_; }
  /// How many times the review was changed (store/reviews.h).
  [[nodiscard]] std::int64_t version() const { return version_; }

  /// Does what is asked: {kind: label | merge | noise | move | split, …} as of POST /v1/clusterings/{id}/actions.
  /// INVALID_ARGUMENT says what is not there or not understood, CONFLICT that somebody was faster.
  [[nodiscard]] Result<store::ReviewAction> act(store::Database& database,
                                                const json::object& request,
                                                const store::ReviewChange& change);
  [[nodiscard]] Result<store::ReviewAction> undo(store::Database& database,
                                                 const store::ReviewChange& change);
  [[nodiscard]] Result<store::ReviewAction> redo(store::Database& database,
                                                 const store::ReviewChange& change);

  /// {reason, nearest_cluster, nearest_window, missing} of a window that the clustering put into no cluster; null for
  /// others, and where its table does not tell. The cluster is the one that the nearest has become; the window its
  /// nearest in the map.
  [[nodiscard]] Result<json::value> why_noise(std::size_t row) const;

 private:
  OpenReview(const store::DataRoot& root,
             ClusteringInfo info,
             std::shared_ptr<const ClusteredWindows> windows);
  [[nodiscard]] Result<void> apply(const store::ReviewAction& action);
  [[nodiscard]] Result<ReviewAct> understand(store::Database& database,
                                             const json::object& request) const;
  [[nodiscard]] Result<ReviewAct> split(store::Database& database,
                                        std::int32_t cluster,
                                        std::int64_t into) const;

  store::DataRoot root_;
  ClusteringInfo info_;
  std::shared_ptr<const ClusteredWindows> windows_;
  Review review_;
  std::int64_t version_ = 0;
  std::int64_t newest_action_ = 0;  // Of those that stand.
};

/// What windows are called in tables for others: the label, else "cluster 7" or "noise".
[[nodiscard]] std::string reviewed_name(const Review& review, std::size_t row);

/// A clustering as its review leaves it, for exports: review().cluster_of(row), reviewed_name(review(), row), and the
/// rows themselves in review().windows(). The newest clustering of the collection where the id is empty.
/// INPUT_NOT_FOUND if there is none; NOT_FOUND for an id of another collection.
[[nodiscard]] Result<OpenReview> reviewed_assignments(store::Database& database,
                                                      const store::DataRoot& root,
                                                      const std::string& collection_id,
                                                      const std::string& clustering_id = "");

}  // namespace baleen::bioacoustics
