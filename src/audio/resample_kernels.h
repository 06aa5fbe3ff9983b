#pragma once

/// The inner loops of the resampler and the conversion to 16 bits. Internal to this room.
///
/// Google Highway picks the widest vectors of the processor at run time. All targets give the same
/// bits: sums run over the taps in order, one accumulator per output (the interpolating kernel: 16),
/// each product rounded before it is added.

#include <cstddef>
#include <cstdint>

namespace baleen::audio {

/// How many stretches of the input the polyphase kernel works on side by side.
inline constexpr std::size_t kLanes = 16;

/// One sample of each stretch.
struct alignas(64) Row {
  float lane[kLanes];
};

/// rows[r].lane[i] = in[i·stride + r], r < n_rows; and the way back.
void rows_from_stretches(const float* in, std::size_t stride, std::size_t n_rows, Row* rows);
void stretches_from_rows(const Row* rows, std::size_t n_rows, float* out, std::size_t stride);

/// How many outputs of neighbouring phases it makes at once.
inline constexpr std::size_t kGroup = 8;

/// out[j].lane[i] = Σ_k taps[(j/8·n_taps + k)·8 + j%8]·in[first[j] + k].lane[i], j < n_out (a
/// multiple of 8): the taps of 8 outputs are interleaved.
void polyphase_kernel(const Row* in,
                      const std::int32_t* first,
                      const float* taps,
                      std::size_t n_taps,
                      std::size_t n_out,
                      Row* out);

/// (1 - fraction)·Σ taps[k]·in[k] + fraction·Σ taps[n_taps + k]·in[k]; n_taps a multiple of 16.
[[nodiscard]] float interpolated_kernel(const float* in,
                                        const float* taps,
                                        std::size_t n_taps,
                                        float fraction);

/// Rounds full scale ±1 to 16 bits, half to even, saturating. Returns how many were out of range.
std::int64_t quantise_kernel(const float* in, std::size_t n, std::int16_t* out);

/// Replaces NaN and infinities by 0 and bounds the rest to ±1e9. Returns how many were not finite.
std::int64_t make_finite(float* samples, std::size_t n);

}  // namespace baleen::audio
