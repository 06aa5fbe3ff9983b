#pragma once

/// What people are shown of a review: clusters with examples, windows in an order, and the bytes that the map is drawn
/// from. Pure functions of the state; the shapes are those of specs/openapi.yaml.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "recipes/bioacoustics/review.h"

namespace baleen::bioacoustics {

/// Most telling first.
enum class WindowOrder {
  time,  ///< By when the recording was made, then by place in it; recordings of unknown time last, by name.
  medoid,  ///< Nearest, in the map, to the others: least mean distance to kMedoidSample of them.
  edge,    ///< Least sure to belong: by probability.
  outlier  ///< Highest outlier score.
};
[[nodiscard]] std::optional<WindowOrder> parse_window_order(std::string_view text);

inline constexpr std::size_t kMedoidSample = 64;
/// Of each kind.
inline constexpr std::size_t kExemplarsShown = 6;
inline constexpr std::size_t kRecordingsShown = 20;

/// Rows [first, first + count) of `rows` in that order; fewer where it ends.
[[nodiscard]] std::vector<std::uint32_t> rows_in_order(const Review& review,
                                                       std::span<const std::uint32_t> rows,
                                                       WindowOrder order,
                                                       std::size_t first,
                                                       std::size_t count);

/// Window: {row, asset_id, filename, row_index, start_s, end_s, cluster, label, probability, outlier_score}.
[[nodiscard]] json::object describe_window(const Review& review, std::size_t row);
/// Cluster: {cluster, label, size, persistence, made_by_review, exemplars, hours, hours_unknown, recordings,
/// metadata_summary}. The cluster must be there.
[[nodiscard]] json::object describe_cluster(const Review& review, std::int32_t cluster);
/// [{asset_id, filename, start_local, site, windows}], in the order of ClusteredWindows::recordings.
[[nodiscard]] json::array describe_recordings(const ClusteredWindows& windows);

/// The labels that windows or clusters have now, in the order of their bytes, and how many windows have each.
struct LabelCounts {
  std::vector<std::string> labels;
  std::vector<std::int64_t> windows;
  /// From Review::labels() to these; kNoLabel for what nobody uses any more.
  std::vector<std::int32_t> index;
};
[[nodiscard]] LabelCounts count_labels(const Review& review);

/// "BLNPTS01": places and times of all windows; 29 bytes each.
[[nodiscard]] std::string points_bytes(const ClusteredWindows& windows);
/// "BLNLBL01": cluster and label of all windows; 8 bytes each.
[[nodiscard]] std::string labels_bytes(const Review& review, std::int64_t version);

}  // namespace baleen::bioacoustics
