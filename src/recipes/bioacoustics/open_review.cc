#include "recipes/bioacoustics/open_review.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "core/clock.h"
#include "recipes/bioacoustics/review_view.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::int64_t kPiecesMin = 2, kPiecesMax = 8;

/// A whole number that a request holds, also 7.0.
Result<std::int64_t> integer_of(const json::value& value, const char* what) {
  json::error_code error;
  const std::int64_t number = value.is_number() ? value.to_number<std::int64_t>(error) : 0;
  if (value.is_number() && !error && number >= kNoCluster &&
      number <= std::numeric_limits<std::int32_t>::max())
    return number;
  return fail(ErrorCode::invalid_argument, "{} has {}, which is no number of one", what,
              core::to_json(value));
}

template <typename T>
Result<std::vector<T>> numbers_of(const json::object& request, const char* what) {
  std::vector<T> numbers;
  const json::value* const value = request.if_contains(what);
  if (value == nullptr || value->is_null()) return numbers;
  if (!value->is_array()) return fail(ErrorCode::invalid_argument, "{} is no list", what);
  numbers.reserve(value->get_array().size());
  for (const json::value& one : value->get_array()) {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t number, integer_of(one, what));
    if (std::is_unsigned_v<T> && number < 0)
      return fail(ErrorCode::invalid_argument, "{} has {}, which is no row", what, number);
    numbers.push_back(static_cast<T>(number));
  }
  return numbers;
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(json::string(text));
}

}  // namespace

json::object describe_action(const store::ReviewAction& action) {
  std::string summary = action.kind;
  std::int64_t n_windows = 0;
  const Result<json::object> payload = core::parse_json_object(action.payload_json, "an action");
  if (payload.ok()) {
    const Result<ReviewAct> act = ReviewAct::from_json(action.kind, *payload);
    if (act.ok()) {
      summary = act->summary();
      n_windows = act->n_windows;
    }
  }
  return {{"action_id", action.action_id},
          {"kind", action.kind},
          {"summary", summary},
          {"windows", n_windows},
          {"made_by", action.made_by},
          {"created_at", core::rfc3339(action.created_at_us)},
          {"undone_at", action.undone_at_us
                            ? json::value(json::string(core::rfc3339(*action.undone_at_us)))
                            : json::value(nullptr)},
          {"undone_by", text_or_null(action.undone_by)}};
}

OpenReview::OpenReview(const store::DataRoot& root,
                       ClusteringInfo info,
                       std::shared_ptr<const ClusteredWindows> windows)
    : root_(root), info_(std::move(info)), windows_(std::move(windows)), review_(windows_) {}

Result<OpenReview> OpenReview::open(store::Database& database,
                                    const store::DataRoot& root,
                                    const ClusteringInfo& info) {
  BALEEN_ASSIGN_OR_RETURN(auto windows, read_clustered_windows(database, root, info));
  OpenReview opened(root, info, std::move(windows));
  BALEEN_RETURN_IF_ERROR(opened.refresh(database));
  return opened;
}

Result<void> OpenReview::apply(const store::ReviewAction& action) {
  BALEEN_ASSIGN_OR_RETURN(const json::object payload,
                          core::parse_json_object(action.payload_json, "an action of a review"));
  BALEEN_ASSIGN_OR_RETURN(const ReviewAct act, ReviewAct::from_json(action.kind, payload));
  BALEEN_RETURN_IF_ERROR(review_.apply(act, action.action_id));
  newest_action_ = action.action_id;
  return {};
}

Result<void> OpenReview::refresh(store::Database& database) {
  BALEEN_ASSIGN_OR_RETURN(std::vector<store::ReviewAction> actions,
                          store::list_review_actions(database, info_.key(), version_));
  bool must_start_anew = false;
  for (const store::ReviewAction& action : actions) {
    must_start_anew |= action.action_id <= newest_action_;
  }
  if (must_start_anew) {
    review_ = Review(windows_);
    version_ = newest_action_ = 0;
    BALEEN_ASSIGN_OR_RETURN(actions, store::list_review_actions(database, info_.key()));
  }
  std::int64_t version = version_;
  for (const store::ReviewAction& action : actions) {
    version = std::max(version, action.version);
    if (!action.undone_at_us) BALEEN_RETURN_IF_ERROR(apply(action));
  }
  version_ = version;
  return {};
}

// ---- acting -----------------------------------------------------------------------------------

Result<ReviewAct> OpenReview::split(store::Database& database,
                                    std::int32_t cluster,
                                    std::int64_t into) const {
  if (into < kPiecesMin || into > kPiecesMax)
    return fail(ErrorCode::invalid_argument, "a cluster is split into {} to {}, not {}", kPiecesMin,
                kPiecesMax, into);
  const Review::Cluster* const found = review_.find(cluster);
  if (found == nullptr || cluster == kNoCluster)
    return fail(ErrorCode::invalid_argument, "there is no cluster {} in this review", cluster);
  BALEEN_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> pieces,
                          split_windows(database, root_, info_, *windows_, found->rows,
                                        static_cast<std::size_t>(into)));
  ReviewAct act;
  act.kind = ReviewAct::Kind::move;
  act.makes_clusters = true;
  act.split = cluster;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i] == 0) continue;  // The largest piece stays.
    if (act.groups.size() < pieces[i]) act.groups.resize(pieces[i]);
    act.groups[pieces[i] - 1].rows.push_back(found->rows[i]);
  }
  for (std::size_t i = 0; i < act.groups.size(); ++i)
    act.groups[i].to = review_.next_cluster() + static_cast<std::int32_t>(i);
  return act;
}

Result<ReviewAct> OpenReview::understand(store::Database& database,
                                         const json::object& request) const {
  const std::string kind = core::get_string(request, "kind");
  if (kind == "split") {
    const json::value* const cluster = request.if_contains("cluster");
    if (cluster == nullptr) return fail(ErrorCode::invalid_argument, "which cluster is split?");
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t number, integer_of(*cluster, "cluster"));
    return split(database, static_cast<std::int32_t>(number), core::get_int(request, "into", 2));
  }
  ReviewAct act;
  BALEEN_ASSIGN_OR_RETURN(act.clusters, numbers_of<std::int32_t>(request, "clusters"));
  BALEEN_ASSIGN_OR_RETURN(act.rows, numbers_of<std::uint32_t>(request, "rows"));
  act.kind = ReviewAct::Kind::noise;
  if (kind == "noise") return act;
  if (kind == "label") {
    act.kind = ReviewAct::Kind::label;
    const json::value* const label = request.if_contains("label");
    if (label == nullptr || !label->is_string())
      return fail(ErrorCode::invalid_argument, "a label has a text; \"\" takes it away");
    act.label = std::string(label->get_string());
    return act;
  }
  if (kind == "merge") {
    act.kind = ReviewAct::Kind::merge;
    act.rows.clear();
    return act;
  }
  if (kind != "move") {
    return fail(ErrorCode::invalid_argument,
                "there is no action '{}': label, merge, noise, move or split", kind);
  }
  const json::value* const to = request.if_contains("to");
  const bool is_new = to != nullptr && to->is_string() && to->get_string() == "new";
  std::int64_t number = review_.next_cluster();
  if (!is_new) {
    if (to == nullptr)
      return fail(ErrorCode::invalid_argument, "where to? A cluster's number, or \"new\"");
    BALEEN_ASSIGN_OR_RETURN(number, integer_of(*to, "to"));
  }
  act.clusters.clear();
  if (number == kNoCluster) return act;  // Among the noise.
  act.kind = ReviewAct::Kind::move;
  act.makes_clusters = is_new;
  act.groups.push_back({std::exchange(act.rows, {}), static_cast<std::int32_t>(number)});
  return act;
}

Result<store::ReviewAction> OpenReview::act(store::Database& database,
                                            const json::object& request,
                                            const store::ReviewChange& change) {
  constexpr int kTriesMax = 5;
  for (int i = 0;; ++i) {
    BALEEN_RETURN_IF_ERROR(refresh(database));
    if (change.expected_version && *change.expected_version != version_) {
      return fail(ErrorCode::conflict,
                  "the review is of version {}, not {}: somebody has changed it meanwhile; look at "
                  "it again",
                  version_, *change.expected_version);
    }
    BALEEN_ASSIGN_OR_RETURN(ReviewAct asked, understand(database, request));
    BALEEN_ASSIGN_OR_RETURN(const ReviewAct act, review_.check(std::move(asked)));
    store::ReviewChange exactly = change;
    exactly.expected_version = version_;  // What was checked is what it is done to.
    Result<store::ReviewAction> done = store::append_review_action(
        database, info_.key(), to_string(act.kind), core::to_json(act.to_json()), exactly);
    const bool may_try_again = !done.ok() && done.error().code == ErrorCode::conflict &&
                               !change.expected_version && i + 1 < kTriesMax;
    if (may_try_again) continue;
    if (done.ok()) BALEEN_RETURN_IF_ERROR(refresh(database));
    return done;
  }
}

Result<store::ReviewAction> OpenReview::undo(store::Database& database,
                                             const store::ReviewChange& change) {
  BALEEN_ASSIGN_OR_RETURN(store::ReviewAction undone,
                          store::undo_review_action(database, info_.key(), change));
  BALEEN_RETURN_IF_ERROR(refresh(database));
  return undone;
}

Result<store::ReviewAction> OpenReview::redo(store::Database& database,
                                             const store::ReviewChange& change) {
  BALEEN_ASSIGN_OR_RETURN(store::ReviewAction redone,
                          store::redo_review_action(database, info_.key(), change));
  BALEEN_RETURN_IF_ERROR(refresh(database));
  return redone;
}

// ---- looking ----------------------------------------------------------------------------------

Result<json::value> OpenReview::why_noise(std::size_t row) const {
  BALEEN_ASSIGN_OR_RETURN(const std::optional<WhyNoise> why, read_why_noise(root_, info_, row));
  if (!why || why->reason.empty()) return json::value(nullptr);
  json::object described{
      {"reason", why->reason},
      {"nearest_cluster", nullptr},
      {"nearest_window", nullptr},
      {"missing", std::isfinite(why->missing) ? json::value(why->missing) : json::value(nullptr)}};
  const std::int32_t nearest = review_.became(why->nearest_cluster);
  if (nearest == kNoCluster) return json::value(std::move(described));
  described["nearest_cluster"] = nearest;
  const float x = windows_->x[row], y = windows_->y[row];
  float best = std::numeric_limits<float>::infinity();
  std::optional<std::uint32_t> window;
  for (const std::uint32_t other : review_.find(nearest)->rows) {
    const float away = std::hypot(windows_->x[other] - x, windows_->y[other] - y);
    if (!(away < best) || other == row) continue;
    best = away;
    window = other;
  }
  if (window) described["nearest_window"] = describe_window(review_, *window);
  return json::value(std::move(described));
}

std::string reviewed_name(const Review& review, std::size_t row) {
  std::string label = review.label_text(row);
  if (!label.empty()) return label;
  const std::int32_t cluster = review.cluster_of(row);
  return cluster == kNoCluster ? "noise" : fmt::format("cluster {}", cluster);
}

Result<OpenReview> reviewed_assignments(store::Database& database,
                                        const store::DataRoot& root,
                                        const std::string& collection_id,
                                        const std::string& clustering_id) {
  BALEEN_ASSIGN_OR_RETURN(const std::vector<ClusteringInfo> infos,
                          list_clusterings(database, collection_id));
  for (const ClusteringInfo& info : infos) {
    if (clustering_id.empty() || info.clustering_id == clustering_id)
      return OpenReview::open(database, root, info);
  }
  if (!clustering_id.empty())
    return fail(ErrorCode::not_found, "the collection has no clustering '{}'", clustering_id);
  return fail(ErrorCode::input_not_found,
              "the collection has no clusters yet: `baleen cluster` makes them");
}

}  // namespace baleen::bioacoustics
