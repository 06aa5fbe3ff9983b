#pragma once

/// The clusterings of a collection as they lie in the store: which there are, and their windows read for a review.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "recipes/bioacoustics/review.h"
#include "store/artifacts.h"
#include "store/database.h"
#include "store/paths.h"
#include "store/reviews.h"

namespace baleen::bioacoustics {

struct ClusteringInfo {
  std::string clustering_id;  ///< The job in clusters/{job}/.
  std::string collection_id;
  store::Artifact assignments;
  store::Artifact clusters;  ///< The document; its path is empty where it is gone.
  /// Tables of windows that came later, oldest first: each has all that was new when it was made.
  std::vector<store::Artifact> additions = {};

  [[nodiscard]] store::ReviewKey key() const;
  /// A digest of all tables: equal ones are of equal windows.
  [[nodiscard]] std::string tables_sha256() const;
};

/// Newest first; of one job the newest tables.
[[nodiscard]] Result<std::vector<ClusteringInfo>> list_clusterings(
    store::Database& database, const std::string& collection_id);
[[nodiscard]] Result<std::optional<ClusteringInfo>> find_clustering(store::Database& database,
                                                                    std::string_view clustering_id);

/// {clustering_id, collection_id, run_id, created_at, encoding_id, parameters, where, recordings, windows,
/// windows_left_out, windows_added, recordings_added, noise, clusters: how many, n_actions}
[[nodiscard]] Result<json::object> describe_clustering(store::Database& database,
                                                       const store::DataRoot& root,
                                                       const ClusteringInfo& info);

/// clusters.json; ARTIFACT_CORRUPT if it is gone or no object.
[[nodiscard]] Result<json::object> read_clusters_document(const store::DataRoot& root,
                                                          const ClusteringInfo& info);

/// The encoding_id and metric that it was made with.
struct ClusteringOrigin {
  std::string encoding_id;
  bool is_cosine = true;
};
[[nodiscard]] Result<ClusteringOrigin> origin_of(const store::DataRoot& root,
                                                 const ClusteringInfo& info);

/// All windows, when they are, and what is known of their recordings now. Those that came later follow those that were
/// clustered, in the order in which they came, so that a row's number never changes; additions that were made for a
/// clustering of other content are left out. INPUT_NOT_FOUND if embeddings of a recording are gone; ARTIFACT_CORRUPT if the
/// tables do not fit together.
[[nodiscard]] Result<std::shared_ptr<const ClusteredWindows>> read_clustered_windows(
    store::Database& database, const store::DataRoot& root, const ClusteringInfo& info);

/// What a clustering wrote of a window that it put into no cluster.
struct WhyNoise {
  std::string reason;                         ///< alone, loose; "" for members of clusters.
  std::int32_t nearest_cluster = kNoCluster;  ///< As the clustering numbered them.
  double missing = 0;                         ///< NaN where nothing can be said.
};
/// None where the table is of a version that did not tell.
[[nodiscard]] Result<std::optional<WhyNoise>> read_why_noise(const store::DataRoot& root,
                                                             const ClusteringInfo& info,
                                                             const ClusteredWindows& windows,
                                                             std::size_t row);

/// Cuts windows into at most so many pieces by their embeddings: k-means of k_means.h, fitted to kSplitSample of them.
/// Of each row its piece, numbered by size; piece 0 is the largest. The same rows give the same pieces.
/// INPUT_NOT_FOUND; CLUSTER_POINTS_IDENTICAL if they are all alike; EMBEDDING_DIMENSIONS_DIFFER.
[[nodiscard]] Result<std::vector<std::uint32_t>> split_windows(store::Database& database,
                                                               const store::DataRoot& root,
                                                               const ClusteringInfo& info,
                                                               const ClusteredWindows& windows,
                                                               std::span<const std::uint32_t> rows,
                                                               std::size_t n_pieces);
inline constexpr std::size_t kSplitSample = 4096;

/// Where the embeddings of a recording lie; INPUT_NOT_FOUND if there are none of this encoding.
[[nodiscard]] Result<std::filesystem::path> embeddings_path(store::Database& database,
                                                            const store::DataRoot& root,
                                                            const std::string& asset_id,
                                                            const std::string& encoding_id);

/// When the windows of an embedding set begin and end.
struct WindowTimes {
  std::vector<double> start_s, end_s;
};
[[nodiscard]] Result<WindowTimes> read_window_times(const std::filesystem::path& embeddings);

}  // namespace baleen::bioacoustics
