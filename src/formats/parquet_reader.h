#pragma once

/// Reads Parquet files: ours, and what pyarrow and DuckDB write of flat tables with lists of floats (dictionaries,
/// snappy, gzip, both versions of pages). Foreign files are expected: every length is checked, pages have CRCs if the
/// writer wrote them, and memory is bounded by the pages and the footer, not by the rows.
///
/// ARTIFACT_CORRUPT is what is damaged; NOT_SUPPORTED what may be right but is not read here (zstd, delta encodings,
/// groups in groups, lists of unequal lengths). An object may be used by one thread at a time.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "formats/parquet_schema.h"

namespace baleen::formats {

class ParquetReader {
 public:
  /// FILE_NOT_FOUND; ARTIFACT_CORRUPT for what is no Parquet file or is truncated; NOT_SUPPORTED for an encrypted one.
  static Result<ParquetReader> open(const std::filesystem::path& path);
  ~ParquetReader();
  ParquetReader(ParquetReader&&) noexcept;
  ParquetReader& operator=(ParquetReader&&) noexcept;

  /// All leaves of the file's schema, also those that cannot be read ("a.b" inside of a group).
  [[nodiscard]] const ParquetSchema& schema() const;
  [[nodiscard]] const ParquetMetadata& metadata() const;
  [[nodiscard]] std::optional<std::string_view> find_metadata(std::string_view key) const;
  [[nodiscard]] std::int64_t n_rows() const;
  [[nodiscard]] std::int64_t n_row_groups() const;
  /// The rows of one row group: [begin, end).
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> rows_of_group(std::int64_t group) const;
  /// The index of a column. ARTIFACT_CORRUPT if there is none of this name and type.
  [[nodiscard]] Result<int> column(std::string_view name, ParquetType type) const;

  /// Rows from `first_row` on into the caller's buffer, as many as it has room for. Reading on behind the last read is
  /// cheap; going elsewhere reads the row group from its beginning.
  ///
  /// @param values    One for each row; of a float_list `list_size` for each row. Truth values are 0 or 1.
  /// @param is_valid  Empty, or one for each row: 0 where the row is null, whose value is then 0 or "".
  /// @return INVALID_ARGUMENT for rows outside the file, another type or a buffer of no whole rows; NOT_SUPPORTED;
  ///         ARTIFACT_CORRUPT, also for a null where `is_valid` is empty - but a number with a fraction is NaN then.
  [[nodiscard]] Result<void> read(int column,
                                  std::int64_t first_row,
                                  std::span<std::uint8_t> values,
                                  std::span<std::uint8_t> is_valid = {});
  [[nodiscard]] Result<void> read(int column,
                                  std::int64_t first_row,
                                  std::span<std::int32_t> values,
                                  std::span<std::uint8_t> is_valid = {});
  [[nodiscard]] Result<void> read(int column,
                                  std::int64_t first_row,
                                  std::span<std::int64_t> values,
                                  std::span<std::uint8_t> is_valid = {});
  [[nodiscard]] Result<void> read(int column,
                                  std::int64_t first_row,
                                  std::span<float> values,
                                  std::span<std::uint8_t> is_valid = {});
  [[nodiscard]] Result<void> read(int column,
                                  std::int64_t first_row,
                                  std::span<double> values,
                                  std::span<std::uint8_t> is_valid = {});
  [[nodiscard]] Result<void> read(int column,
                                  std::int64_t first_row,
                                  std::span<std::string> values,
                                  std::span<std::uint8_t> is_valid = {});

 private:
  friend class MappedFloatLists;
  struct State;
  explicit ParquetReader(std::unique_ptr<State> state);
  template <typename T>
  Result<void> read_as(int column,
                       std::int64_t first_row,
                       std::span<T> values,
                       std::span<std::uint8_t> is_valid);
  std::unique_ptr<State> state_;
};

/// The float lists of one column of a file, mapped into memory: nothing is copied, and what is not touched is not read.
/// For files that nobody changes, as published artifacts are: a file that becomes shorter meanwhile kills the process.
/// Thread-safe after open().
class MappedFloatLists {
 public:
  /// Whether the values are held against their checksums, which reads all of them.
  enum class Verify { structure, checksums };
  /// ARTIFACT_CORRUPT; NOT_SUPPORTED for a column that is compressed, or not in one aligned page for each row group:
  /// ParquetReader reads it.
  static Result<MappedFloatLists> open(const std::filesystem::path& path,
                                       std::string_view column,
                                       Verify verify = Verify::structure);
  ~MappedFloatLists();
  MappedFloatLists(MappedFloatLists&&) noexcept;
  MappedFloatLists& operator=(MappedFloatLists&&) noexcept;

  [[nodiscard]] std::int64_t n_rows() const;
  [[nodiscard]] int list_size() const;
  [[nodiscard]] std::int64_t n_row_groups() const;
  /// All rows of a row group: (rows, list_size), row behind row.
  [[nodiscard]] std::span<const float> group(std::int64_t group) const;
  /// Where in the file the values of a row group begin, for those who read single rows of many files.
  [[nodiscard]] std::int64_t offset_of_group(std::int64_t group) const;
  /// One row; `row` must exist.
  [[nodiscard]] std::span<const float> row(std::int64_t row) const;

 private:
  struct State;
  explicit MappedFloatLists(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace baleen::formats
