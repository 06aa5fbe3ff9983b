#include "recipes/bioacoustics/review_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

namespace baleen::bioacoustics {
namespace {

constexpr std::array<std::string_view, 4> kKinds = {"label", "merge", "move", "noise"};
/// More windows than a clustering can have (their rows are 32-bit numbers).
constexpr std::int64_t kRowMax = std::numeric_limits<std::int32_t>::max();

json::array stretches_of(const std::vector<std::uint32_t>& rows) {
  json::array list;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin + 1;
    while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
    list.push_back(json::array{std::int64_t{rows[begin]}, std::int64_t{rows[end - 1]}});
    begin = end;
  }
  return list;
}

Error damaged(std::string_view what) {
  return fail(ErrorCode::artifact_corrupt, "an action of the review has no proper {}", what);
}

/// @param n_left  How many there may be, less those that were read.
Result<std::vector<std::uint32_t>> rows_of(const json::object& object, std::int64_t& n_left) {
  std::vector<std::uint32_t> rows;
  std::int64_t next = 0;
  for (const json::value& value : core::get_array(object, "rows")) {
    const json::array* const stretch = value.if_array();
    if (stretch == nullptr || stretch->size() != 2 || !(*stretch)[0].is_int64() ||
        !(*stretch)[1].is_int64())
      return damaged("rows");
    const std::int64_t first = (*stretch)[0].get_int64(), last = (*stretch)[1].get_int64();
    if (first < next || last < first || last > kRowMax) return damaged("rows");
    n_left -= last - first + 1;
    if (n_left < 0) return damaged("rows");
    for (std::int64_t row = first; row <= last; ++row)
      rows.push_back(static_cast<std::uint32_t>(row));
    next = last + 1;
  }
  return rows;
}

bool is_cluster(const json::value* value) {
  return value != nullptr && value->is_int64() && value->get_int64() >= kNoCluster &&
         value->get_int64() <= kRowMax;
}

std::string windows_text(std::int64_t n) {
  return fmt::format("{} window{}", n, n == 1 ? "" : "s");
}

/// "cluster 7", "clusters 3, 5 and 9", "clusters 1, 2, 3 and 40 more"
std::string clusters_text(const std::vector<std::int32_t>& clusters) {
  constexpr std::size_t kNamedMax = 4;
  if (clusters.size() == 1) return fmt::format("cluster {}", clusters[0]);
  std::string text = "clusters ";
  const std::size_t n_named = std::min(clusters.size() - 1, kNamedMax);
  for (std::size_t i = 0; i < n_named; ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", clusters[i]);
  if (n_named + 1 == clusters.size()) return text + fmt::format(" and {}", clusters.back());
  return text + fmt::format(" and {} more", clusters.size() - n_named);
}

/// What label and noise are about: "cluster 7 (120 windows)", "3 windows"
std::string meant_text(const ReviewAct& act) {
  if (act.clusters.empty()) return windows_text(act.n_windows);
  return fmt::format("{}{} ({})", clusters_text(act.clusters),
                     act.rows.empty() ? "" : " and windows of others", windows_text(act.n_windows));
}

std::string move_text(const ReviewAct& act) {
  if (act.split) return fmt::format("Split cluster {} into {}", *act.split, act.groups.size() + 1);
  const std::int32_t to = act.groups.empty() ? kNoCluster : act.groups.front().to;
  return fmt::format("Moved {} to {} {}", windows_text(act.n_windows),
                     act.makes_clusters ? "the new cluster" : "cluster", to);
}

}  // namespace

std::string_view to_string(ReviewAct::Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

json::object ReviewAct::to_json() const {
  json::object payload;
  if (kind == Kind::label) payload["label"] = label;
  if (!clusters.empty()) payload["clusters"] = json::array(clusters.begin(), clusters.end());
  if (!rows.empty()) payload["rows"] = stretches_of(rows);
  if (!groups.empty()) {
    json::array list;
    for (const Group& group : groups)
      list.push_back({{"rows", stretches_of(group.rows)}, {"to", group.to}});
    payload["groups"] = std::move(list);
  }
  if (makes_clusters) payload["makes_clusters"] = true;
  if (split) payload["split"] = *split;
  payload["windows"] = n_windows;
  return payload;
}

Result<ReviewAct> ReviewAct::from_json(std::string_view kind, const json::object& payload) {
  const auto* const found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end()) return damaged("kind");
  ReviewAct act;
  act.kind = static_cast<Kind>(found - kKinds.begin());
  act.label = core::get_string(payload, "label");
  for (const json::value& value : core::get_array(payload, "clusters")) {
    if (!is_cluster(&value)) return damaged("clusters");
    act.clusters.push_back(static_cast<std::int32_t>(value.get_int64()));
  }
  // Each once, ascending, as they are written: a cluster that is merged with itself would be gone.
  if (!std::ranges::is_sorted(act.clusters, std::ranges::less_equal())) return damaged("clusters");
  if (act.kind == Kind::merge && act.clusters.size() < 2) return damaged("clusters");
  act.n_windows = core::get_int(payload, "windows");
  if (act.n_windows < 0) return damaged("number of windows");
  std::int64_t n_left = act.n_windows;
  BALEEN_ASSIGN_OR_RETURN(act.rows, rows_of(payload, n_left));
  for (const json::value& value : core::get_array(payload, "groups")) {
    if (!value.is_object() || !is_cluster(value.get_object().if_contains("to")))
      return damaged("groups");
    Group group;
    group.to = static_cast<std::int32_t>(value.get_object().at("to").get_int64());
    BALEEN_ASSIGN_OR_RETURN(group.rows, rows_of(value.get_object(), n_left));
    act.groups.push_back(std::move(group));
  }
  act.makes_clusters = core::get_bool(payload, "makes_clusters");
  if (const json::value* value = payload.if_contains("split"); is_cluster(value))
    act.split = static_cast<std::int32_t>(value->get_int64());
  return act;
}

std::string ReviewAct::summary() const {
  switch (kind) {
    case Kind::label:
      if (label.empty()) return "Took the label away from " + meant_text(*this);
      return fmt::format("Labelled {} “{}”", meant_text(*this), label);
    case Kind::merge:
      return fmt::format("Merged {} into {} ({})", clusters_text(clusters), clusters.front(),
                         windows_text(n_windows));
    case Kind::move: return move_text(*this);
    case Kind::noise: return fmt::format("Marked {} as noise", meant_text(*this));
  }
  return "";
}

}  // namespace baleen::bioacoustics
