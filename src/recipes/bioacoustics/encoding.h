#pragma once

/// How a recording becomes vectors: which model, which windows. Two recordings that were encoded alike can be compared;
/// a recording is encoded alike only once.

#include <filesystem>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "ml/model_store.h"

namespace baleen::bioacoustics {

/// What makes the vectors.
enum class EmbedderKind { builtin, stub, network };

struct Encoding {
  EmbedderKind kind = EmbedderKind::builtin;
  std::string model_version;  ///< "builtin1024", "yamnet", …: a part of paths.
  std::string model_sha256;
  double window_s = 5;
  double hop_s = 5;
  std::int64_t sample_rate_hz = 0;
  double time_expansion = 1;
  json::object feature_config;  ///< What is done to a window before the network, and after.

  /// "yamnet__w5_h5_sr16000__646beb886c62": all but the time expansion in one line for people. Of sets with equal ids
  /// the vectors can be compared: each heard its recording at the speed of life.
  [[nodiscard]] std::string id() const;
  /// The first 12 digits of the SHA-256 of the id: what one encoding is called in paths and leases.
  [[nodiscard]] std::string alias() const;
  /// SHA-256 over the recording's own digest and everything above.
  [[nodiscard]] std::string signature(std::string_view audio_sha256) const;

  /// What a stage is told, and back.
  [[nodiscard]] json::object to_json() const;
  [[nodiscard]] static Encoding from_json(const json::object& object);
};

/// Encoding::alias of an encoding of this id.
[[nodiscard]] std::string alias_of(std::string_view encoding_id);

/// What parameters call the model of this version: "builtin" for "builtin1024".
[[nodiscard]] std::string model_name_of(std::string_view model_version);

/// The parameters of a run, {model, window_s, hop_s, time_expansion}, checked and with defaults filled in; a time
/// expansion of 0 is the one that the recorder states. INVALID_ARGUMENT names what is unknown or out of range.
[[nodiscard]] Result<json::object> canonical_encoding_params(const json::object& given,
                                                             std::string_view default_model);

/// What these parameters mean with the models that are installed: "auto" is the first of Perch, BirdNET and YAMNet that
/// is there, else the built-in embedding. MODEL_NOT_FOUND; MODEL_INVALID for one that cannot embed; INVALID_ARGUMENT
/// for a window that the model does not take.
/// @param stated_time_expansion  What the recorder states; 1 where it does not.
[[nodiscard]] Result<Encoding> resolve_encoding(const json::object& params,
                                                const ml::ModelStore& models,
                                                double stated_time_expansion = 1);

}  // namespace baleen::bioacoustics
