// The outline of a recording: pixels from inside the file only.
#include "formats/waveform.h"

#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.set(fuzz::text_of(data, size));
  const Result<formats::WaveformReader> reader = formats::WaveformReader::open(file.path());
  BALEEN_CHECK(fuzz::is_value_or(reader, {ErrorCode::artifact_corrupt}));
  if (!reader.ok()) return 0;
  const std::int64_t n = reader->info().n_pixels;
  BALEEN_CHECK(n >= 0 && 24 + 4 * n <= static_cast<std::int64_t>(size));
  BALEEN_CHECK(reader->info().sample_rate_hz > 0 && reader->info().samples_per_pixel > 0);
  std::array<std::int16_t, 2> pair{};
  for (const std::int64_t first : {std::int64_t{-1}, std::int64_t{0}, n - 1, n, INT64_MAX})
    BALEEN_CHECK(reader->read(first, pair).ok() == (first >= 0 && first < n));
  return 0;
}
