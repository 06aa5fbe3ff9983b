#include "ml/builtin_smn.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "core/check.h"
#include "core/sha256.h"
#include "ml/builtin_smn_weights.h"

namespace baleen::ml {
namespace {

namespace weights = builtin_smn_weights;
static_assert(weights::kInputs == BuiltinSmn::kFeatureCount);

constexpr float kClip = 4.0F;  // In deviations, as in training.

/// out = in · matrix + bias; returns what follows the layer's numbers.
template <std::size_t kIn, std::size_t kOut>
const float* dense(const float* numbers,
                   const std::array<float, kIn>& in,
                   std::array<float, kOut>& out) {
  const float* const bias = numbers + kIn * kOut;
  std::copy(bias, bias + kOut, out.begin());
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t o = 0; o < kOut; ++o) out[o] += in[i] * numbers[i * kOut + o];
  }
  return bias + kOut;
}

template <std::size_t kN>
void rectify(std::array<float, kN>& values) {
  for (float& v : values) v = std::max(v, 0.0F);
}

}  // namespace

const BuiltinSmn& BuiltinSmn::instance() {
  static const BuiltinSmn model;
  return model;
}

std::array<float, 3> BuiltinSmn::classify(std::span<const float> features) const {
  BALEEN_CHECK(features.size() == kFeatureCount);
  const float* const mean = weights::kValues.data();
  const float* const inverse = mean + weights::kInputs;
  std::array<float, weights::kInputs> input{};
  for (std::size_t i = 0; i < input.size(); ++i) {
    const float z = (features[i] - mean[i]) * inverse[i];
    input[i] = std::isnan(z) ? 0.0F : std::clamp(z, -kClip, kClip);
  }
  std::array<float, weights::kHidden1> hidden1{};
  std::array<float, weights::kHidden2> hidden2{};
  std::array<float, weights::kOutputs> out{};
  const float* next = dense(inverse + weights::kInputs, input, hidden1);
  rectify(hidden1);
  next = dense(next, hidden1, hidden2);
  rectify(hidden2);
  dense(next, hidden2, out);

  const float top = *std::max_element(out.begin(), out.end());
  float total = 0;
  for (float& v : out) total += v = std::exp(v - top);
  for (float& v : out) v /= total;
  return out;
}

std::string_view BuiltinSmn::model_id() { return "baleen-smn-1"; }

std::string BuiltinSmn::model_hash() const {
  core::Sha256 sha;
  for (const float value : weights::kValues) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::array<std::byte, 4> bytes = {
        static_cast<std::byte>(bits & 0xFFU), static_cast<std::byte>((bits >> 8U) & 0xFFU),
        static_cast<std::byte>((bits >> 16U) & 0xFFU), static_cast<std::byte>(bits >> 24U)};
    sha.update(std::span<const std::byte>(bytes));
  }
  return fmt::format("sha256:{}", sha.finish_hex());
}

}  // namespace baleen::ml
