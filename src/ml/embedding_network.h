#pragma once

/// A network that makes one vector of each window of sound, as its card says (EmbeddingContract).
///
/// What goes in is prepared elsewhere (samples, or what a front end of dsp makes of them); here it is passed through
/// the network in batches and what comes out is pooled, however much it is. One object belongs to one thread at a time.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "ml/catalogue.h"
#include "ml/session.h"

namespace baleen::ml {

class EmbeddingNetwork {
 public:
  /// Windows of one forward pass, and bytes of them: enough to be quick, and a bound on scratch memory.
  static constexpr std::size_t kBatchMax = 16;
  static constexpr std::size_t kBatchBytesMax = std::size_t{8} << 20;

  /// MODEL_INVALID where the network's tensors are not those of the card, or the card has no embedding.
  [[nodiscard]] static Result<EmbeddingNetwork> create(Session session, const ModelCard& card);
  /// What `create` checks, for who has a card and a file but no use for them yet.
  [[nodiscard]] static Result<void> check(const Session& session, const ModelCard& card);

  /// Numbers of one vector.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// @param windows  Shape (n, input_shape…), without NaN: `input_shape` is that of one window, the card's without
  ///                 its first dimension.
  /// @param out      Shape (n, size).
  /// INVALID_ARGUMENT where sizes disagree, or where the network makes nothing of windows so short.
  [[nodiscard]] Result<void> embed(std::span<const float> windows,
                                   std::span<const std::int64_t> input_shape,
                                   std::span<float> out);

 private:
  EmbeddingNetwork(Session session, const ModelCard& card);
  [[nodiscard]] Result<void> embed_batch(std::span<const float> windows,
                                         std::span<const std::int64_t> input_shape,
                                         std::span<float> out);
  /// Where the length of the window says how many vectors there are.
  [[nodiscard]] Result<void> embed_open(const InputTensor& in, std::span<float> out);
  /// @param vectors  Shape (windows, n_pooled, size).
  void pool(std::span<const float> vectors, std::size_t n_pooled, std::span<float> out) const;

  Session session_;
  std::string input_, output_, pooling_;
  std::vector<std::int64_t> output_shape_;  // Of one window: what lies between is pooled.
  std::size_t size_ = 0;
  std::size_t n_pooled_ = 1;  // Vectors that become one; 0: the input decides.
  std::vector<float> unpooled_;
};

/// Takes each window's mean away and scales its largest magnitude to `peak`; silence stays silence.
void scale_to_peak(std::span<float> window, double peak);

}  // namespace baleen::ml
