#include "ml/embedding_network.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace baleen::ml {
namespace {

const TensorContract& output_of(const ModelCard& card) {
  return *std::ranges::find(card.outputs, card.embedding->output, &TensorContract::name);
}

std::string input_name(const Session& session, const ModelCard& card) {
  const bool is_any = card.inputs.front().name == "*";
  return is_any && !session.inputs().empty() ? session.inputs().front().name
                                             : card.inputs.front().name;
}

}  // namespace

Result<void> EmbeddingNetwork::check(const Session& session, const ModelCard& card) {
  if (!card.embedding)
    return fail(ErrorCode::model_invalid, "model {}: its card has no `embedding`", card.name);
  if (session.inputs().size() != 1) {
    return fail(ErrorCode::model_invalid, "model {}: it takes {} inputs, and must take one",
                card.name, session.inputs().size());
  }
  BALEEN_RETURN_IF_ERROR(
      session.expect_input(input_name(session, card), card.inputs.front().shape));
  const TensorContract& output = output_of(card);
  return session.expect_output(output.name, output.shape);
}

Result<EmbeddingNetwork> EmbeddingNetwork::create(Session session, const ModelCard& card) {
  BALEEN_RETURN_IF_ERROR(check(session, card));
  return EmbeddingNetwork(std::move(session), card);
}

EmbeddingNetwork::EmbeddingNetwork(Session session, const ModelCard& card)
    : session_(std::move(session)),
      input_(input_name(session_, card)),
      output_(card.embedding->output),
      pooling_(card.embedding->pooling),
      output_shape_(output_of(card).shape.begin() + 1, output_of(card).shape.end()),
      size_(static_cast<std::size_t>(card.embedding->size)) {
  for (std::size_t i = 0; i + 1 < output_shape_.size(); ++i)
    n_pooled_ *= static_cast<std::size_t>(std::max<std::int64_t>(output_shape_[i], 0));
}

Result<void> EmbeddingNetwork::embed(std::span<const float> windows,
                                     std::span<const std::int64_t> input_shape,
                                     std::span<float> out) {
  const auto values = static_cast<std::size_t>(std::accumulate(
      input_shape.begin(), input_shape.end(), std::int64_t{1}, std::multiplies<>()));
  const std::size_t n = out.size() / size_;
  if (values == 0 || n * size_ != out.size() || n * values != windows.size()) {
    return fail(ErrorCode::invalid_argument, "{} numbers for {} windows of {}", windows.size(), n,
                values);
  }
  const std::size_t batch =
      std::clamp<std::size_t>(kBatchBytesMax / (values * sizeof(float)), 1, kBatchMax);
  for (std::size_t begin = 0; begin < n; begin += batch) {
    const std::size_t count = std::min(batch, n - begin);
    BALEEN_RETURN_IF_ERROR(embed_batch(windows.subspan(begin * values, count * values), input_shape,
                                       out.subspan(begin * size_, count * size_)));
  }
  return {};
}

Result<void> EmbeddingNetwork::embed_batch(std::span<const float> windows,
                                           std::span<const std::int64_t> input_shape,
                                           std::span<float> out) {
  const std::size_t n = out.size() / size_;
  InputTensor in{input_, {static_cast<std::int64_t>(n)}, windows};
  in.shape.insert(in.shape.end(), input_shape.begin(), input_shape.end());
  if (n_pooled_ == 0) return embed_open(in, out);
  OutputTensor result{output_, {static_cast<std::int64_t>(n)}, out};
  result.shape.insert(result.shape.end(), output_shape_.begin(), output_shape_.end());
  if (n_pooled_ == 1) return session_.run({&in, 1}, {&result, 1});

  unpooled_.resize(n * n_pooled_ * size_);
  result.values = unpooled_;
  BALEEN_RETURN_IF_ERROR(session_.run({&in, 1}, {&result, 1}));
  pool(unpooled_, n_pooled_, out);
  return {};
}

Result<void> EmbeddingNetwork::embed_open(const InputTensor& in, std::span<float> out) {
  Result<TensorValue> made = session_.run_for({&in, 1}, output_);
  if (!made.ok() && made.error().code == ErrorCode::invalid_argument) {
    return fail(
        ErrorCode::invalid_argument,
        "the network takes no window of [{}], which may be too short: ask for longer ones ({})",
        fmt::join(in.shape, ","), made.error().message);
  }
  BALEEN_ASSIGN_OR_RETURN(const TensorValue result, std::move(made));
  const std::size_t n = out.size() / size_;
  const bool is_expected = result.shape.size() == output_shape_.size() + 1 &&
                           result.shape.front() == static_cast<std::int64_t>(n) &&
                           result.shape.back() == static_cast<std::int64_t>(size_);
  if (!is_expected) {
    return fail(ErrorCode::model_invalid, "'{}' is [{}] and not [{},…,{}]", output_,
                fmt::join(result.shape, ","), n, size_);
  }
  if (result.values.empty()) {
    return fail(
        ErrorCode::invalid_argument,
        "the window is too short for the network: [{}] gives no vector; ask for longer ones",
        fmt::join(in.shape, ","));
  }
  pool(result.values, result.values.size() / out.size(), out);
  return {};
}

void EmbeddingNetwork::pool(std::span<const float> vectors,
                            std::size_t n_pooled,
                            std::span<float> out) const {
  for (std::size_t i = 0; i * size_ < out.size(); ++i) {
    const std::span<const float> parts = vectors.subspan(i * n_pooled * size_, n_pooled * size_);
    for (std::size_t d = 0; d < size_; ++d) {
      double sum = 0;
      float largest = parts[d];
      for (std::size_t p = 0; p < n_pooled; ++p) {
        sum += parts[p * size_ + d];
        largest = std::max(largest, parts[p * size_ + d]);
      }
      out[i * size_ + d] =
          pooling_ == "max" ? largest : static_cast<float>(sum / static_cast<double>(n_pooled));
    }
  }
}

void scale_to_peak(std::span<float> window, double peak) {
  if (window.empty()) return;
  const double mean =
      std::accumulate(window.begin(), window.end(), 0.0) / static_cast<double>(window.size());
  double largest = 0;
  for (const float sample : window) largest = std::max(largest, std::abs(sample - mean));
  const double gain = largest > 0 ? peak / largest : 0;
  for (float& sample : window) sample = static_cast<float>((sample - mean) * gain);
}

}  // namespace baleen::ml
