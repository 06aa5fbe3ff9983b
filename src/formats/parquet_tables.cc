#include "formats/parquet_tables.h"

#include <algorithm>
#include <cstdlib>

namespace baleen::formats {
namespace {

// Keys of the metadata. They are in files: never rename one.
constexpr std::string_view kSchemaKey = "schema_id";
constexpr std::string_view kEmbeddingsSchema = "embeddings.v1";

std::string text_of(const ParquetReader& reader, std::string_view key) {
  return std::string(reader.find_metadata(key).value_or(""));
}

double number_of(const ParquetReader& reader, std::string_view key) {
  return std::strtod(text_of(reader, key).c_str(), nullptr);
}

int integer_of(const ParquetReader& reader, std::string_view key) {
  const double value = number_of(reader, key);
  return value >= 0 && value <= INT32_MAX ? static_cast<int>(value) : 0;
}

EmbeddingsInfo info_of(const ParquetReader& reader) {
  return {.encoding_signature = text_of(reader, "encoding_signature"),
          .asset_id = text_of(reader, "asset_id"),
          .audio_checksum = text_of(reader, "audio_checksum"),
          .model_version = text_of(reader, "model_version"),
          .model_hash = text_of(reader, "model_hash"),
          .window_size_s = number_of(reader, "window_size_seconds"),
          .hop_s = number_of(reader, "hop_seconds"),
          .target_sample_rate_hz = integer_of(reader, "target_sample_rate"),
          .vector_dim = integer_of(reader, "vector_dim"),
          .feature_config = text_of(reader, "feature_config"),
          .pipeline_version = text_of(reader, "pipeline_version")};
}

}  // namespace

ParquetMetadata to_metadata(const EmbeddingsInfo& info) {
  return {{std::string(kSchemaKey), std::string(kEmbeddingsSchema)},
          {"encoding_signature", info.encoding_signature},
          {"asset_id", info.asset_id},
          {"audio_checksum", info.audio_checksum},
          {"model_version", info.model_version},
          {"model_hash", info.model_hash},
          {"window_size_seconds", fmt::format("{}", info.window_size_s)},
          {"hop_seconds", fmt::format("{}", info.hop_s)},
          {"target_sample_rate", fmt::format("{}", info.target_sample_rate_hz)},
          {"vector_dim", fmt::format("{}", info.vector_dim)},
          {"feature_config", info.feature_config},
          {"pipeline_version", info.pipeline_version}};
}

ParquetSchema embeddings_schema(int vector_dim) {
  return {{.name = "row_index", .type = ParquetType::int32},
          {.name = "start_s", .type = ParquetType::float64},
          {.name = "end_s", .type = ParquetType::float64},
          {.name = "is_padded", .type = ParquetType::boolean},
          {.name = "embedding", .type = ParquetType::float_list, .list_size = vector_dim}};
}

ParquetOptions embeddings_options() { return {.rows_per_group = 1024}; }

std::array<ParquetBatchColumn, 5> columns_of(const EmbeddingRows& rows) {
  return {{{rows.row_index}, {rows.start_s}, {rows.end_s}, {rows.is_padded}, {rows.embedding}}};
}

Result<EmbeddingsFile> open_embeddings(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(ParquetReader reader, ParquetReader::open(path));
  EmbeddingsInfo info = info_of(reader);
  EmbeddingsFile file{.reader = std::move(reader), .info = std::move(info)};
  const ParquetReader& r = file.reader;
  BALEEN_ASSIGN_OR_RETURN(file.row_index, r.column("row_index", ParquetType::int32));
  BALEEN_ASSIGN_OR_RETURN(file.start_s, r.column("start_s", ParquetType::float64));
  BALEEN_ASSIGN_OR_RETURN(file.end_s, r.column("end_s", ParquetType::float64));
  BALEEN_ASSIGN_OR_RETURN(file.is_padded, r.column("is_padded", ParquetType::boolean));
  BALEEN_ASSIGN_OR_RETURN(file.embedding, r.column("embedding", ParquetType::float_list));
  const int list_size = r.schema()[static_cast<std::size_t>(file.embedding)].list_size;
  if (list_size != 0 && file.info.vector_dim != 0 && list_size != file.info.vector_dim)
    return fail(ErrorCode::artifact_corrupt, "{}: vectors of {} values, but {} in its metadata",
                path.string(), list_size, file.info.vector_dim);
  if (file.info.vector_dim == 0) file.info.vector_dim = list_size;
  return file;
}

ParquetSchema assignments_schema() {
  return {{.name = "asset_id", .type = ParquetType::string},
          {.name = "row_index", .type = ParquetType::int32},
          {.name = "label", .type = ParquetType::int32},
          {.name = "probability", .type = ParquetType::float64},
          {.name = "outlier_score", .type = ParquetType::float64},
          {.name = "x", .type = ParquetType::float32},
          {.name = "y", .type = ParquetType::float32},
          {.name = "noise_reason", .type = ParquetType::int32},
          {.name = "nearest_label", .type = ParquetType::int32},
          {.name = "missing", .type = ParquetType::float64}};
}

std::array<ParquetBatchColumn, 10> columns_of(const AssignmentRows& rows) {
  return {{{rows.asset_id},
           {rows.row_index},
           {rows.label},
           {rows.probability},
           {rows.outlier_score},
           {rows.x},
           {rows.y},
           {rows.noise_reason},
           {rows.nearest_label},
           {rows.missing}}};
}

Result<AssignmentsFile> open_assignments(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(ParquetReader reader, ParquetReader::open(path));
  AssignmentsFile file{.reader = std::move(reader)};
  const ParquetReader& r = file.reader;
  BALEEN_ASSIGN_OR_RETURN(file.asset_id, r.column("asset_id", ParquetType::string));
  BALEEN_ASSIGN_OR_RETURN(file.row_index, r.column("row_index", ParquetType::int32));
  BALEEN_ASSIGN_OR_RETURN(file.label, r.column("label", ParquetType::int32));
  BALEEN_ASSIGN_OR_RETURN(file.probability, r.column("probability", ParquetType::float64));
  BALEEN_ASSIGN_OR_RETURN(file.outlier_score, r.column("outlier_score", ParquetType::float64));
  BALEEN_ASSIGN_OR_RETURN(file.x, r.column("x", ParquetType::float32));
  BALEEN_ASSIGN_OR_RETURN(file.y, r.column("y", ParquetType::float32));
  const bool tells_why = std::ranges::any_of(
      r.schema(), [](const ParquetColumn& column) { return column.name == "noise_reason"; });
  if (!tells_why) return file;
  BALEEN_ASSIGN_OR_RETURN(file.noise_reason, r.column("noise_reason", ParquetType::int32));
  BALEEN_ASSIGN_OR_RETURN(file.nearest_label, r.column("nearest_label", ParquetType::int32));
  BALEEN_ASSIGN_OR_RETURN(file.missing, r.column("missing", ParquetType::float64));
  return file;
}

}  // namespace baleen::formats
