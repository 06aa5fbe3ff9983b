// A feature pack from anywhere: rows of the shape that it claims, or ARTIFACT_CORRUPT.
#include "formats/feature_pack.h"

#include <vector>

#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.set(fuzz::text_of(data, size));
  Result<formats::FeaturePackReader> reader = formats::FeaturePackReader::open(file.path());
  BALEEN_CHECK(fuzz::is_value_or(reader, {ErrorCode::artifact_corrupt}));
  if (!reader.ok()) return 0;
  const formats::FeaturePackInfo& info = reader->info();
  BALEEN_CHECK(info.n_frames >= 0 && info.n_embeddings >= 0 && info.n_mels > 0 && info.n_dims > 0);
  std::vector<float> row;
  const auto check = [](const Result<void>& result) {
    BALEEN_CHECK(fuzz::is_value_or(result, {ErrorCode::artifact_corrupt}));
  };
  for (const std::int64_t first : {std::int64_t{0}, info.n_frames - 1}) {
    if (first < 0 || first >= info.n_frames) continue;
    row.resize(static_cast<std::size_t>(info.n_mels));
    check(reader->read_melspec(first, 1, row));
  }
  if (info.n_embeddings > 0) {
    row.resize(static_cast<std::size_t>(info.n_dims));
    check(reader->read_embeddings(info.n_embeddings - 1, 1, row));
    std::vector<double> time(1);
    check(reader->read_times(info.n_embeddings - 1, 1, time));
  }
  BALEEN_CHECK(!reader->read_melspec(info.n_frames, 1, row).ok());
  BALEEN_CHECK(!reader->read_melspec(-1, 1, row).ok());
  return 0;
}
