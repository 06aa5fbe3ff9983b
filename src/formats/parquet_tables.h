#pragma once

/// The two tables that Baleen publishes as Parquet: embeddings of one recording, and assignments of windows to clusters
/// (docs/formats/embeddings_parquet.md). Columns only; parquet_writer.h and parquet_reader.h write and read them.

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "formats/parquet_reader.h"
#include "formats/parquet_writer.h"

namespace baleen::formats {

/// What an embeddings file says about itself, as its key-value metadata.
struct EmbeddingsInfo {
  std::string encoding_signature;
  std::string asset_id;
  std::string audio_checksum;  ///< SHA-256 of the recording's bytes.
  std::string model_version;
  std::string model_hash;
  double window_size_s = 0;
  double hop_s = 0;
  int target_sample_rate_hz = 0;
  int vector_dim = 0;
  std::string feature_config;    ///< Canonical JSON.
  std::string pipeline_version;  ///< Of the program that computed the rows.
  bool operator==(const EmbeddingsInfo&) const = default;
};

[[nodiscard]] ParquetMetadata to_metadata(const EmbeddingsInfo& info);

/// row_index, start_s, end_s, is_padded, embedding.
[[nodiscard]] ParquetSchema embeddings_schema(int vector_dim);
/// Row groups of 1024 rows: 4 MiB of 1024 dimensions in memory, and at most so many windows are computed again after a
/// crash. Not compressed: embeddings are noise to a compressor, and lie in the file as they are used.
[[nodiscard]] ParquetOptions embeddings_options();

/// Some rows of an embeddings file. Shapes (n,), embedding (n, vector_dim).
struct EmbeddingRows {
  std::span<const std::int32_t> row_index;
  std::span<const double> start_s;
  std::span<const double> end_s;
  std::span<const std::uint8_t> is_padded;
  std::span<const float> embedding;
};
/// For ParquetWriter::append; the spans are the caller's.
[[nodiscard]] std::array<ParquetBatchColumn, 5> columns_of(const EmbeddingRows& rows);

/// An embeddings file and the indices of its columns.
struct EmbeddingsFile {
  ParquetReader reader;
  EmbeddingsInfo info;  ///< Empty members where the file does not tell.
  int row_index = 0;
  int start_s = 0;
  int end_s = 0;
  int is_padded = 0;
  int embedding = 0;
};
/// As ParquetReader::open; ARTIFACT_CORRUPT where a column is missing or vectors are of another length than the metadata
/// says.
[[nodiscard]] Result<EmbeddingsFile> open_embeddings(const std::filesystem::path& path);

/// asset_id, row_index, label, probability, outlier_score, x, y, noise_reason, nearest_label, missing.
[[nodiscard]] ParquetSchema assignments_schema();

/// Why a window is in no cluster. Numbers stand in files: never change one.
enum class WindowNoise : std::int32_t {
  none = 0,  ///< It is in a cluster.
  alone =
      1,  ///< Among the vectors themselves it is much farther from all others than those are from each other.
  loose = 2,  ///< It belongs to no group that is dense and large enough.
};

/// Some rows of an assignments file: which window of which recording, and what the clustering made of it. Shapes (n,).
struct AssignmentRows {
  std::span<const std::string_view> asset_id;
  std::span<const std::int32_t> row_index;
  std::span<const std::int32_t> label;  ///< -1: noise.
  std::span<const double> probability;
  std::span<const double> outlier_score;
  std::span<const float> x;  ///< 2-D coordinates; NaN where there are none.
  std::span<const float> y;
  std::span<const std::int32_t> noise_reason;  ///< WindowNoise
  std::span<const std::int32_t>
      nearest_label;  ///< Its own; of noise the nearest one; -1: there is none.
  std::span<const double>
      missing;  ///< How much nearer noise would have to be; NaN where there is no cluster.
};
[[nodiscard]] std::array<ParquetBatchColumn, 10> columns_of(const AssignmentRows& rows);

struct AssignmentsFile {
  ParquetReader reader;
  int asset_id = 0;
  int row_index = 0;
  int label = 0;
  int probability = 0;
  int outlier_score = 0;
  int x = 0;
  int y = 0;
  int noise_reason = -1;  ///< -1, as the two below: the file is of a version that did not tell.
  int nearest_label = -1;
  int missing = -1;
  [[nodiscard]] bool tells_why() const { return noise_reason >= 0; }
};
[[nodiscard]] Result<AssignmentsFile> open_assignments(const std::filesystem::path& path);

}  // namespace baleen::formats
