// For bench/search.py: cuts a file of raw float32 vectors into embedding sets of recordings, as the stage `embed` would
// have written them, and prints path, SHA-256 and bytes of each.
//
//   bench_embedding_sets VECTORS DIMENSIONS WINDOWS_OF_A_RECORDING WINDOW_S FOLDER

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/file.h"
#include "core/sha256.h"
#include "formats/parquet_tables.h"

namespace {

baleen::Result<void> write_set(const std::filesystem::path& path,
                               std::span<const float> vectors,
                               std::size_t size,
                               double window_s) {
  namespace formats = baleen::formats;
  BALEEN_ASSIGN_OR_RETURN(auto writer, formats::ParquetWriter::create(
                                           path, formats::embeddings_schema(static_cast<int>(size)),
                                           formats::embeddings_options()));
  const std::size_t n = vectors.size() / size;
  std::vector<std::int32_t> row_index(n);
  std::vector<double> start_s(n), end_s(n);
  const std::vector<std::uint8_t> is_padded(n);
  for (std::size_t i = 0; i < n; ++i) {
    row_index[i] = static_cast<std::int32_t>(i);
    start_s[i] = static_cast<double>(i) * window_s;
    end_s[i] = start_s[i] + window_s;
  }
  BALEEN_RETURN_IF_ERROR(
      writer.append(formats::columns_of({row_index, start_s, end_s, is_padded, vectors})));
  formats::EmbeddingsInfo info;
  info.asset_id = path.stem().string();
  info.window_size_s = info.hop_s = window_s;
  info.vector_dim = static_cast<int>(size);
  return writer.finish(formats::to_metadata(info)).ok()
             ? baleen::Result<void>()
             : baleen::fail(baleen::ErrorCode::io_error, "write {}", path.string());
}

baleen::Result<void> write_all(char** words) {
  const auto size = static_cast<std::size_t>(std::atoi(words[2]));
  const auto n = static_cast<std::size_t>(std::atoi(words[3]));
  const double window_s = std::atof(words[4]);
  const std::filesystem::path folder = words[5];
  std::filesystem::create_directories(folder);
  std::ifstream file(words[1], std::ios::binary);
  std::vector<float> vectors(n * size);
  for (int i = 0;; ++i) {
    file.read(reinterpret_cast<char*>(vectors.data()),
              static_cast<std::streamsize>(vectors.size() * sizeof(float)));
    const auto n_read = static_cast<std::size_t>(file.gcount()) / sizeof(float) / size;
    if (n_read == 0) return {};
    const std::filesystem::path path = folder / (std::to_string(i) + ".parquet");
    BALEEN_RETURN_IF_ERROR(
        write_set(path, std::span(vectors).first(n_read * size), size, window_s));
    BALEEN_ASSIGN_OR_RETURN(const std::string sha256, baleen::core::sha256_file(path));
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t bytes, baleen::core::file_size_bytes(path));
    std::printf("%s %s %lld\n", path.c_str(), sha256.c_str(), static_cast<long long>(bytes));
  }
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kWords = 6;
  if (argc != kWords) {
    std::fprintf(stderr, "usage: %s VECTORS DIMENSIONS WINDOWS WINDOW_S FOLDER\n", argv[0]);
    return 2;
  }
  const baleen::Result<void> written = write_all(argv);
  if (!written.ok()) std::fprintf(stderr, "%s\n", written.error().to_string().c_str());
  return written.ok() ? 0 : 1;
}
