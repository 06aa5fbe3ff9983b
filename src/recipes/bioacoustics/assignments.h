#pragma once

/// The rows of assignments.parquet, and of what was added to it: windows that came after the clustering.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "formats/parquet_tables.h"
#include "store/artifacts.h"

namespace baleen::bioacoustics {

/// Shapes (n,), as formats::AssignmentRows. Rows of one file keep their order; what was added follows.
struct Assignments {
  std::vector<std::string> asset_id;
  std::vector<std::int32_t> row_index, label;
  std::vector<double> probability, outlier_score;
  std::vector<float> x, y;
  std::vector<std::int32_t> noise_reason;  ///< Of files that do not tell: loose for noise.
  std::vector<std::int32_t> nearest_label;
  std::vector<double> missing;
  std::size_t n_clustered = 0;  ///< Rows of the clustering itself; row numbers below stay for ever.

  [[nodiscard]] std::size_t n() const { return row_index.size(); }
};

/// @param additions  Left out if it was made for a clustering of other content.
/// Errors as formats::open_assignments.
[[nodiscard]] Result<Assignments> read_assignments(
    const std::filesystem::path& assignments,
    const std::optional<std::filesystem::path>& additions = std::nullopt);

/// The same with the newest additions that there are. Every reader of assignments goes through here.
/// @param assignments  The artifact of a clustering.
[[nodiscard]] Result<Assignments> read_assignments(store::Database& database,
                                                   const store::DataRoot& root,
                                                   const store::Artifact& assignments);

/// Writes and fsyncs `path`, a temporary name.
/// @param model_sha256  Of the clustering's model: what ties additions to it.
[[nodiscard]] Result<void> write_assignments(const std::filesystem::path& path,
                                             const formats::AssignmentRows& rows,
                                             const std::string& model_sha256);

}  // namespace baleen::bioacoustics
