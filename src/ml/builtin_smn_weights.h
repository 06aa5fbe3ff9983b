#pragma once

/// The numbers of ml/builtin_smn.h; builtin_smn_weights.cc is written by tools/train_smn/train.py.

#include <array>
#include <cstddef>

namespace baleen::ml::builtin_smn_weights {

inline constexpr std::size_t kInputs = 141;
inline constexpr std::size_t kHidden1 = 48;
inline constexpr std::size_t kHidden2 = 24;
inline constexpr std::size_t kOutputs = 3;

/// In this order: mean (141), 1/deviation (141), then for each layer its matrix, row-major with one
/// row per input, and its bias.
inline constexpr std::size_t kCount =
    2 * kInputs + (kInputs + 1) * kHidden1 + (kHidden1 + 1) * kHidden2 + (kHidden2 + 1) * kOutputs;
extern const std::array<float, kCount> kValues;

}  // namespace baleen::ml::builtin_smn_weights
