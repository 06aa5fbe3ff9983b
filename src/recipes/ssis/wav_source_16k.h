#pragma once

/// normalized.wav as 16 kHz samples, for networks that were trained at that rate.

#include <vector>

#include "audio/resample.h"
#include "audio/wav.h"
#include "recipes/ssis/ina_segmenter.h"

namespace baleen::ssis {

class WavSource16k final : public SampleSource16k {
 public:
  /// Borrows the reader.
  [[nodiscard]] static Result<WavSource16k> create(const audio::WavReader& wav);
  [[nodiscard]] Result<std::size_t> read(std::span<float> samples) override;
  [[nodiscard]] Result<void> rewind() override;
  /// The next read begins at this sample (of 16 kHz); the samples are those that reading up to it gives.
  void seek(std::int64_t sample);
  [[nodiscard]] std::int64_t position() const { return next_; }

 private:
  WavSource16k(const audio::WavReader& wav, audio::Resampler resampler);

  const audio::WavReader* wav_;  // Outlives this object.
  audio::Resampler resampler_;
  std::vector<float> block_;
  std::vector<float> ready_;  // Samples [ready_begin_, size) are to be handed on.
  std::size_t ready_begin_ = 0;
  std::int64_t position_ = 0;  // Of the next block, in samples of the WAV file.
  std::int64_t next_ = 0;      // Of the next read, in samples of 16 kHz.
  bool is_flushed_ = false;
};

}  // namespace baleen::ssis
