// usage: fuzz_search_index_seed FOLDER: writes small search indexes, as seeds for the fuzzer: see search_index.cc.
#include <unistd.h>

#include "core/check.h"
#include "core/file.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/search_index.h"
#include "recipes/bioacoustics/search_index_files.h"

using namespace baleen;
using bioacoustics::SetToIndex;
namespace fs = std::filesystem;

namespace {

constexpr int kSize = 3;

SetToIndex make_set(const fs::path& folder, const std::string& name, int n_windows) {
  SetToIndex set{name, std::string(64, name.back()), folder / name};
  auto writer = formats::ParquetWriter::create(set.path, formats::embeddings_schema(kSize),
                                               {.rows_per_group = 4})
                    .value();
  std::vector<std::int32_t> row_index;
  std::vector<double> start_s, end_s;
  std::vector<float> embedding;
  for (int i = 0; i < n_windows; ++i) {
    row_index.push_back(i);
    start_s.push_back(i);
    end_s.push_back(i + 1);
    for (int c = 0; c < kSize; ++c) embedding.push_back(static_cast<float>((i * i + 3 * c) % 7));
  }
  const std::vector<std::uint8_t> is_padded(row_index.size(), 0);
  BALEEN_CHECK(writer
                   .append(formats::columns_of(
                       formats::EmbeddingRows{row_index, start_s, end_s, is_padded, embedding}))
                   .ok());
  formats::EmbeddingsInfo info;
  info.asset_id = name;
  info.window_size_s = info.hop_s = 1;
  info.vector_dim = kSize;
  BALEEN_CHECK(writer.finish(formats::to_metadata(info)).ok());
  set.bytes = core::file_size_bytes(set.path).value();
  return set;
}

/// The index as it lies in the folder, as one input.
std::string input_of(const fs::path& directory) {
  const auto index = bioacoustics::SearchIndex::open(directory).value();
  const std::string sets = core::read_text_file(bioacoustics::index_files::sets(directory)).value();
  const std::string sketches = core::read_text_file(bioacoustics::index_files::sketches(
                                                        directory, index->manifest().generation))
                                   .value();
  const auto size = static_cast<std::uint16_t>(sets.size());
  std::string input(reinterpret_cast<const char*>(&size), sizeof size);
  return input + sets + sketches;
}

}  // namespace

int main(int argc, char** argv) {
  BALEEN_CHECK(argc == 2);
  const fs::path seeds = argv[1];
  const fs::path work = seeds.string() + ".work" + std::to_string(::getpid());
  BALEEN_CHECK(core::make_directories(work / "index").ok() && core::make_directories(seeds).ok());
  const auto add = [&](const std::vector<SetToIndex>& sets, const char* name) {
    BALEEN_CHECK(bioacoustics::update_search_index(work / "index", sets, {}).ok());
    BALEEN_CHECK(core::write_file_synced(seeds / name, input_of(work / "index")).ok());
  };
  const SetToIndex first = make_set(work, "asset-0", 6), second = make_set(work, "asset-1", 3);
  add({first}, "one");
  add({first, second}, "two");
  SetToIndex newer = second;
  newer.sha256 = std::string(64, 'f');
  add({first, newer}, "forgotten");
  fs::remove_all(work);
  return 0;
}
