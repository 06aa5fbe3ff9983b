#pragma once

/// What a clustering leaves on disk so that new recordings can be assigned to its clusters: a file of arrays that can be
/// mapped (docs/formats/cluster_model.md).

#include <filesystem>
#include <string>
#include <vector>

#include "recipes/bioacoustics/clustering.h"

namespace baleen::bioacoustics {

struct ClusterModel {
  /// A recording that was clustered, with its deployment as a number.
  struct Recording {
    std::string asset_id;
    std::uint32_t deployment = 0;
    std::int64_t n_windows = 0;
    bool operator==(const Recording&) const = default;
  };
  std::string encoding_id;
  ClusteringParams params;               ///< Resolved.
  std::vector<Recording> recordings;     ///< In the order of the rows.
  std::vector<std::string> deployments;  ///< By number.
  FittedClustering fitted;
};

/// Writes and fsyncs `path`, a temporary name.
[[nodiscard]] Result<void> write_cluster_model(const std::filesystem::path& path,
                                               const ClusterModel& model);
/// FILE_NOT_FOUND; ARTIFACT_CORRUPT for what is no such file, is cut off, or has arrays that do not fit each other.
[[nodiscard]] Result<ClusterModel> read_cluster_model(const std::filesystem::path& path);

}  // namespace baleen::bioacoustics
