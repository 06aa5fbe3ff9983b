#include "ml/yamnet.h"

#include <algorithm>
#include <array>

namespace baleen::ml {
namespace {

constexpr std::string_view kInput = "log_mel_patches";
constexpr std::string_view kEmbeddings = "embeddings";
constexpr std::string_view kScores = "scores";

}  // namespace

Result<Yamnet> Yamnet::create(Session session) {
  BALEEN_RETURN_IF_ERROR(
      session.expect_input(kInput, std::array<std::int64_t, 3>{-1, kPatchFrames, kBands}));
  BALEEN_RETURN_IF_ERROR(
      session.expect_output(kEmbeddings, std::array<std::int64_t, 2>{-1, kEmbeddingValues}));
  BALEEN_RETURN_IF_ERROR(session.expect_output(kScores, std::array<std::int64_t, 2>{-1, kClasses}));
  return Yamnet(std::move(session));
}

Result<void> Yamnet::embed(std::span<const float> patches,
                           std::span<float> embeddings,
                           std::span<float> scores) {
  const std::size_t n = patches.size() / kPatchValues;
  BALEEN_CHECK(patches.size() == n * kPatchValues && embeddings.size() == n * kEmbeddingValues);
  BALEEN_CHECK(scores.empty() || scores.size() == n * kClasses);
  for (std::size_t begin = 0; begin < n; begin += kBatchMax) {
    const std::size_t count = std::min(kBatchMax, n - begin);
    const auto batch = static_cast<std::int64_t>(count);
    const InputTensor input{kInput,
                            {batch, kPatchFrames, kBands},
                            patches.subspan(begin * kPatchValues, count * kPatchValues)};
    std::vector<OutputTensor> outputs{
        {kEmbeddings,
         {batch, kEmbeddingValues},
         embeddings.subspan(begin * kEmbeddingValues, count * kEmbeddingValues)}};
    if (!scores.empty()) {
      outputs.push_back(
          {kScores, {batch, kClasses}, scores.subspan(begin * kClasses, count * kClasses)});
    }
    BALEEN_RETURN_IF_ERROR(session_.run({&input, 1}, outputs));
  }
  return {};
}

}  // namespace baleen::ml
