#pragma once

/// The built-in speech / music / noise classifier: a small network (141 features → 48 → 24 → 3) for
/// one texture window of dsp/clip_features.h. Its weights are part of the program; tools/train_smn
/// makes them, docs/decisions/0006-builtin-classifier.md says from what and how well it does.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace baleen::ml {

/// Thread-safe: all state is constant.
class BuiltinSmn {
 public:
  static constexpr std::size_t kFeatureCount = 141;
  static constexpr std::size_t kSpeech = 0;  ///< Indices into the result of `classify`.
  static constexpr std::size_t kMusic = 1;
  static constexpr std::size_t kNoise = 2;

  [[nodiscard]] static const BuiltinSmn& instance();

  /// Probabilities of speech, music and noise; they sum to 1.
  ///
  /// @param features  Shape (141,): ClipFeatureWindow::values. Any other size is our own bug. Values
  ///                  beyond four deviations of the training data are clipped; NaN counts as the mean.
  [[nodiscard]] std::array<float, 3> classify(std::span<const float> features) const;

  /// "baleen-smn-1": the name that artifacts carry. It changes with the features or the weights.
  [[nodiscard]] static std::string_view model_id();
  /// "sha256:" and the digest of the weights as little-endian float32.
  [[nodiscard]] std::string model_hash() const;

 private:
  BuiltinSmn() = default;
};

}  // namespace baleen::ml
