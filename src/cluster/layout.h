#pragma once

/// The optimisation of UMAP: points attract along the edges of a graph and repel what they meet by chance. Internal to
/// the room.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/fuzzy_graph.h"
#include "cluster/matrix.h"

namespace baleen::cluster {

inline constexpr std::size_t kLayoutLanes = 16;

/// Edges of 16 vertices side by side, as many slots as the largest of them needs; vertices of like weight together.
struct LayoutGroups {
  std::size_t n = 0;  ///< Vertices; the last group is filled up.
  std::vector<std::uint32_t>
      vertex_of;  ///< Of each place (group · 16 + lane) which vertex of the graph.
  std::vector<std::uint64_t>
      begins;  ///< Of each group where its slots begin, in vectors of 16; one more.
  std::vector<std::int32_t> targets;  ///< Places.
  std::vector<float> rates;           ///< Samples of the edge per epoch, 0 to 1; 0: no edge.
};

/// @param first_target  0: the targets are the vertices themselves. Else the place of the target 0 of the graph, whose
///                      targets are points that stand still.
[[nodiscard]] LayoutGroups make_groups(const FuzzyGraph& graph, std::size_t first_target = 0);

struct LayoutOptions {
  float a = 1;
  float b = 1;
  std::size_t n_epochs = 200;
  float learning_rate = 1;
  float negative_samples = 5;  ///< Of each sample of an edge.
  std::uint64_t seed = 0;
  int n_threads = 1;
  /// So many of the last places are points that stand still: all edges lead to them, and negative samples are of
  /// them. 0: the points move among themselves, and an edge is sampled from both of its ends.
  std::size_t n_fixed = 0;
};

/// Moves the points.
/// @param positions  n_components arrays of `stride` places each.
void optimize_layout(const LayoutGroups& groups,
                     const LayoutOptions& options,
                     std::size_t n_components,
                     std::size_t stride,
                     std::vector<float>& positions);

/// Replaces every point by the mean of itself and its neighbours, weighted.
void smooth_layout(const LayoutGroups& groups,
                   std::size_t n_components,
                   std::size_t stride,
                   int n_rounds,
                   int n_threads,
                   std::vector<float>& positions);

}  // namespace baleen::cluster
