#pragma once

/// The recipe of spec 002: recordings → what recorders say of them, and embeddings of windows.

#include <filesystem>

#include "engine/recipe.h"
#include "recipes/bioacoustics/stages.h"

namespace baleen::bioacoustics {

struct BioacousticsSettings {
  std::string model =
      "auto";  ///< For runs that name none: auto, builtin, stub, or an installed one.
  EmbedSettings embed;
};

/// Of collections: embeddings of its recordings → clusters and a map. Parameters: those of the encoding, `clustering`
/// (ClusteringParams) and `where` (metadata.h).
[[nodiscard]] engine::Recipe make_cluster_recipe(const BioacousticsSettings& settings,
                                                 const std::filesystem::path& models_directory);

/// Of collections: parameters tried with several seeds (sweep.h). Parameters: those of clusters, and `sweep` (name: values)
/// and `seeds`.
[[nodiscard]] engine::Recipe make_sweep_recipe(const BioacousticsSettings& settings,
                                               const std::filesystem::path& models_directory);

/// Of collections: recordings that came after a clustering → additions to its assignments. Parameters: `clustering_id`;
/// without it the newest.
[[nodiscard]] engine::Recipe make_assign_recipe();

[[nodiscard]] engine::Recipe make_recipe(const BioacousticsSettings& settings,
                                         const std::filesystem::path& models_directory);

}  // namespace baleen::bioacoustics
