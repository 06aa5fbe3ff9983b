// usage: parquet_tool write DIR    writes tables by formula (parquet_test.py repeats it)
//        parquet_tool read FILE    prints schema, metadata and all values as JSON
//        parquet_tool mapped FILE  prints the vectors of an embeddings file, mapped
#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

#include "core/check.h"
#include "core/json.h"
#include "formats/parquet_tables.h"

using namespace baleen;
using formats::ParquetColumn;
using formats::ParquetReader;
using formats::ParquetType;
using formats::ParquetWriter;

namespace {

void write_embeddings(const std::filesystem::path& path,
                      std::int32_t n_rows,
                      int dim,
                      const formats::ParquetOptions& options) {
  ParquetWriter writer =
      ParquetWriter::create(path, formats::embeddings_schema(dim), options).value();
  for (std::int32_t i = 0; i < n_rows; ++i) {
    std::vector<float> vector;
    for (int j = 0; j < dim; ++j)
      vector.push_back(static_cast<float>(i) + static_cast<float>(j) / 64.0F);
    const double start_s = 2.5 * i, end_s = start_s + 5;
    const std::uint8_t is_padded = i == n_rows - 1 ? 1 : 0;
    BALEEN_CHECK(writer
                     .append(columns_of(formats::EmbeddingRows{.row_index = {&i, 1},
                                                               .start_s = {&start_s, 1},
                                                               .end_s = {&end_s, 1},
                                                               .is_padded = {&is_padded, 1},
                                                               .embedding = vector}))
                     .ok());
  }
  const formats::EmbeddingsInfo info = {.encoding_signature = "signature",
                                        .asset_id = "asset-ä",
                                        .audio_checksum = "checksum",
                                        .model_version = "stub-1",
                                        .model_hash = "hash",
                                        .window_size_s = 5,
                                        .hop_s = 2.5,
                                        .target_sample_rate_hz = 32000,
                                        .vector_dim = dim,
                                        .feature_config = "{}",
                                        .pipeline_version = "0"};
  BALEEN_CHECK(writer.finish(to_metadata(info)).ok());
}

void write_types(const std::filesystem::path& path, const formats::ParquetOptions& options) {
  constexpr std::int32_t kRows = 1000;
  formats::ParquetSchema schema = {{.name = "truth", .type = ParquetType::boolean},
                                   {.name = "small", .type = ParquetType::int32},
                                   {.name = "large", .type = ParquetType::int64},
                                   {.name = "single", .type = ParquetType::float32},
                                   {.name = "double", .type = ParquetType::float64},
                                   {.name = "text", .type = ParquetType::string}};
  for (ParquetColumn& column : schema) column.is_nullable = true;
  ParquetWriter writer = ParquetWriter::create(path, schema, options).value();
  for (std::int32_t i = 0; i < kRows; ++i) {
    const std::uint8_t valid = i % 7 == 3 ? 0 : 1;
    const std::span<const std::uint8_t> is_valid(&valid, 1);
    const std::uint8_t truth = i % 3 == 0 ? 1 : 0;
    const std::int32_t small = 7919 * i - 4'000'000;
    const std::int64_t large = std::int64_t{i} << 33;
    const float single = static_cast<float>(i) / 4;
    const double wide = i / 3.0;
    const std::string text = "t" + std::to_string(i < kRows / 2 ? i % 10 : i);
    const std::string_view view = text;
    BALEEN_CHECK(writer
                     .append(std::vector<formats::ParquetBatchColumn>{
                         {std::span<const std::uint8_t>(&truth, 1), is_valid},
                         {std::span<const std::int32_t>(&small, 1), is_valid},
                         {std::span<const std::int64_t>(&large, 1), is_valid},
                         {std::span<const float>(&single, 1), is_valid},
                         {std::span<const double>(&wide, 1), is_valid},
                         {std::span<const std::string_view>(&view, 1), is_valid}})
                     .ok());
  }
  BALEEN_CHECK(writer.finish({}).ok());
}

template <typename T, typename Print>
Result<json::array> values_of(ParquetReader& reader, int column, const Print& print) {
  const std::int64_t list_size = reader.schema()[static_cast<std::size_t>(column)].list_size;
  const auto n = static_cast<std::size_t>(reader.n_rows() * std::max<std::int64_t>(list_size, 1));
  std::vector<T> values(n);
  std::vector<std::uint8_t> is_valid(static_cast<std::size_t>(reader.n_rows()));
  BALEEN_RETURN_IF_ERROR(reader.read(column, 0, std::span(values), is_valid));
  json::array out;
  for (std::size_t i = 0; i < n; ++i) {
    const bool has_value = list_size > 0 || is_valid[i] != 0;
    out.push_back(has_value ? print(values[i]) : json::value());
  }
  return out;
}

Result<json::array> values_of(ParquetReader& reader, int column) {
  const auto same = [](const auto& value) { return json::value(value); };
  switch (reader.schema()[static_cast<std::size_t>(column)].type) {
    case ParquetType::boolean:
      return values_of<std::uint8_t>(reader, column,
                                     [](std::uint8_t value) { return json::value(value != 0); });
    case ParquetType::int32: return values_of<std::int32_t>(reader, column, same);
    case ParquetType::int64: return values_of<std::int64_t>(reader, column, same);
    case ParquetType::float32:
    case ParquetType::float_list: return values_of<float>(reader, column, same);
    case ParquetType::float64: return values_of<double>(reader, column, same);
    case ParquetType::string: break;
  }
  return values_of<std::string>(reader, column, same);
}

int read(const char* path) {
  Result<ParquetReader> reader = ParquetReader::open(path);
  json::object out;
  if (!reader.ok()) {
    out["error"] = reader.error().to_string();
  } else {
    out["n_rows"] = reader->n_rows();
    json::object metadata;
    for (const auto& [key, value] : reader->metadata()) metadata[key] = value;
    out["metadata"] = metadata;
    json::object columns;
    for (std::size_t i = 0; i < reader->schema().size(); ++i) {
      const Result<json::array> values = values_of(*reader, static_cast<int>(i));
      const std::string& name = reader->schema()[i].name;
      columns[name] = values.ok() ? json::value(*values) : json::value(values.error().to_string());
    }
    out["columns"] = columns;
  }
  std::printf("%s\n", core::to_json(out).c_str());
  return 0;
}

int mapped(const char* path) {
  const formats::MappedFloatLists lists =
      formats::MappedFloatLists::open(path, "embedding",
                                      formats::MappedFloatLists::Verify::checksums)
          .value();
  json::array out;
  for (std::int64_t i = 0; i < lists.n_rows(); ++i)
    for (const float value : lists.row(i)) out.push_back(value);
  std::printf("%s\n", core::to_json(out).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  BALEEN_CHECK(argc == 3);
  const std::string what = argv[1];
  if (what == "read") return read(argv[2]);
  if (what == "mapped") return mapped(argv[2]);
  const std::filesystem::path folder = argv[2];
  const formats::ParquetOptions gzip = {.rows_per_group = 300,
                                        .compression = formats::ParquetCompression::gzip};
  write_embeddings(folder / "embeddings.parquet", 100, 33, {.rows_per_group = 16});
  write_embeddings(folder / "embeddings_gzip.parquet", 1000, 33, gzip);
  write_embeddings(folder / "embeddings_wide.parquet", 3000, 1024, formats::embeddings_options());
  write_embeddings(folder / "embeddings_none.parquet", 0, 33, {});
  write_types(folder / "types.parquet", {.rows_per_group = 300});
  write_types(folder / "types_gzip.parquet", gzip);
  return 0;
}
