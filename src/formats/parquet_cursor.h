#pragma once

/// Walks one column of a Parquet file, page by page. Internal to the room.
///
/// Counted in entries: a row of a flat column, a value of a list. Lists are accepted only if all have `list_size`
/// values; so entry e belongs to row e / list_size.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "formats/parquet_levels.h"
#include "formats/parquet_metadata.h"
#include "formats/parquet_page.h"

namespace baleen::formats::parquet {

/// A file whose footer has been read and checked: all chunks lie inside, and have as many entries as rows need.
struct OpenFile {
  core::Fd fd;
  std::string name;  ///< For messages.
  FileMeta meta;
  std::vector<std::int64_t> first_rows;  ///< Of each row group, and the end of the last.
};

class ColumnCursor {
 public:
  /// The file must outlive the cursor.
  ColumnCursor(const OpenFile& file, std::size_t leaf);

  /// Rows from `row` on, as ParquetReader::read, of a type that is the column's.
  template <typename T>
  Result<void> read(std::int64_t row, std::span<T> values, std::span<std::uint8_t> is_valid);

 private:
  [[nodiscard]] Result<void> seek(std::int64_t row);
  void open_chunk(std::size_t group);
  [[nodiscard]] Result<void> next_data_page();
  [[nodiscard]] Result<ParsedPageHeader> read_header();
  [[nodiscard]] Result<void> read_page(const PageHeader& header);
  [[nodiscard]] Result<void> skip_page(const PageHeader& header);
  [[nodiscard]] Result<void> set_dictionary(const PageHeader& header);
  [[nodiscard]] Result<void> set_data(const PageHeader& header);
  [[nodiscard]] Result<void> set_levels(const PageHeader& header, std::string_view& plain);
  [[nodiscard]] Result<void> set_values(const PageHeader& header, std::string_view plain);
  [[nodiscard]] Result<void> skip(std::int64_t n_entries);

  /// Levels of the next entries: how many of them have a value; for a flat column which.
  [[nodiscard]] Result<std::int64_t> take_levels(std::int64_t n, std::span<std::uint8_t> is_valid);
  [[nodiscard]] Result<void> take_list_levels(std::int64_t n);
  template <typename T>
  Result<void> read_rows(std::int64_t row, std::span<T> values, std::span<std::uint8_t> is_valid);
  template <typename T>
  Result<void> take_values(std::span<T> out);
  template <typename T>
  Result<void> take_plain(std::span<T> out);
  [[nodiscard]] Result<void> skip_values(std::int64_t n);
  template <typename T>
  Result<void> read_block(std::span<T> values, std::span<std::uint8_t> is_valid, bool may_be_null);

  [[nodiscard]] Error corrupt(std::string_view what) const;
  [[nodiscard]] Error unsupported(std::string_view what) const;

  const OpenFile* file_;
  std::size_t leaf_index_;
  const Leaf* leaf_;
  std::int64_t per_row_;

  std::size_t group_ = 0;
  bool is_open_ = false;         // Whether a chunk is.
  std::int64_t chunk_left_ = 0;  // Entries of the chunk behind this page.
  std::int64_t position_ = 0;    // Of the next page in the file.
  std::int64_t end_ = 0;         // Of the chunk.
  std::int64_t next_row_ = 0;    // The row that the next entry begins.

  std::string page_;  // As stored.
  Decompressor decompressor_;
  std::int64_t page_left_ = 0;  // Entries of this page.
  HybridReader repetition_, definition_;
  std::int64_t phase_ = 0;  // Place of the next entry in its list.

  enum class Values { plain, dictionary, runs };
  Values values_kind_ = Values::plain;
  std::string_view plain_;       // What is left of the values.
  std::uint64_t plain_bit_ = 0;  // Of truth values: the next bit in plain_.
  HybridReader indices_;
  std::string dictionary_;  // PLAIN.
  std::vector<std::string_view> dictionary_texts_;
  std::size_t dictionary_size_ = 0;
  std::vector<std::uint32_t> index_buffer_;
};

}  // namespace baleen::formats::parquet
