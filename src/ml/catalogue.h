#pragma once

/// The catalogue of models that Baleen knows by name: specs/models.json, embedded into the program.
///
/// A card says what a model is for, where it comes from, how its file is recognised and what goes in and
/// out. No weights are shipped; the model store holds what a user installed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace baleen::ml {

struct TensorContract {
  std::string name;                 ///< "*" where the name is not fixed.
  std::vector<std::int64_t> shape;  ///< -1 is a free dimension.
};

/// How a network makes one vector of a window of sound.
struct EmbeddingContract {
  /// What is done to the samples before: "waveform" (nothing), "yamnet_patches" (log-mel patches of 0.96 s), or
  /// "batdetect_spectrogram".
  std::string frontend = "waveform";
  double window_s = 0;    ///< The only length of a window that it takes; 0: any.
  std::string output;     ///< The tensor to take.
  std::int64_t size = 0;  ///< Numbers of one vector: the last dimension of that tensor.
  /// What becomes of its dimensions between the first and the last: "none" (there are none), "mean" or "max".
  std::string pooling = "none";
  /// Of a waveform: each window loses its mean and is scaled to this peak; 0: is left as it is.
  double peak = 0;
};

struct ModelCard {
  std::string name;    ///< Lower-case, unique: "yamnet".
  std::string task;    ///< What it is used for; models with one task are interchangeable: "yamnet".
  std::string file;    ///< Its customary file name.
  std::string format;  ///< "onnx" and "tflite" can be run (session.h); others are only stored.
  std::string sha256;  ///< 64 hex digits, or "" where none is published.
  std::string sha256_prefix;    ///< First digits, where only these are published.
  std::int64_t size_bytes = 0;  ///< 0 where unknown.
  std::string url;              ///< "" where it cannot be downloaded.
  std::string licence;
  std::string source;
  std::string notes;
  std::int64_t sample_rate_hz = 0;  ///< 0 where it does not matter.
  std::vector<TensorContract> inputs;
  std::vector<TensorContract> outputs;
  std::vector<std::string> labels;
  std::optional<EmbeddingContract> embedding;  ///< Where it can embed windows of sound.

  [[nodiscard]] bool is_runnable() const { return format == "onnx" || format == "tflite"; }
  /// Whether a file with this digest may be this model; false where nothing is known of the digest.
  [[nodiscard]] bool matches(std::string_view file_sha256) const;
};

/// A card as one object of the catalogue or of a sidecar, and back. Errors: MODEL_INVALID.
[[nodiscard]] json::object card_to_json(const ModelCard& card);
[[nodiscard]] Result<ModelCard> parse_card(const json::value& value);

class Catalogue {
 public:
  /// Parses a catalogue document. Errors: MODEL_INVALID (duplicate names, malformed digests).
  [[nodiscard]] static Result<Catalogue> parse(std::string_view text);
  /// The one that was built into this program.
  [[nodiscard]] static const Catalogue& builtin();

  [[nodiscard]] const std::vector<ModelCard>& cards() const { return cards_; }
  /// Null where unknown. Pointers stay valid as long as the catalogue.
  [[nodiscard]] const ModelCard* find(std::string_view name) const;
  [[nodiscard]] const ModelCard* find_by_sha256(std::string_view sha256) const;
  /// The first card of a task: the preferred model, and the tensors that all of the task share.
  [[nodiscard]] const ModelCard* find_task(std::string_view task) const;

 private:
  std::vector<ModelCard> cards_;
};

}  // namespace baleen::ml
