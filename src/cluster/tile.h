#pragma once

/// The arithmetic core of neighbour search: dot products of 8 rows with 48 rows at a time, as in a matrix product,
/// of floats or of small integers. Internal to the room.
///
/// Rows are given in words of 32 bits: one float, two int16 or four int8. The 48 rows lie in a *panel*, word k of all
/// of them side by side, so that one multiplication serves 16 of them; the 8 rows lie as they are.

#include <cstddef>
#include <cstdint>
#include <span>

namespace baleen::cluster {

inline constexpr std::size_t kTileRows = 8;
inline constexpr std::size_t kTileColumns = 48;

/// Of what a word consists.
enum class Element { float32, int16, int8 };

/// Dot products: out[r * kTileColumns + c], float for float32, else int32. Integer sums must stay below 2^31.
/// @param rows    kTileRows rows of n_words words, `stride` words apart.
/// @param panel   n_words × kTileColumns words.
/// @param biases  Of each row, from add_up_biases; what is subtracted from its products. Null for float32.
using TileFunction = void (*)(const std::uint32_t* rows,
                              std::size_t stride,
                              const std::uint32_t* panel,
                              std::size_t n_words,
                              const std::int32_t* biases,
                              void* out);

/// What the products of each row have too much on this machine, because of how pack_panels stores bytes.
void add_up_biases(Element element,
                   const std::uint32_t* rows,
                   std::size_t n,
                   std::size_t stride,
                   std::size_t n_words,
                   std::int32_t* biases);

/// The fastest one for this machine. Integer results are the same on all machines.
[[nodiscard]] TileFunction tile_function(Element element);

/// Words of all the panels of `n` rows.
[[nodiscard]] constexpr std::size_t panel_words(std::size_t n, std::size_t n_words) {
  return (n + kTileColumns - 1) / kTileColumns * kTileColumns * n_words;
}

/// Puts `n` rows, `stride` words apart, into panels of kTileColumns each, as tile_function of that element wants them
/// on this machine; the last is filled up with rows that mean nothing.
void pack_panels(Element element,
                 const std::uint32_t* rows,
                 std::size_t n,
                 std::size_t stride,
                 std::size_t n_words,
                 std::uint32_t* panels);

/// Products of one row of int8 or int16 with some of many: out[i] of words + rows[i] · stride.
void coded_dots(Element element,
                const std::uint32_t* query,
                const std::uint32_t* words,
                std::size_t n_words,
                std::size_t stride,
                std::span<const std::uint32_t> rows,
                std::span<std::int32_t> out);

/// a · bᵀ of floats: out[i * n_b + j] = Σ a[i][k] b[j][k], rows without gaps.
void multiply_transposed(std::span<const float> a,
                         std::span<const float> b,
                         std::size_t n_columns,
                         int n_threads,
                         std::span<float> out);

}  // namespace baleen::cluster
