#include "recipes/bioacoustics/review.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <utility>

#include "audio/field_time.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kLabelBytesMax = 200;

/// SplitMix64's mixing of bits: numbers a state by what led to it.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = a * 0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

template <typename T>
void sort_unique(std::vector<T>& values) {
  if (!std::ranges::is_sorted(values)) std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// Both ascending; so is the result.
void merge_into(std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& others) {
  const auto middle = static_cast<std::ptrdiff_t>(rows.size());
  rows.insert(rows.end(), others.begin(), others.end());
  std::inplace_merge(rows.begin(), rows.begin() + middle, rows.end());
}

Result<void> check_label(const std::string& label) {
  const bool is_plain = std::ranges::none_of(
      label, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (is_plain && label.size() <= kLabelBytesMax && core::valid_utf8(label) == label) return {};
  return fail(ErrorCode::invalid_argument,
              "a label has at most {} bytes of UTF-8, none of them a control character",
              kLabelBytesMax);
}

}  // namespace

std::string ReviewedRecording::site() const {
  const json::object& tag_data = core::get_object(facts.metadata, "tag_data");
  const std::string site = core::get_string(tag_data, "site");
  return site.empty() ? core::get_string(tag_data, "location") : site;
}

void ClusteredWindows::find_hours() {
  constexpr std::int64_t kHourUs = 3'600'000'000;
  hour.assign(size(), kHourUnknown);
  std::optional<audio::FieldTime> start;
  for (std::size_t row = 0; row < size(); ++row) {
    if (row == 0 || recording[row] != recording[row - 1])
      start = audio::parse_field_time(recordings[recording[row]].facts.start_local);
    if (!start) continue;
    const std::int64_t hours = (start->wall_us + std::llround(start_s[row] * 1e6)) / kHourUs;
    hour[row] = static_cast<std::uint8_t>(hours % 24);
  }
}

Review::Review(std::shared_ptr<const ClusteredWindows> windows)
    : windows_(std::move(windows)),
      cluster_(windows_->cluster),
      own_label_(windows_->size(), kNoLabel),
      own_label_act_(windows_->size(), 0),
      placed_act_(windows_->size(), 0) {
  std::map<std::int32_t, std::size_t> sizes;
  for (const std::int32_t cluster : cluster_) ++sizes[cluster];
  for (const auto& [number, size] : sizes) {
    clusters_[number].rows.reserve(size);
    next_cluster_ = std::max(next_cluster_, number + 1);
  }
  for (std::size_t row = 0; row < cluster_.size(); ++row)
    clusters_[cluster_[row]].rows.push_back(static_cast<std::uint32_t>(row));
}

const Review::Cluster* Review::find(std::int32_t cluster) const {
  const auto found = clusters_.find(cluster);
  return found == clusters_.end() ? nullptr : &found->second;
}

std::int32_t Review::label_of(std::size_t row) const {
  if (own_label_[row] != kNoLabel) return own_label_[row];
  return clusters_.at(cluster_[row]).label;
}

std::string Review::label_text(std::size_t row) const {
  const std::int32_t label = label_of(row);
  return label == kNoLabel ? "" : labels_[static_cast<std::size_t>(label)];
}

std::int64_t Review::action_of(std::size_t row) const {
  std::uint32_t act = placed_act_[row];
  if (own_label_[row] != kNoLabel) {
    act = own_label_act_[row];
  } else if (const Cluster& cluster = clusters_.at(cluster_[row]); cluster.label != kNoLabel) {
    act = std::max(act, cluster.label_act);
  }
  return act == 0 ? 0 : action_ids_[act - 1];
}

std::int32_t Review::became(std::int32_t cluster) const {
  for (auto found = became_.find(cluster); found != became_.end(); found = became_.find(cluster))
    cluster = found->second;
  return find(cluster) == nullptr ? kNoCluster : cluster;
}

// ---- what may be done -------------------------------------------------------------------------

Result<void> Review::check_names(const ReviewAct& act, ErrorCode code) const {
  for (const std::int32_t cluster : act.clusters) {
    if (find(cluster) == nullptr || cluster == kNoCluster)
      return fail(code, "there is no cluster {} in this review", cluster);
  }
  const auto check_rows = [&](const std::vector<std::uint32_t>& rows) -> Result<void> {
    if (rows.empty() || rows.back() < windows_->size()) return {};
    return fail(code, "there is no window {}: the clustering has {}, counted from 0", rows.back(),
                windows_->size());
  };
  BALEEN_RETURN_IF_ERROR(check_rows(act.rows));
  std::int32_t next = next_cluster_;
  for (const ReviewAct::Group& group : act.groups) {
    BALEEN_RETURN_IF_ERROR(check_rows(group.rows));
    const bool is_new = act.makes_clusters && group.to == next;
    if (!is_new && group.to != kNoCluster && find(group.to) == nullptr)
      return fail(code, "there is no cluster {} in this review", group.to);
    next += is_new ? 1 : 0;
  }
  if (act.kind == ReviewAct::Kind::merge && act.clusters.size() < 2)
    return fail(code, "two clusters or more are merged");
  if (act.kind == ReviewAct::Kind::move &&
      (act.groups.empty() || std::ranges::any_of(act.groups, [](const ReviewAct::Group& group) {
         return group.rows.empty();
       })))
    return fail(code, "nothing is to be moved: name rows");
  if (act.kind != ReviewAct::Kind::move && act.clusters.empty() && act.rows.empty())
    return fail(code, "nothing is meant: name clusters or rows");
  return {};
}

std::int64_t Review::count_windows(const ReviewAct& act) const {
  std::size_t n = 0;
  for (const std::int32_t cluster : act.clusters) n += find(cluster)->rows.size();
  for (const std::uint32_t row : act.rows)
    n += std::ranges::binary_search(act.clusters, cluster_[row]) ? 0 : 1;
  for (const ReviewAct::Group& group : act.groups) n += group.rows.size();
  return static_cast<std::int64_t>(n);
}

Result<ReviewAct> Review::check(ReviewAct act) const {
  sort_unique(act.clusters);
  sort_unique(act.rows);
  for (ReviewAct::Group& group : act.groups) sort_unique(group.rows);
  BALEEN_RETURN_IF_ERROR(check_label(act.label));
  BALEEN_RETURN_IF_ERROR(check_names(act, ErrorCode::invalid_argument));
  act.n_windows = count_windows(act);
  return act;
}

// ---- doing it ---------------------------------------------------------------------------------

Result<void> Review::apply(const ReviewAct& act, std::int64_t action_id) {
  BALEEN_RETURN_IF_ERROR(check_names(act, ErrorCode::artifact_corrupt));
  action_ids_.push_back(action_id);
  switch (act.kind) {
    case ReviewAct::Kind::label: apply_label(act); break;
    case ReviewAct::Kind::merge: apply_merge(act); break;
    case ReviewAct::Kind::noise: apply_noise(act); break;
    case ReviewAct::Kind::move:
      for (const ReviewAct::Group& group : act.groups) move(group.rows, group.to);
      break;
  }
  return {};
}

void Review::touch(Cluster& cluster) {
  cluster.revision = mix(cluster.revision, static_cast<std::uint64_t>(action_ids_.back()));
}

std::int32_t Review::label_number(const std::string& label) {
  if (label.empty()) return kNoLabel;
  const auto [found, is_new] =
      label_numbers_.emplace(label, static_cast<std::int32_t>(labels_.size()));
  if (is_new) labels_.push_back(label);
  return found->second;
}

void Review::apply_label(const ReviewAct& act) {
  const std::int32_t label = label_number(act.label);
  const auto now = static_cast<std::uint32_t>(action_ids_.size());
  for (const std::int32_t number : act.clusters) {
    Cluster& cluster = clusters_[number];
    cluster.label = label;
    cluster.label_act = now;
    touch(cluster);
  }
  std::set<std::int32_t> touched;
  for (const std::uint32_t row : act.rows) {
    own_label_[row] = label;
    own_label_act_[row] = now;
    touched.insert(cluster_[row]);
  }
  for (const std::int32_t number : touched) touch(clusters_[number]);
}

void Review::apply_merge(const ReviewAct& act) {
  const std::int32_t lowest = act.clusters.front();
  Cluster& merged = clusters_[lowest];
  const auto now = static_cast<std::uint32_t>(action_ids_.size());
  for (std::size_t i = 1; i < act.clusters.size(); ++i) {
    auto node = clusters_.extract(act.clusters[i]);
    const Cluster& other = node.mapped();
    for (const std::uint32_t row : other.rows) {
      cluster_[row] = lowest;
      placed_act_[row] = now;
    }
    merge_into(merged.rows, other.rows);
    if (merged.label == kNoLabel) {
      merged.label = other.label;
      merged.label_act = other.label_act;
    }
    merged.revision = mix(merged.revision, other.revision);
    became_[act.clusters[i]] = lowest;
  }
  touch(merged);
}

void Review::move(const std::vector<std::uint32_t>& rows, std::int32_t to) {
  const auto now = static_cast<std::uint32_t>(action_ids_.size());
  if (to >= next_cluster_) {
    next_cluster_ = to + 1;
    clusters_[to].is_made_by_review = true;
  }
  std::set<std::int32_t> left;
  std::vector<std::uint32_t> moved;
  for (const std::uint32_t row : rows) {
    placed_act_[row] = now;
    if (cluster_[row] == to) continue;
    left.insert(cluster_[row]);
    cluster_[row] = to;
    moved.push_back(row);
  }
  for (const std::int32_t number : left) {
    Cluster& cluster = clusters_[number];
    std::erase_if(cluster.rows, [&](std::uint32_t row) { return cluster_[row] != number; });
    touch(cluster);
    if (cluster.rows.empty()) clusters_.erase(number);
  }
  Cluster& target = clusters_[to];
  merge_into(target.rows, moved);
  touch(target);
}

void Review::apply_noise(const ReviewAct& act) {
  std::vector<std::uint32_t> rows = act.rows;
  for (const std::int32_t number : act.clusters) {
    if (const Cluster* const cluster = find(number)) merge_into(rows, cluster->rows);
    became_[number] = kNoCluster;
  }
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  for (const std::uint32_t row : rows) own_label_[row] = kNoLabel;
  move(rows, kNoCluster);
}

}  // namespace baleen::bioacoustics
