// usage: fuzz_parquet_seed FOLDER: writes small Parquet files, as seeds for the fuzzer.
#include <filesystem>
#include <vector>

#include "core/check.h"
#include "formats/parquet_tables.h"

using namespace baleen;

namespace {

void write_embeddings(const std::filesystem::path& path, formats::ParquetCompression compression) {
  formats::ParquetWriter writer =
      formats::ParquetWriter::create(path, formats::embeddings_schema(3),
                                     {.rows_per_group = 4, .compression = compression})
          .value();
  const std::vector<std::int32_t> row_index = {0, 1, 2, 3, 4};
  const std::vector<double> start_s = {0, 5, 10, 15, 20}, end_s = {5, 10, 15, 20, 25};
  const std::vector<std::uint8_t> is_padded = {0, 0, 0, 0, 1};
  const std::vector<float> embedding(15, 0.5F);
  BALEEN_CHECK(writer
                   .append(columns_of(
                       formats::EmbeddingRows{row_index, start_s, end_s, is_padded, embedding}))
                   .ok());
  BALEEN_CHECK(writer.finish({{"vector_dim", "3"}}).ok());
}

void write_texts(const std::filesystem::path& path) {
  const formats::ParquetSchema schema = {
      {.name = "t", .type = formats::ParquetType::string, .is_nullable = true},
      {.name = "n", .type = formats::ParquetType::int64, .is_nullable = true}};
  formats::ParquetWriter writer = formats::ParquetWriter::create(path, schema).value();
  const std::vector<std::string_view> texts = {"a", "b", "a", "a", "b", "a"};
  const std::vector<std::int64_t> numbers = {1, 2, 3, 4, 5, 6};
  const std::vector<std::uint8_t> valid = {1, 1, 0, 1, 1, 1};
  BALEEN_CHECK(
      writer.append(std::vector<formats::ParquetBatchColumn>{{texts, valid}, {numbers, valid}})
          .ok());
  BALEEN_CHECK(writer.finish({}).ok());
}

}  // namespace

int main(int argc, char** argv) {
  BALEEN_CHECK(argc == 2);
  const std::filesystem::path folder = argv[1];
  write_embeddings(folder / "plain", formats::ParquetCompression::none);
  write_embeddings(folder / "gzip", formats::ParquetCompression::gzip);
  write_texts(folder / "texts");
  return 0;
}
