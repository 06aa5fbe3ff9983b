#pragma once

/// Parquet files, written row group by row group in bounded memory and continued after a crash
/// (docs/formats/embeddings_parquet.md). Read by pyarrow, DuckDB and every other reader of Parquet.
///
/// Equal rows, options and metadata give equal bytes, however the rows were portioned and however often the writing
/// was interrupted. An object may be used by one thread at a time; different objects by different threads.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/file.h"
#include "core/result.h"
#include "formats/parquet_schema.h"

namespace baleen::formats {

enum class ParquetCompression { none, gzip };

struct ParquetOptions {
  std::int64_t rows_per_group = 65'536;
  /// A group ends before the row that would make it larger. At most 256 MiB, each row at most 16 MiB.
  std::int64_t group_bytes_max = std::int64_t{64} << 20;
  ParquetCompression compression = ParquetCompression::none;
  int gzip_level = 6;  ///< 1 to 12, of libdeflate.
};

/// A writing that may be continued: what is left of it is used only if the checkpoint proves that these are the bytes
/// that the same writing would have written.
struct ParquetResume {
  std::filesystem::path checkpoint;  ///< A small JSON file, written after each row group.
  std::string identity;              ///< Digest of all that decides the rows: source, model, code.
};

/// Values of one column for some rows. Texts are made valid UTF-8. Truth values: 0 or another number. Float lists:
/// row behind row.
using ParquetValues = std::variant<std::span<const std::uint8_t>,
                                   std::span<const std::int32_t>,
                                   std::span<const std::int64_t>,
                                   std::span<const float>,
                                   std::span<const double>,
                                   std::span<const std::string_view>>;
struct ParquetBatchColumn {
  ParquetValues values;
  /// Of a nullable column: 0 where the row has no value. Empty: all have one.
  std::span<const std::uint8_t> is_valid = {};
};

struct ParquetSummary {
  std::int64_t n_rows = 0;
  std::int64_t n_row_groups = 0;
  std::int64_t size_bytes = 0;
};

class ParquetWriter {
 public:
  /// Creates or truncates `temporary`, which core::publish_file renames later. It is removed with the object unless
  /// it was finished. INVALID_ARGUMENT for an impossible schema or options.
  static Result<ParquetWriter> create(const std::filesystem::path& temporary,
                                      const ParquetSchema& schema,
                                      const ParquetOptions& options = {});
  /// Goes on behind the last row group that is safe in `file`, which is `temporary`, open for reading and writing and
  /// locked by the caller if others might write it; or starts anew. Nothing is removed with the object: what was
  /// written stays for the next time.
  static Result<ParquetWriter> resume(core::Fd file,
                                      const std::filesystem::path& temporary,
                                      const ParquetSchema& schema,
                                      const ParquetOptions& options,
                                      const ParquetResume& resume);
  ~ParquetWriter();
  ParquetWriter(ParquetWriter&&) noexcept;
  ParquetWriter& operator=(ParquetWriter&&) noexcept;

  /// Rows that need not be appended again. After resume() it says where to go on.
  [[nodiscard]] std::int64_t n_rows() const;

  /// A portion of any number of rows, one entry for each column of the schema. After an error other than
  /// INVALID_ARGUMENT nothing more can be appended; after resume() what was safe before stays safe, unless it was
  /// fsync that failed: then file and checkpoint are removed (see core/file.h).
  [[nodiscard]] Result<void> append(std::span<const ParquetBatchColumn> columns);
  /// Writes the last row group and the footer, and fsyncs. The checkpoint stays, so that a crash before the file is
  /// published costs nothing; remove_parquet_checkpoint() once it is.
  [[nodiscard]] Result<ParquetSummary> finish(const ParquetMetadata& metadata);

 private:
  struct State;
  explicit ParquetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The checkpoint and what a crash may have left of its writing.
[[nodiscard]] Result<void> remove_parquet_checkpoint(const std::filesystem::path& checkpoint);

}  // namespace baleen::formats
