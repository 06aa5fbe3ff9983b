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

/// out[n] = ½·even[n] + Σ_k taps[k]·odd[n + k], for n < n_out (a multiple of 16).
void half_band_kernel(const float* even,
                      const float* odd,
                      const float* taps,
                      std::size_t n_taps,
                      std::size_t n_out,
                      float* out);

/// out[j·16 + lane] = Σ_k taps[tap_row[j]·n_taps + k]·in[(first[j] + k)·16 + lane], j < n_out.
void polyphase_kernel(const float* in,
                      const std::int32_t* first,
                      const std::int32_t* tap_row,
                      const float* taps,
                      std::size_t n_taps,
                      std::size_t n_out,
                      float* out);

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
