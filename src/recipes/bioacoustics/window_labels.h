#pragma once

/// What people have said of the windows of a collection: the labels that leave the reviews of its clusterings and the
/// annotations of other programs, by recording and time. What a classifier learns from, and what an export writes.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/result.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::bioacoustics {

/// Who says so.
struct LabelSource {
  enum class Kind {
    review,     ///< `id` is an action_id of the table review_actions.
    annotation  ///< `id` is an import_id of the table annotation_imports.
  };
  Kind kind = Kind::review;
  std::int64_t id = 0;
  std::string made_by;
  bool operator==(const LabelSource&) const = default;
};

/// One window and what it is.
struct WindowLabel {
  std::uint32_t recording = 0;  ///< WindowLabels::asset_ids.
  std::int32_t row_index = 0;   ///< In the recording's embedding set of the encoding asked for.
  double start_s = 0, end_s = 0;
  std::uint32_t label = 0;   ///< WindowLabels::labels, or kIsNoise.
  std::uint32_t source = 0;  ///< WindowLabels::sources.
};

struct WindowLabels {
  /// The label of windows that people have marked as noise: none of the labels is true of them.
  static constexpr std::uint32_t kIsNoise = std::numeric_limits<std::uint32_t>::max();

  std::vector<std::string> asset_ids;  ///< Members of the collection with labels, in their order.
  std::vector<std::string> labels;     ///< In the order of their bytes.
  std::vector<LabelSource> sources;
  std::vector<WindowLabel> windows;  ///< By recording and time; each window at most once.
};

/// The windows of this encoding (Encoding::id) that have a label.
///
/// Of a window that several clusterings speak of, the newest action counts; clusterings of another encoding speak for
/// the windows they cover at least half of. A window that no review speaks of has the label of the annotation that covers
/// most of it, if that is at least half; of equals the newer import. Withdrawn imports and undone actions say nothing.
///
/// @return  No windows if nobody has said anything. NOT_FOUND for a collection that is not there; ARTIFACT_CORRUPT.
[[nodiscard]] Result<WindowLabels> labels_of_windows(store::Database& database,
                                                     const store::DataRoot& root,
                                                     const std::string& collection_id,
                                                     const std::string& encoding_id);

}  // namespace baleen::bioacoustics
