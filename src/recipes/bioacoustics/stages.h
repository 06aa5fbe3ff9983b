#pragma once

/// The stages of the bioacoustics recipe: thin adapters that load artifacts, call kernels and store artifacts.

#include <memory>

#include "engine/stage.h"
#include "ml/model_store.h"

namespace baleen::bioacoustics {

struct EmbedSettings {
  std::int64_t rows_per_group =
      256;  ///< Windows between two places where a killed attempt can be continued.
  double expansion_max = 300;  ///< audio::MonoStreamOptions
};

[[nodiscard]] std::unique_ptr<engine::Stage> make_describe_stage();
[[nodiscard]] std::unique_ptr<engine::Stage> make_cluster_stage();
[[nodiscard]] std::unique_ptr<engine::Stage> make_assign_stage();
[[nodiscard]] std::unique_ptr<engine::Stage> make_sweep_stage();
[[nodiscard]] std::unique_ptr<engine::Stage> make_embed_stage(const ml::ModelStore& models,
                                                              const EmbedSettings& settings);

}  // namespace baleen::bioacoustics
