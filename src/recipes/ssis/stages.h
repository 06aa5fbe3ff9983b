#pragma once

/// The stages of the ssis recipe: thin adapters that load artifacts, call kernels and store artifacts.

#include <memory>

#include "engine/stage.h"
#include "formats/document.h"
#include "ml/model_store.h"

namespace baleen::ssis {

struct DecodeSettings {
  double chunk_s = 60;         ///< Between two checkpoints; changes no output.
  double expansion_max = 300;  ///< Output bytes per source byte; see audio::NormalizeOptions.
};

[[nodiscard]] std::unique_ptr<engine::Stage> make_decode_stage(const DecodeSettings& settings);
[[nodiscard]] std::unique_ptr<engine::Stage> make_waveform_stage();
[[nodiscard]] std::unique_ptr<engine::Stage> make_features_stage(const ml::ModelStore& models);
[[nodiscard]] std::unique_ptr<engine::Stage> make_segments_stage(const ml::ModelStore& models);
[[nodiscard]] std::unique_ptr<engine::Stage> make_preview_stage();

/// The members that every document of a request carries.
[[nodiscard]] formats::DocumentHeader document_header(const engine::StageRequest& request);

/// Writes a checked document to an output's temporary name; its content digest leaves out computed_at.
[[nodiscard]] Result<engine::ProducedArtifact> write_document(const engine::StageRequest& request,
                                                              std::string_view type,
                                                              json::object document);

/// The installed model for a task, if its digest is still the one the plan was made with.
[[nodiscard]] Result<ml::InstalledModel> planned_model(const ml::ModelStore& models,
                                                       const engine::StageRequest& request,
                                                       const std::string& task);

}  // namespace baleen::ssis
