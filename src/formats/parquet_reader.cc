#include "formats/parquet_reader.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "formats/parquet_cursor.h"
#include "formats/parquet_open.h"

namespace baleen::formats {

struct ParquetReader::State {
  parquet::OpenFile file;
  ParquetSchema schema;
  std::vector<std::unique_ptr<parquet::ColumnCursor>> cursors;  // Made when they are needed.
};

namespace {

template <typename T>
bool holds(ParquetType type) {
  switch (type) {
    case ParquetType::boolean: return std::is_same_v<T, std::uint8_t>;
    case ParquetType::int32: return std::is_same_v<T, std::int32_t>;
    case ParquetType::int64: return std::is_same_v<T, std::int64_t>;
    case ParquetType::float32:
    case ParquetType::float_list: return std::is_same_v<T, float>;
    case ParquetType::float64: return std::is_same_v<T, double>;
    case ParquetType::string: return std::is_same_v<T, std::string>;
  }
  return false;
}

}  // namespace

ParquetReader::ParquetReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetReader::~ParquetReader() = default;
ParquetReader::ParquetReader(ParquetReader&&) noexcept = default;
ParquetReader& ParquetReader::operator=(ParquetReader&&) noexcept = default;

Result<ParquetReader> ParquetReader::open(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  BALEEN_ASSIGN_OR_RETURN(state->file, parquet::open_parquet(path));
  for (const parquet::Leaf& leaf : state->file.meta.leaves) state->schema.push_back(leaf.column);
  state->cursors.resize(state->schema.size());
  return ParquetReader(std::move(state));
}

const ParquetSchema& ParquetReader::schema() const { return state_->schema; }
const ParquetMetadata& ParquetReader::metadata() const { return state_->file.meta.metadata; }
std::int64_t ParquetReader::n_rows() const { return state_->file.meta.n_rows; }
std::int64_t ParquetReader::n_row_groups() const {
  return static_cast<std::int64_t>(state_->file.meta.row_groups.size());
}

std::optional<std::string_view> ParquetReader::find_metadata(std::string_view key) const {
  for (const auto& [name, value] : metadata())
    if (name == key) return value;
  return std::nullopt;
}

std::pair<std::int64_t, std::int64_t> ParquetReader::rows_of_group(std::int64_t group) const {
  const auto& first_rows = state_->file.first_rows;
  const auto i = static_cast<std::size_t>(group);
  BALEEN_CHECK(group >= 0 && i + 1 < first_rows.size());
  return {first_rows[i], first_rows[i + 1]};
}

Result<int> ParquetReader::column(std::string_view name, ParquetType type) const {
  for (std::size_t i = 0; i < state_->schema.size(); ++i) {
    const ParquetColumn& column = state_->schema[i];
    if (column.name == name && column.type == type) return static_cast<int>(i);
  }
  return fail(ErrorCode::artifact_corrupt, "{} has no column {} of type {}", state_->file.name,
              name, parquet_type_name(type));
}

template <typename T>
Result<void> ParquetReader::read_as(int column,
                                    std::int64_t first_row,
                                    std::span<T> values,
                                    std::span<std::uint8_t> is_valid) {
  const auto i = static_cast<std::size_t>(column);
  if (column < 0 || i >= state_->schema.size())
    return fail(ErrorCode::invalid_argument, "{} has no column {}", state_->file.name, column);
  const ParquetColumn& described = state_->schema[i];
  const bool is_readable = state_->file.meta.leaves[i].unsupported.empty();
  const auto per_row = static_cast<std::int64_t>(std::max(described.list_size, 1));
  const auto n_values = static_cast<std::int64_t>(values.size());
  const std::int64_t n_rows = n_values / per_row;
  if (is_readable && (!holds<T>(described.type) || n_values % per_row != 0 ||
                      (!is_valid.empty() && std::ssize(is_valid) != n_rows)))
    return fail(ErrorCode::invalid_argument,
                "column {} is of type {} with {} values a row: {} values of another type, or of no "
                "whole rows",
                described.name, parquet_type_name(described.type), per_row, n_values);
  if (first_row < 0 || n_rows > this->n_rows() || first_row > this->n_rows() - n_rows)
    return fail(ErrorCode::invalid_argument, "{} rows from {} on, of {}, which has {}", n_rows,
                first_row, state_->file.name, this->n_rows());
  auto& cursor = state_->cursors[i];
  if (!cursor) cursor = std::make_unique<parquet::ColumnCursor>(state_->file, i);
  return cursor->read(first_row, values, is_valid);
}

Result<void> ParquetReader::read(int column,
                                 std::int64_t first_row,
                                 std::span<std::uint8_t> values,
                                 std::span<std::uint8_t> is_valid) {
  return read_as(column, first_row, values, is_valid);
}
Result<void> ParquetReader::read(int column,
                                 std::int64_t first_row,
                                 std::span<std::int32_t> values,
                                 std::span<std::uint8_t> is_valid) {
  return read_as(column, first_row, values, is_valid);
}
Result<void> ParquetReader::read(int column,
                                 std::int64_t first_row,
                                 std::span<std::int64_t> values,
                                 std::span<std::uint8_t> is_valid) {
  return read_as(column, first_row, values, is_valid);
}
Result<void> ParquetReader::read(int column,
                                 std::int64_t first_row,
                                 std::span<float> values,
                                 std::span<std::uint8_t> is_valid) {
  return read_as(column, first_row, values, is_valid);
}
Result<void> ParquetReader::read(int column,
                                 std::int64_t first_row,
                                 std::span<double> values,
                                 std::span<std::uint8_t> is_valid) {
  return read_as(column, first_row, values, is_valid);
}
Result<void> ParquetReader::read(int column,
                                 std::int64_t first_row,
                                 std::span<std::string> values,
                                 std::span<std::uint8_t> is_valid) {
  return read_as(column, first_row, values, is_valid);
}

}  // namespace baleen::formats
