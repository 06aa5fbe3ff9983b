#pragma once

/// The vector code behind MelSpectrum. Internal to mel_*.cc.

#include <cstddef>
#include <cstdint>

#include "dsp/mel_plan.h"

namespace baleen::dsp {

/// Buffers of vectors, each aligned to kVectorBytesMax; all zero at first. See mel_kernel.cc.
struct MelBuffers {
  float* columns = nullptr;           ///< kChunkRows + 6 rows of the hops of a batch, transposed.
  unsigned char* points = nullptr;    ///< n_fft vectors: a windowed frame.
  unsigned char* spectrum = nullptr;  ///< 256 vectors.
  unsigned char* bands = nullptr;     ///< n_bands vectors, and one in front and behind.
  float* levels = nullptr;            ///< n_bands vectors, rounded up to 4: logarithms.
  float* rows = nullptr;              ///< (16, n_bands): rows of a batch that is not full.
};

/// Rows of up to 16 frames. Frame f begins at samples[f·hop].
/// @return  The frames (as bits) that are not precise enough, 0 unless options.is_precise.
std::uint32_t process_batch(const MelPlan& plan,
                            const MelBuffers& buffers,
                            const float* samples,
                            std::size_t n_frames,
                            float* rows);

/// Rows of any frames in double precision: frame i begins at frames[i], its row at rows[i].
void process_precise(const MelPlan& plan,
                     const MelBuffers& buffers,
                     const float* const* frames,
                     float* const* rows,
                     std::size_t n_frames);

}  // namespace baleen::dsp
