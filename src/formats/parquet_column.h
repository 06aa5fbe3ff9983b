#pragma once

/// One column of the row group that is being filled, and the pages that it becomes. Internal to the room.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/parquet_metadata.h"
#include "formats/parquet_page.h"
#include "formats/parquet_writer.h"

namespace baleen::formats::parquet {

/// A page ready to be written: header, then `levels`, then `values`, which may lie in the column.
struct EncodedPage {
  PageHeader header;
  std::string head;    ///< The header's bytes.
  std::string levels;  ///< Empty if compressed: then all is in `values`.
  std::string storage;
  std::string_view values;  ///< Of `storage` or of the column.
};

class ColumnBuffer {
 public:
  explicit ColumnBuffer(Leaf leaf) : leaf_(std::move(leaf)) {}

  /// INVALID_ARGUMENT where the values are not those of a column of this type, or null where none may be.
  [[nodiscard]] Result<void> check(const ParquetBatchColumn& batch, std::int64_t n_rows) const;
  /// Bytes that row `row` of the batch adds.
  [[nodiscard]] std::int64_t bytes_of(const ParquetBatchColumn& batch, std::size_t row) const;
  /// Rows [first, first + count) of a batch that was checked.
  void append(const ParquetBatchColumn& batch, std::size_t first, std::size_t count);
  /// The pages of all rows, valid until the column changes. `gzip` may be null: no compression.
  [[nodiscard]] std::vector<EncodedPage> encode(GzipCompressor* gzip);
  void clear();

  [[nodiscard]] const Leaf& leaf() const { return leaf_; }

 private:
  [[nodiscard]] EncodedPage page(PageType type, Encoding encoding, std::int64_t n_values) const;
  void finish(EncodedPage& page, GzipCompressor* gzip) const;
  [[nodiscard]] std::string levels() const;
  bool encode_dictionary(EncodedPage& dictionary, EncodedPage& data) const;

  Leaf leaf_;
  std::string data_;                     // PLAIN, without nulls; truth values a byte each.
  std::vector<std::uint32_t> is_valid_;  // Of a nullable column: a 1 or 0 for each row.
  std::int64_t n_rows_ = 0;
  std::int64_t n_nulls_ = 0;
};

/// Least and greatest value of PLAIN bytes, as readers compare them: no NaN, no zero of the wrong sign.
[[nodiscard]] Statistics statistics_of(ParquetType type, std::string_view plain);

}  // namespace baleen::formats::parquet
