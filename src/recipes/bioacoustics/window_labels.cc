#include "recipes/bioacoustics/window_labels.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "recipes/bioacoustics/clusterings.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/open_review.h"
#include "store/collections.h"

namespace baleen::bioacoustics {
namespace {

constexpr double kCoverMin = 0.5;
/// Times of windows are sums of hops; what is half but for rounding is half.
constexpr double kRounding = 1e-6;

/// Somebody's word for a stretch of a recording.
struct Said {
  double start_s = 0, end_s = 0;
  std::int32_t row_index = -1;  // Of this very encoding; -1: look at the times.
  std::uint32_t text = 0;       // Texts::number; WindowLabels::kIsNoise.
  std::int64_t id = 0;          // Of the action, or the import.
};

/// Labels as numbers, in the order of their first use.
class Texts {
 public:
  std::uint32_t number(const std::string& text) {
    return numbers_.emplace(text, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }
  [[nodiscard]] const std::map<std::string, std::uint32_t>& all() const { return numbers_; }

 private:
  std::map<std::string, std::uint32_t> numbers_;
};

using SaidOfAssets = std::map<std::string, std::vector<Said>>;

struct Gathered {
  Texts texts;
  SaidOfAssets reviews, annotations;
  std::map<std::int64_t, std::string> made_by_of_action, made_by_of_import;
};

/// What the review of one clustering says.
Result<void> gather_review(store::Database& database,
                           const store::DataRoot& root,
                           const ClusteringInfo& info,
                           const std::string& encoding_id,
                           Gathered& gathered) {
  BALEEN_ASSIGN_OR_RETURN(const auto actions, store::list_review_actions(database, info.key()));
  bool says_anything = false;
  for (const store::ReviewAction& action : actions) {
    gathered.made_by_of_action[action.action_id] = action.made_by;
    says_anything |= !action.undone_at_us;
  }
  if (!says_anything) return {};
  BALEEN_ASSIGN_OR_RETURN(const ClusteringOrigin origin, origin_of(root, info));
  BALEEN_ASSIGN_OR_RETURN(const OpenReview opened, OpenReview::open(database, root, info));
  const Review& review = opened.review();
  const ClusteredWindows& windows = review.windows();
  std::vector<std::uint32_t> texts;
  for (const std::string& label : review.labels()) texts.push_back(gathered.texts.number(label));
  std::vector<Said>* of_asset = nullptr;
  for (std::size_t row = 0; row < windows.size(); ++row) {
    if (row == 0 || windows.recording[row] != windows.recording[row - 1])
      of_asset = &gathered.reviews[windows.recordings[windows.recording[row]].facts.asset_id];
    const std::int32_t label = review.label_of(row);
    const std::int64_t action = review.action_of(row);
    const bool is_noise =
        label == Review::kNoLabel && action != 0 && review.cluster_of(row) == kNoCluster;
    if (label == Review::kNoLabel && !is_noise) continue;
    of_asset->push_back({windows.start_s[row], windows.end_s[row],
                         origin.encoding_id == encoding_id ? windows.row_index[row] : -1,
                         is_noise ? WindowLabels::kIsNoise : texts[static_cast<std::size_t>(label)],
                         action});
  }
  return {};
}

Result<void> gather_annotations(store::Database& database,
                                const std::string& collection_id,
                                Gathered& gathered) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT a.asset_id, a.start_s, a.end_s, a.label, a.import_id, i.made_by FROM "
                     "annotation_imports i JOIN annotations a ON a.import_id = i.import_id WHERE "
                     "i.collection_id = $1 AND i.withdrawn_at_us IS NULL AND a.label <> '' ORDER "
                     "BY a.annotation_id",
                     collection_id));
  for (const store::Row& row : rows) {
    gathered.annotations[row.text(0)].push_back(
        {row.real(1), row.real(2), -1, gathered.texts.number(row.text(3)), row.integer(4)});
    gathered.made_by_of_import[row.integer(4)] = row.text(5);
  }
  return {};
}

/// Calls `visit(row, share)` for each window of which a stretch covers at least half. The windows ascend.
template <typename Visit>
void for_each_covered(const WindowTimes& times, const Said& said, const Visit& visit) {
  const auto first = std::ranges::upper_bound(times.end_s, said.start_s) - times.end_s.begin();
  for (auto row = static_cast<std::size_t>(first);
       row < times.start_s.size() && times.start_s[row] < said.end_s; ++row) {
    const double covered_s =
        std::min(times.end_s[row], said.end_s) - std::max(times.start_s[row], said.start_s);
    const double share = covered_s / (times.end_s[row] - times.start_s[row]);
    if (share >= kCoverMin - kRounding) visit(row, share);
  }
}

/// The windows of one recording, and what counts of all that was said.
struct Decided {
  const Said* said = nullptr;
  bool is_review = false;
  double share = 0;
};

std::vector<Decided> decide(const WindowTimes& times,
                            const std::vector<Said>& reviews,
                            const std::vector<Said>& annotations) {
  std::vector<Decided> decided(times.start_s.size());
  for (const Said& said : reviews) {
    const auto consider = [&](std::size_t row, double share) {
      Decided& one = decided[row];
      if (one.said == nullptr || said.id > one.said->id ||
          (said.id == one.said->id && share > one.share))
        one = {&said, true, share};
    };
    if (said.row_index < 0) {
      for_each_covered(times, said, consider);
    } else if (static_cast<std::size_t>(said.row_index) < decided.size()) {
      consider(static_cast<std::size_t>(said.row_index), 1);
    }
  }
  for (const Said& said : annotations) {
    for_each_covered(times, said, [&](std::size_t row, double share) {
      Decided& one = decided[row];
      if (one.is_review) return;
      if (one.said == nullptr || share > one.share + kRounding ||
          (share > one.share - kRounding && said.id > one.said->id))
        one = {&said, false, share};
    });
  }
  return decided;
}

/// Numbers sources and puts windows behind each other.
class Collector {
 public:
  explicit Collector(const Gathered& gathered) : gathered_(gathered) {
    label_of_text_.resize(gathered.texts.all().size());
    for (const auto& [text, number] : gathered.texts.all()) {  // Sorted.
      label_of_text_[number] = static_cast<std::uint32_t>(labels_.labels.size());
      labels_.labels.push_back(text);
    }
  }

  void add(const std::string& asset_id,
           const WindowTimes& times,
           const std::vector<Decided>& decided) {
    for (std::size_t row = 0; row < decided.size(); ++row) {
      const Decided& one = decided[row];
      if (one.said == nullptr) continue;
      if (labels_.asset_ids.empty() || labels_.asset_ids.back() != asset_id)
        labels_.asset_ids.push_back(asset_id);
      labels_.windows.push_back(
          {static_cast<std::uint32_t>(labels_.asset_ids.size() - 1), static_cast<std::int32_t>(row),
           times.start_s[row], times.end_s[row],
           one.said->text == WindowLabels::kIsNoise ? WindowLabels::kIsNoise
                                                    : label_of_text_[one.said->text],
           source_of(one)});
    }
  }
  /// Without the labels that no window has.
  WindowLabels take() {
    std::vector<bool> is_used(labels_.labels.size(), false);
    for (const WindowLabel& window : labels_.windows)
      if (window.label != WindowLabels::kIsNoise) is_used[window.label] = true;
    std::vector<std::string> used;
    std::vector<std::uint32_t> number(labels_.labels.size());
    for (std::size_t i = 0; i < is_used.size(); ++i) {
      if (!is_used[i]) continue;
      number[i] = static_cast<std::uint32_t>(used.size());
      used.push_back(std::move(labels_.labels[i]));
    }
    labels_.labels = std::move(used);
    for (WindowLabel& window : labels_.windows)
      if (window.label != WindowLabels::kIsNoise) window.label = number[window.label];
    return std::move(labels_);
  }

 private:
  std::uint32_t source_of(const Decided& one) {
    const auto [found, is_new] = sources_.emplace(
        std::pair(one.is_review, one.said->id), static_cast<std::uint32_t>(labels_.sources.size()));
    if (is_new) {
      const auto& names = one.is_review ? gathered_.made_by_of_action : gathered_.made_by_of_import;
      labels_.sources.push_back(
          {one.is_review ? LabelSource::Kind::review : LabelSource::Kind::annotation, one.said->id,
           names.at(one.said->id)});
    }
    return found->second;
  }

  const Gathered& gathered_;
  std::vector<std::uint32_t> label_of_text_;
  std::map<std::pair<bool, std::int64_t>, std::uint32_t> sources_;
  WindowLabels labels_;
};

}  // namespace

Result<WindowLabels> labels_of_windows(store::Database& database,
                                       const store::DataRoot& root,
                                       const std::string& collection_id,
                                       const std::string& encoding_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto collection, store::find_collection(database, collection_id));
  if (!collection) return fail(ErrorCode::not_found, "there is no collection '{}'", collection_id);
  Gathered gathered;
  BALEEN_ASSIGN_OR_RETURN(const auto infos, list_clusterings(database, collection_id));
  for (const ClusteringInfo& info : infos)
    BALEEN_RETURN_IF_ERROR(gather_review(database, root, info, encoding_id, gathered));
  BALEEN_RETURN_IF_ERROR(gather_annotations(database, collection_id, gathered));
  BALEEN_ASSIGN_OR_RETURN(const auto embeddings,
                          store::find_latest_artifacts_of_members(
                              database, collection_id, "embedding_set", alias_of(encoding_id)));
  Collector collector(gathered);
  const std::vector<Said> nothing;
  const auto said_of = [&](const SaidOfAssets& all, const std::string& asset_id) -> const auto& {
    const auto found = all.find(asset_id);
    return found == all.end() ? nothing : found->second;
  };
  for (const store::Artifact& artifact : embeddings) {
    const std::vector<Said>& reviews = said_of(gathered.reviews, artifact.asset_id);
    const std::vector<Said>& annotations = said_of(gathered.annotations, artifact.asset_id);
    if (reviews.empty() && annotations.empty()) continue;
    BALEEN_ASSIGN_OR_RETURN(const WindowTimes times, read_window_times(root.at(artifact.path)));
    collector.add(artifact.asset_id, times, decide(times, reviews, annotations));
  }
  return collector.take();
}

}  // namespace baleen::bioacoustics
