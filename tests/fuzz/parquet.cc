// Parquet from anywhere: columns as long and wide as the file says, or one of two codes.
#include <vector>

#include "formats/parquet_reader.h"
#include "fuzz/input.h"

using namespace baleen;
using formats::ParquetReader;

namespace {

template <typename T>
bool read(ParquetReader& reader, int column, std::int64_t first, std::int64_t n, int per_row) {
  std::vector<T> values(static_cast<std::size_t>(n * per_row));
  std::vector<std::uint8_t> is_valid(static_cast<std::size_t>(n));
  const Result<void> done = reader.read(column, first, std::span(values), is_valid);
  BALEEN_CHECK(fuzz::is_value_or(done, {ErrorCode::artifact_corrupt, ErrorCode::not_supported}));
  return done.ok();
}

bool read(ParquetReader& reader, int column, std::int64_t first, std::int64_t n) {
  const formats::ParquetColumn& described = reader.schema()[static_cast<std::size_t>(column)];
  switch (described.type) {
    case formats::ParquetType::boolean: return read<std::uint8_t>(reader, column, first, n, 1);
    case formats::ParquetType::int32: return read<std::int32_t>(reader, column, first, n, 1);
    case formats::ParquetType::int64: return read<std::int64_t>(reader, column, first, n, 1);
    case formats::ParquetType::float32: return read<float>(reader, column, first, n, 1);
    case formats::ParquetType::float64: return read<double>(reader, column, first, n, 1);
    case formats::ParquetType::string: return read<std::string>(reader, column, first, n, 1);
    case formats::ParquetType::float_list:
      return read<float>(reader, column, first, n, std::max(described.list_size, 1));
  }
  return false;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.set(fuzz::text_of(data, size));
  Result<ParquetReader> reader = ParquetReader::open(file.path());
  BALEEN_CHECK(fuzz::is_value_or(reader, {ErrorCode::artifact_corrupt, ErrorCode::not_supported}));
  if (!reader.ok()) return 0;
  const std::int64_t n_rows = reader->n_rows();
  BALEEN_CHECK(n_rows >= 0 && !reader->schema().empty());
  const std::int64_t n = std::min<std::int64_t>(n_rows, 100);  // Rows cost nothing to promise.
  const auto n_columns = std::min<std::size_t>(reader->schema().size(), 20);
  for (std::size_t i = 0; i < n_columns; ++i) {
    const int column = static_cast<int>(i);
    (void)read(*reader, column, 0, n);
    const std::int64_t last = n_rows - 1;
    const bool is_near = n_rows < 100'000;  // Skipping long runs in small steps takes its time.
    if (n_rows > 0 && is_near) (void)read(*reader, column, last, 1);
    std::vector<double> beyond(1);
    BALEEN_CHECK(!reader->read(column, n_rows, beyond).ok());
    BALEEN_CHECK(!reader->read(column, -1, beyond).ok());
    const std::string& name = reader->schema()[i].name;
    const auto mapped = formats::MappedFloatLists::open(file.path(), name);
    BALEEN_CHECK(
        fuzz::is_value_or(mapped, {ErrorCode::artifact_corrupt, ErrorCode::not_supported}));
    if (!mapped.ok()) continue;
    std::size_t n_values = 0;
    static volatile float touched = 0;
    for (std::int64_t group = 0; group < mapped->n_row_groups(); ++group) {
      for (const float value : mapped->group(group)) touched = value;
      n_values += mapped->group(group).size();
    }
    (void)touched;
    BALEEN_CHECK(4 * n_values <= size);
  }
  return 0;
}
