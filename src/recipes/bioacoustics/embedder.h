#pragma once

/// One vector for each window of sound: from a network, from the built-in embedding, or from a stub for tests.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "core/result.h"
#include "ml/embedding_network.h"
#include "recipes/bioacoustics/encoding.h"

namespace baleen::bioacoustics {

/// One object belongs to one thread at a time. The vector of a window does not depend on other windows.
class Embedder {
 public:
  virtual ~Embedder() = default;
  /// Numbers of one vector.
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// @param windows  Shape (n, samples of a window), without NaN; may be changed.
  /// @param first    Which window of the recording the first one is.
  /// @param out      Shape (n, size()).
  [[nodiscard]] virtual Result<void> embed(std::span<float> windows,
                                           std::int64_t first,
                                           std::span<float> out) = 0;
};

/// @param network  Of an encoding of kind `network`: outlives the embedder. Null for the others.
/// @param card     Of that network.
/// INVALID_ARGUMENT for windows that are too short for the network's front end; MODEL_INVALID where the network does not
/// take what that makes; NOT_SUPPORTED for a front end that is not built yet.
[[nodiscard]] Result<std::unique_ptr<Embedder>> make_embedder(const Encoding& encoding,
                                                              ml::EmbeddingNetwork* network,
                                                              const ml::ModelCard* card);

}  // namespace baleen::bioacoustics
