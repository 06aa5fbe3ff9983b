#pragma once

/// The ssis recipe: decode → features, segments → preview (documents 000 and 001).

#include <filesystem>

#include "core/json.h"
#include "engine/recipe.h"

namespace baleen::ssis {

/// What the settings file may change; defaults are those of the runbook.
struct SsisSettings {
  double min_duration_s = 1.7;
  double max_duration_s = 0;  ///< 0: no limit.
  double chunk_s = 60;
  double expansion_max = 300;      ///< Bytes out per byte in, after the first hour; 0: no limit.
  std::string embedding = "auto";  ///< auto, yamnet or builtin.
  std::string segmenter = "auto";  ///< auto, ina or builtin.
  std::string vad = "auto";  ///< auto: Silero VAD listens to the gaps if it is installed; off.
  std::string preview_feature_spec_alias;  ///< Empty: that of the features stage.
  double preview_window_s = 60;
  double preview_score_threshold = 0.5;
};

/// `models_directory` holds the networks that `baleen models` installs.
/// CONFIG_INVALID for a setting outside of its range.
[[nodiscard]] Result<engine::Recipe> make_recipe(const SsisSettings& settings,
                                                 const std::filesystem::path& models_directory);

/// First 12 hex digits of sha256(feature_spec_id).
[[nodiscard]] std::string feature_spec_alias(std::string_view feature_spec_id);

inline constexpr std::string_view kYamnetFeatureSpecId =
    "mel64_h10ms_w25ms_sr22050__yamnet1024_h0.5s_onnx";
inline constexpr std::string_view kBuiltinFeatureSpecId =
    "mel64_h10ms_w25ms_sr22050__builtin1024_h0.5s";

}  // namespace baleen::ssis
