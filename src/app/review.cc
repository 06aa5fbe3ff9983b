#include "app/review.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <mutex>
#include <utility>

#include "core/clock.h"
#include "core/process.h"
#include "recipes/bioacoustics/clusterings.h"
#include "recipes/bioacoustics/open_review.h"
#include "recipes/bioacoustics/review_view.h"

namespace baleen {
namespace {

using bioacoustics::ClusteringInfo;
using bioacoustics::OpenReview;
using bioacoustics::Review;

/// So many clusterings stay open, and so many windows of them in all; about 70 bytes each. The one that is looked at
/// stays however large it is.
constexpr std::size_t kOpenMax = 4;
constexpr std::size_t kOpenWindowsMax = 3'000'000;
constexpr std::size_t kTrimmedMin = 100'000;
constexpr std::size_t kEtagDigits = 32;

/// Clusters as people are shown them, made again where something happened to one.
class ShownClusters {
 public:
  json::array of(const Review& review) {
    std::map<std::int32_t, Shown> now;
    json::array list;
    for (const auto& [number, cluster] : review.clusters()) {
      const auto found = shown_.find(number);
      const bool is_known = found != shown_.end() && found->second.revision == cluster.revision;
      Shown shown = is_known
                        ? std::move(found->second)
                        : Shown{cluster.revision, bioacoustics::describe_cluster(review, number)};
      list.push_back(shown.description);
      now.emplace(number, std::move(shown));
    }
    shown_ = std::move(now);
    return list;
  }

 private:
  struct Shown {
    std::uint64_t revision = 0;
    json::object description;
  };
  std::map<std::int32_t, Shown> shown_;
};

/// Clustering with its clusters after the review.
Result<json::object> describe(store::Database& database,
                              const store::DataRoot& root,
                              const OpenReview& opened,
                              ShownClusters& shown) {
  BALEEN_ASSIGN_OR_RETURN(json::object described,
                          bioacoustics::describe_clustering(database, root, opened.info()));
  described["review_version"] = opened.version();
  const bioacoustics::LabelCounts counts = bioacoustics::count_labels(opened.review());
  json::array labels;
  for (std::size_t i = 0; i < counts.labels.size(); ++i)
    labels.push_back({{"label", counts.labels[i]}, {"windows", counts.windows[i]}});
  described["labels"] = std::move(labels);
  described["items"] = shown.of(opened.review());
  return described;
}

Result<json::object> windows_of(const Review& review, const api::WindowQuery& query) {
  const auto order = bioacoustics::parse_window_order(query.order);
  if (!order) {
    return fail(ErrorCode::invalid_argument,
                "there is no order '{}': time, medoid, edge or outlier", query.order);
  }
  std::vector<std::uint32_t> rows;
  for (const auto& [number, cluster] : review.clusters()) {
    if (query.cluster && *query.cluster != number) continue;
    std::ranges::copy_if(cluster.rows, std::back_inserter(rows), [&](std::uint32_t row) {
      return !query.label || review.label_text(row) == *query.label;
    });
  }
  std::ranges::sort(rows);
  json::array items;
  for (const std::uint32_t row :
       bioacoustics::rows_in_order(review, rows, *order, static_cast<std::size_t>(query.first),
                                   static_cast<std::size_t>(query.count)))
    items.push_back(bioacoustics::describe_window(review, row));
  const std::int64_t next = query.first + static_cast<std::int64_t>(items.size());
  const bool is_end = items.empty() || next >= static_cast<std::int64_t>(rows.size());
  return json::object{{"items", std::move(items)},
                      {"next", is_end ? json::value(nullptr) : json::value(std::to_string(next))}};
}

Result<ClusteringInfo> find_info(store::Database& database, const std::string& clustering_id) {
  BALEEN_ASSIGN_OR_RETURN(auto info, bioacoustics::find_clustering(database, clustering_id));
  if (!info) return fail(ErrorCode::not_found, "there is no clustering '{}'", clustering_id);
  return std::move(*info);
}

std::string tag_of(const ClusteringInfo& info) {
  return info.assignments.sha256.substr(0, kEtagDigits);
}

json::object answer_of(const store::ReviewAction& action, std::int64_t version) {
  return {{"action", bioacoustics::describe_action(action)}, {"review_version", version}};
}

/// Clusterings that are looked at. Thread-safe.
class OpenReviews {
 public:
  explicit OpenReviews(store::DataRoot root) : root_(std::move(root)) {}

  struct Entry {
    std::mutex mutex;
    std::optional<OpenReview> opened;  // Guarded by mutex, as what follows.
    ShownClusters shown;
  };

  /// Calls `use(entry)` with the review as it is now, while nobody else has it.
  template <typename T>
  Result<T> with(store::Database& database,
                 const std::string& clustering_id,
                 const std::function<Result<T>(Entry& entry)>& use) {
    BALEEN_ASSIGN_OR_RETURN(const ClusteringInfo info, find_info(database, clustering_id));
    BALEEN_ASSIGN_OR_RETURN(const std::shared_ptr<Entry> entry, entry_of(database, info));
    const std::lock_guard lock(entry->mutex);
    const std::int64_t before = entry->opened ? entry->opened->version() : -1;
    if (entry->opened) {
      BALEEN_RETURN_IF_ERROR(entry->opened->refresh(database));
    } else {
      BALEEN_ASSIGN_OR_RETURN(entry->opened, OpenReview::open(database, root_, info));
      forget_some(entry.get(), entry->opened->review().windows().size());
    }
    Result<T> answer = use(*entry);
    const bool has_changed = entry->opened->version() != before;
    if (has_changed && entry->opened->review().windows().size() >= kTrimmedMin)
      core::trim_heap();  // Lists of rows have come and gone, and the bytes of answers before.
    return answer;
  }
  [[nodiscard]] const store::DataRoot& root() const { return root_; }

 private:
  /// Which clustering, of which tables, with what people knew of the recordings then.
  struct Kept {
    std::string key;
    std::shared_ptr<Entry> entry;  // Shared with who looks at it.
    std::size_t n_windows = 0;
  };

  Result<std::shared_ptr<Entry>> entry_of(store::Database& database, const ClusteringInfo& info) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database.query("SELECT COUNT(*), COALESCE(MAX(d.updated_at_us), 0) FROM "
                       "collection_members m JOIN audio_metadata d ON d.asset_id = m.asset_id "
                       "WHERE m.collection_id = $1",
                       info.collection_id));
    const std::string key = fmt::format("{} {} {} {}", info.clustering_id, info.assignments.sha256,
                                        rows.front().integer(0), rows.front().integer(1));
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(kept_, key, &Kept::key);
    if (found != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, found);  // The latest stands in front.
    } else {
      kept_.remove_if([&](const Kept& kept) {  // The same with what was known before.
        return kept.key.starts_with(info.clustering_id + " ");
      });
      kept_.push_front({key, std::make_shared<Entry>(), 0});
    }
    return kept_.front().entry;
  }

  void forget_some(const Entry* opened, std::size_t n_windows) {
    const std::lock_guard lock(mutex_);
    std::size_t n_kept = 0, n_all = 0;
    for (auto kept = kept_.begin(); kept != kept_.end();) {
      if (kept->entry.get() == opened) kept->n_windows = n_windows;
      ++n_kept;
      n_all += kept->n_windows;
      const bool must_go = n_kept > 1 && (n_kept > kOpenMax || n_all > kOpenWindowsMax);
      kept = must_go ? kept_.erase(kept) : std::next(kept);
    }
  }

  const store::DataRoot root_;
  std::mutex mutex_;
  std::list<Kept> kept_;  // Guarded by mutex_.
};

store::ReviewChange change_of(const api::ReviewAuthor& author) {
  return {author.made_by, core::system_clock().now_us(), author.expected_version};
}

using Shared = std::shared_ptr<OpenReviews>;
using Answer = Result<json::object>;

Result<api::TaggedBytes> tagged(const std::string& etag,
                                const api::KnownFn& is_known,
                                const std::function<std::string()>& make) {
  return api::TaggedBytes{etag, is_known(etag) ? "" : make()};
}

void add_bytes(api::Reviews& all, const Shared& open) {
  all.points = [open](store::Database& database, const std::string& id,
                      const api::KnownFn& is_known) -> Result<api::TaggedBytes> {
    BALEEN_ASSIGN_OR_RETURN(const ClusteringInfo info, find_info(database, id));
    const std::string etag = tag_of(info) + "-points";
    if (is_known(etag)) return api::TaggedBytes{etag, ""};  // Without opening it.
    return open->with<api::TaggedBytes>(database, id, [&](OpenReviews::Entry& entry) {
      return tagged(etag, is_known,
                    [&] { return bioacoustics::points_bytes(entry.opened->review().windows()); });
    });
  };
  all.labels = [open](store::Database& database, const std::string& id,
                      const api::KnownFn& is_known) -> Result<api::TaggedBytes> {
    return open->with<api::TaggedBytes>(database, id, [&](OpenReviews::Entry& entry) {
      const OpenReview& opened = *entry.opened;
      return tagged(fmt::format("{}-v{}", tag_of(opened.info()), opened.version()), is_known,
                    [&] { return bioacoustics::labels_bytes(opened.review(), opened.version()); });
    });
  };
}

void add_looks(api::Reviews& all, const Shared& open) {
  all.list = [open](store::Database& database, const std::string& collection_id) -> Answer {
    BALEEN_ASSIGN_OR_RETURN(const auto infos,
                            bioacoustics::list_clusterings(database, collection_id));
    json::array items;
    for (const ClusteringInfo& info : infos) {
      BALEEN_ASSIGN_OR_RETURN(json::object described,
                              bioacoustics::describe_clustering(database, open->root(), info));
      items.push_back(std::move(described));
    }
    return json::object{{"items", std::move(items)}};
  };
  all.show = [open](store::Database& database, const std::string& id) -> Answer {
    return open->with<json::object>(database, id, [&](OpenReviews::Entry& entry) {
      return describe(database, open->root(), *entry.opened, entry.shown);
    });
  };
  all.recordings = [open](store::Database& database, const std::string& id) -> Answer {
    return open->with<json::object>(database, id, [](OpenReviews::Entry& entry) -> Answer {
      return json::object{
          {"items", bioacoustics::describe_recordings(entry.opened->review().windows())}};
    });
  };
  all.windows = [open](store::Database& database, const std::string& id,
                       const api::WindowQuery& query) -> Answer {
    return open->with<json::object>(database, id, [&](OpenReviews::Entry& entry) {
      return windows_of(entry.opened->review(), query);
    });
  };
  all.window = [open](store::Database& database, const std::string& id,
                      std::int64_t row) -> Answer {
    return open->with<json::object>(database, id, [&](OpenReviews::Entry& entry) -> Answer {
      const Review& review = entry.opened->review();
      const auto at = static_cast<std::size_t>(row);
      if (row < 0 || at >= review.windows().size()) {
        return fail(ErrorCode::not_found, "there is no window {}: the clustering has {}", row,
                    review.windows().size());
      }
      json::object window = bioacoustics::describe_window(review, at);
      BALEEN_ASSIGN_OR_RETURN(window["why_noise"], entry.opened->why_noise(at));
      return window;
    });
  };
  all.actions = [](store::Database& database, const std::string& id) -> Answer {
    BALEEN_ASSIGN_OR_RETURN(const ClusteringInfo info, find_info(database, id));
    BALEEN_ASSIGN_OR_RETURN(auto actions, store::list_review_actions(database, info.key()));
    std::ranges::reverse(actions);
    json::array items;
    for (const store::ReviewAction& action : actions)
      items.push_back(bioacoustics::describe_action(action));
    return json::object{{"items", std::move(items)}};
  };
}

}  // namespace

api::Reviews reviews(const store::DataRoot& root) {
  const auto open = std::make_shared<OpenReviews>(root);
  api::Reviews all;
  add_looks(all, open);
  add_bytes(all, open);
  all.act = [open](store::Database& database, const std::string& id, const json::object& request,
                   const api::ReviewAuthor& author) -> Answer {
    return open->with<json::object>(database, id, [&](OpenReviews::Entry& entry) -> Answer {
      BALEEN_ASSIGN_OR_RETURN(const store::ReviewAction done,
                              entry.opened->act(database, request, change_of(author)));
      return answer_of(done, entry.opened->version());
    });
  };
  all.undo = [open](store::Database& database, const std::string& id,
                    const api::ReviewAuthor& author) -> Answer {
    return open->with<json::object>(database, id, [&](OpenReviews::Entry& entry) -> Answer {
      BALEEN_ASSIGN_OR_RETURN(const store::ReviewAction undone,
                              entry.opened->undo(database, change_of(author)));
      return answer_of(undone, entry.opened->version());
    });
  };
  all.redo = [open](store::Database& database, const std::string& id,
                    const api::ReviewAuthor& author) -> Answer {
    return open->with<json::object>(database, id, [&](OpenReviews::Entry& entry) -> Answer {
      BALEEN_ASSIGN_OR_RETURN(const store::ReviewAction redone,
                              entry.opened->redo(database, change_of(author)));
      return answer_of(redone, entry.opened->version());
    });
  };
  return all;
}

Result<json::object> show_clusters(const store::DataRoot& root,
                                   store::Database& database,
                                   const json::object& request) {
  const std::string collection_id = core::get_string(request, "collection_id");
  BALEEN_ASSIGN_OR_RETURN(const OpenReview opened, bioacoustics::reviewed_assignments(
                                                       database, root, collection_id,
                                                       core::get_string(request, "clustering_id")));
  BALEEN_ASSIGN_OR_RETURN(const auto infos,
                          bioacoustics::list_clusterings(database, collection_id));
  json::array clusterings;
  for (const ClusteringInfo& info : infos) {
    BALEEN_ASSIGN_OR_RETURN(json::object described,
                            bioacoustics::describe_clustering(database, root, info));
    clusterings.push_back(std::move(described));
  }
  ShownClusters shown;
  BALEEN_ASSIGN_OR_RETURN(json::object clustering, describe(database, root, opened, shown));
  return json::object{{"clusterings", std::move(clusterings)},
                      {"clustering", std::move(clustering)}};
}

Result<json::object> review_clusters(const store::DataRoot& root,
                                     store::Database& database,
                                     const json::object& request) {
  BALEEN_ASSIGN_OR_RETURN(
      OpenReview opened,
      bioacoustics::reviewed_assignments(database, root, core::get_string(request, "collection_id"),
                                         core::get_string(request, "clustering_id")));
  const store::ReviewChange change{core::get_string(request, "made_by"),
                                   core::system_clock().now_us(), std::nullopt};
  const Result<store::ReviewAction> done =
      core::get_bool(request, "undo")
          ? opened.undo(database, change)
          : opened.act(database, core::get_object(request, "action"), change);
  if (!done.ok()) return done.error();
  return answer_of(*done, opened.version());
}

}  // namespace baleen
