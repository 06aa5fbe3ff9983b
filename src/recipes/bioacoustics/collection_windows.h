#pragma once

/// All windows of recordings of a collection, row behind row, as stages over collections read them.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "engine/stage.h"
#include "recipes/bioacoustics/metadata.h"

namespace baleen::bioacoustics {

struct CollectionWindows {
  std::vector<RecordingFacts> recordings;
  std::vector<std::uint32_t> recording;  ///< Of each row.
  std::vector<std::int32_t> row_index;   ///< In its recording's file.
  std::vector<double> start_s, end_s;
  std::vector<float> vectors;
  int size = 0;                 ///< Numbers of one vector.
  std::int64_t n_left_out = 0;  ///< Windows with less sound than min_fill.

  [[nodiscard]] std::size_t n() const { return row_index.size(); }
  /// Of each row the number of its recording's deployment (names in the order of their first rows).
  struct Deployments {
    std::vector<std::string> names;
    std::vector<std::uint32_t> of_rows;
  };
  [[nodiscard]] Deployments deployments() const;
  void truncate(std::size_t n);
};

/// Of the inputs of types embedding_set and recording_v1, in the order of their ids; `payload` has {metadata: {asset_id: …}}.
/// EMBEDDING_DIMENSIONS_DIFFER, ARTIFACT_CORRUPT.
/// @param is_wanted  Which recordings; all where it is empty.
[[nodiscard]] Result<CollectionWindows> read_collection_windows(
    const engine::StageRequest& request,
    double min_fill,
    const std::function<bool(const RecordingFacts&)>& is_wanted = {});

}  // namespace baleen::bioacoustics
