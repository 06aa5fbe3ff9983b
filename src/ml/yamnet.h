#pragma once

/// YAMNet's network: log-mel patches in, 1024-d embeddings and AudioSet scores out.
///
/// The front end (16 kHz, 64 mel bands, 96 frames a patch) is in dsp; the two meet in a recipe. Model card:
/// the entry `yamnet` of specs/models.json. One object belongs to one thread at a time.

#include <span>

#include "core/result.h"
#include "ml/session.h"

namespace baleen::ml {

class Yamnet {
 public:
  static constexpr std::size_t kPatchFrames = 96;
  static constexpr std::size_t kBands = 64;
  static constexpr std::size_t kPatchValues = kPatchFrames * kBands;
  static constexpr std::size_t kEmbeddingValues = 1024;
  static constexpr std::size_t kClasses = 521;
  /// Patches a forward pass: where the time per patch stops falling (yamnet_bench), in 13 MB of scratch.
  static constexpr std::size_t kBatchMax = 8;

  /// Errors: MODEL_INVALID if the session's tensors are not YAMNet's.
  [[nodiscard]] static Result<Yamnet> create(Session session);

  /// @param patches     Shape (n, 96, 64): log mel, frame by frame. Any n; larger ones go in batches.
  /// @param embeddings  Shape (n, 1024).
  /// @param scores      Shape (n, 521), or empty where they are not wanted.
  [[nodiscard]] Result<void> embed(std::span<const float> patches,
                                   std::span<float> embeddings,
                                   std::span<float> scores = {});

 private:
  explicit Yamnet(Session session) : session_(std::move(session)) {}
  Session session_;
};

}  // namespace baleen::ml
