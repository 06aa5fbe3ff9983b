// Our own WAV files, RIFF and RF64: whatever a header says, samples come from inside the file.
#include "audio/wav.h"

#include <cmath>

#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.set(fuzz::text_of(data, size));
  const Result<audio::WavReader> reader = audio::WavReader::open(file.path());
  BALEEN_CHECK(fuzz::is_value_or(reader, {ErrorCode::artifact_corrupt, ErrorCode::not_supported}));
  if (!reader.ok()) return 0;
  const std::int64_t n = reader->n_samples();
  BALEEN_CHECK(n >= 0 && 2 * n <= static_cast<std::int64_t>(size));
  BALEEN_CHECK(reader->sample_rate().value > 0 && std::isfinite(reader->duration_s()));
  std::array<float, 64> samples{};
  for (const std::int64_t begin : {std::int64_t{0}, n / 2, n - 1, n, n + 1, INT64_MAX}) {
    if (begin < 0) continue;
    const Result<std::size_t> n_read = reader->read(begin, samples);
    const std::int64_t expected = begin < n ? std::min<std::int64_t>(64, n - begin) : 0;
    BALEEN_CHECK(n_read.ok() && *n_read == static_cast<std::size_t>(expected));
  }
  for (const float sample : samples) BALEEN_CHECK(sample >= -1.0F && sample < 1.0F);
  BALEEN_CHECK(!reader->read(-1, samples).ok());
  return 0;
}
