#pragma once

/// Tables for the tests of Parquet: by formula, which scripts in other languages can repeat.

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "formats/parquet_tables.h"

namespace baleen::formats::testing {

/// A folder of the test's own, in memory where the system has such a place: fsync costs nothing there.
class TempDir {
 public:
  TempDir() {
    const std::filesystem::path shm = "/dev/shm";
    const bool has_shm = ::access(shm.c_str(), W_OK) == 0;
    std::string name =
        ((has_shm ? shm : std::filesystem::temp_directory_path()) / "baleen-formats-XXXXXX");
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Rows of an embeddings file: value j of row i is sin(0.1·i + 0.01·j) as float32.
struct Embeddings {
  explicit Embeddings(std::int32_t n_rows, int vector_dim = 8) : dim(vector_dim) {
    for (std::int32_t i = 0; i < n_rows; ++i) {
      row_index.push_back(i);
      start_s.push_back(5.0 * i);
      end_s.push_back(5.0 * (i + 1));
      is_padded.push_back(i == n_rows - 1 ? 1 : 0);
      for (int j = 0; j < dim; ++j)
        embedding.push_back(static_cast<float>(std::sin(0.1 * i + 0.01 * j)));
    }
  }
  [[nodiscard]] EmbeddingRows rows(std::size_t first, std::size_t count) const {
    const auto d = static_cast<std::size_t>(dim);
    return {.row_index = std::span(row_index).subspan(first, count),
            .start_s = std::span(start_s).subspan(first, count),
            .end_s = std::span(end_s).subspan(first, count),
            .is_padded = std::span(is_padded).subspan(first, count),
            .embedding = std::span(embedding).subspan(first * d, count * d)};
  }
  [[nodiscard]] std::size_t size() const { return row_index.size(); }

  int dim;
  std::vector<std::int32_t> row_index;
  std::vector<double> start_s, end_s;
  std::vector<std::uint8_t> is_padded;
  std::vector<float> embedding;
};

inline EmbeddingsInfo embeddings_info(int vector_dim = 8) {
  return {.encoding_signature = std::string(64, 'a'),
          .asset_id = "asset-1",
          .audio_checksum = std::string(64, 'b'),
          .model_version = "stub-1",
          .model_hash = "sha256:" + std::string(64, 'c'),
          .window_size_s = 5,
          .hop_s = 5,
          .target_sample_rate_hz = 32000,
          .vector_dim = vector_dim,
          .feature_config = R"({"hop":5})",
          .pipeline_version = "0.1.0"};
}

inline std::string bytes_of(const std::filesystem::path& path) {
  return core::read_text_file(path).value();
}

/// Appends the rows from `first` on in portions.
inline Result<void> append(ParquetWriter& writer,
                           const Embeddings& table,
                           std::size_t first,
                           std::size_t end,
                           std::size_t portion) {
  while (first < end) {
    const std::size_t n = std::min(portion, end - first);
    BALEEN_RETURN_IF_ERROR(writer.append(columns_of(table.rows(first, n))));
    first += n;
  }
  return {};
}

}  // namespace baleen::formats::testing
