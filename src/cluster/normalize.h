#pragma once

/// Embeddings made comparable: what differs from one deployment to the next is taken out.
///
/// A hydrophone, its gain and the sea around it move all embeddings of a deployment the same way, and clusters of
/// deployments hide those of sounds. Each group (deployment) is therefore centred, and if wanted scaled, column by
/// column, by statistics that a few loud or rare sounds do not move. What groups really differ in on the whole is lost
/// with it: a sound that is nearly all that one deployment has becomes its zero. Pure; the same at any number of threads.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/matrix.h"
#include "core/result.h"

namespace baleen::cluster {

enum class GroupScaling {
  none,        ///< Centre only.
  per_column,  ///< Each column of each group by its median absolute deviation (× 1.4826).
};

struct NormalizeOptions {
  GroupScaling scaling = GroupScaling::none;
  /// A group of n points is centred at (n · its own median + prior · median of all) / (n + prior), and scaled likewise: the
  /// few windows of a short deployment say little about it.
  double prior = 20;
  bool l2 = true;  ///< Rows to length 1 at the end, as cosine distances want it.
  int n_threads = 1;
};

/// Subtracts the centre of the row's group, so that the centre of every group comes to lie at 0; if scaled, divides by the
/// scale of the group and multiplies by that of all centred points. Columns that do not vary are not scaled.
/// @param groups  One number for each row, of any values; empty: all rows are one group.
/// @return  A new matrix. INVALID_ARGUMENT: as many groups as rows are needed, no negative prior. EMBEDDING_NOT_FINITE.
[[nodiscard]] Result<Matrix> normalize(MatrixView points,
                                       std::span<const std::uint32_t> groups,
                                       const NormalizeOptions& options);

/// What points are centred and scaled by, group for group, so that points that come later are treated alike.
struct Normalization {
  std::vector<std::uint32_t> groups;  ///< Ascending; row g of the matrices is of groups[g].
  Matrix center;                      ///< (n_groups, d)
  Matrix factor;                      ///< (n_groups, d); no rows where nothing is scaled.
  std::vector<float> center_of_all;   ///< (d,)
  std::vector<float> scale_of_all;    ///< (d,) of centred points; empty where nothing is scaled.
};

/// What normalize() does, in two steps. `options.l2` plays no part in it.
[[nodiscard]] Result<Normalization> fit_normalization(MatrixView points,
                                                      std::span<const std::uint32_t> groups,
                                                      const NormalizeOptions& options);
/// Adds those groups of new points that are not there yet, measured as the old ones were.
[[nodiscard]] Result<void> extend_normalization(MatrixView points,
                                                std::span<const std::uint32_t> groups,
                                                const NormalizeOptions& options,
                                                Normalization& normalization);
/// INVALID_ARGUMENT for a group that is not there, or other columns.
[[nodiscard]] Result<Matrix> apply_normalization(MatrixView points,
                                                 std::span<const std::uint32_t> groups,
                                                 const Normalization& normalization,
                                                 const NormalizeOptions& options);

/// Divides each row by its length; rows of zeros stay. Returns how many those are.
std::size_t l2_normalize(Matrix& points);

}  // namespace baleen::cluster
