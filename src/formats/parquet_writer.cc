#include "formats/parquet_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "core/failpoint.h"
#include "core/json.h"
#include "core/sha256.h"
#include "formats/parquet_checkpoint.h"
#include "formats/parquet_column.h"
#include "formats/parquet_page.h"

namespace baleen::formats {

using parquet::ColumnBuffer;
using parquet::EncodedPage;
using parquet::RowGroupMeta;

namespace {

/// Float lists begin at a multiple of this in the file: mapped into memory they can be used as they lie there.
constexpr std::size_t kAlignment = 64;
constexpr std::int64_t kGroupBytesLimit = std::int64_t{256} << 20;
constexpr std::int64_t kRowBytesMax = std::int64_t{16} << 20;
constexpr int kListSizeMax = 65'536;
constexpr std::size_t kColumnsMax = 1000;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Result<void> check_schema(const ParquetSchema& schema) {
  std::set<std::string_view> names;
  for (const ParquetColumn& column : schema) {
    const bool is_list = column.type == ParquetType::float_list;
    const bool is_size_ok =
        is_list ? column.list_size > 0 && column.list_size <= kListSizeMax : column.list_size == 0;
    if (column.name.empty() || !names.insert(column.name).second || !is_size_ok ||
        (is_list && column.is_nullable))
      return fail(ErrorCode::invalid_argument,
                  "column \"{}\": nameless, double, a nullable list, or lists of {} values",
                  column.name, column.list_size);
  }
  if (schema.empty() || schema.size() > kColumnsMax)
    return fail(ErrorCode::invalid_argument, "a Parquet table of {} columns", schema.size());
  return {};
}

Result<void> check_options(const ParquetOptions& options) {
  if (options.rows_per_group < 1 || options.rows_per_group > INT32_MAX ||
      options.group_bytes_max < 1 || options.group_bytes_max > kGroupBytesLimit ||
      options.gzip_level < 1 || options.gzip_level > 12)
    return fail(ErrorCode::invalid_argument,
                "Parquet row groups of {} rows and {} bytes, gzip level {}", options.rows_per_group,
                options.group_bytes_max, options.gzip_level);
  return {};
}

/// Digest of all that decides the bytes of the row groups.
std::string full_identity(const ParquetSchema& schema,
                          const ParquetOptions& options,
                          const std::string& identity) {
  json::array columns;
  for (const ParquetColumn& column : schema)
    columns.push_back(
        {column.name, static_cast<int>(column.type), column.is_nullable, column.list_size});
  return core::sha256_hex(core::to_canonical_json(
      json::object{{"identity", identity},
                   {"columns", columns},
                   {"rows_per_group", options.rows_per_group},
                   {"group_bytes_max", options.group_bytes_max},
                   {"compression", static_cast<int>(options.compression)},
                   {"gzip_level", options.gzip_level},
                   {"layout", 1}}));  // Raise it when equal rows would give other bytes.
}

}  // namespace

struct ParquetWriter::State {
  core::Fd file;
  std::filesystem::path path;
  ParquetOptions options;
  std::optional<std::filesystem::path> checkpoint;  // Of a writing that may be continued.
  std::string identity;
  std::string chain;
  std::vector<ColumnBuffer> columns;
  std::optional<parquet::GzipCompressor> gzip;
  std::vector<RowGroupMeta> groups;
  std::int64_t position = 0;
  std::int64_t n_rows_written = 0;
  std::int64_t n_rows_buffered = 0;
  std::int64_t bytes_buffered = 0;
  bool is_failed = false;
  bool is_finished = false;

  [[nodiscard]] parquet::Codec codec() const {
    return gzip ? parquet::Codec::gzip : parquet::Codec::uncompressed;
  }

  Result<void> start_anew() {
    groups.clear();
    chain.clear();
    n_rows_written = 0;
    position = 0;
    if (::ftruncate(file.get(), 0) != 0) return core::errno_error(errno, "truncate");
    return write(parquet::kMagic);
  }

  Result<void> go_on() {
    std::optional<parquet::Checkpoint> last = parquet::load_checkpoint(*checkpoint, identity);
    if (!last) return start_anew();
    std::vector<parquet::Leaf> leaves;
    for (const ColumnBuffer& column : columns) leaves.push_back(column.leaf());
    BALEEN_ASSIGN_OR_RETURN(auto found, parquet::read_back(file, leaves, codec(), *last));
    if (!found) return start_anew();
    groups = std::move(*found);
    chain = last->chain;
    n_rows_written = last->n_rows;
    position = last->size_bytes;
    if (::ftruncate(file.get(), position) != 0) return core::errno_error(errno, "truncate");
    return {};
  }

  Result<void> write(std::string_view bytes) {
    BALEEN_RETURN_IF_ERROR(core::write_all_at(file, bytes_of(bytes), position));
    position += static_cast<std::int64_t>(bytes.size());
    return {};
  }

  /// Writes and remembers one column of the row group.
  Result<void> write_column(ColumnBuffer& column, RowGroupMeta& group) {
    const std::vector<EncodedPage> pages = column.encode(gzip ? &*gzip : nullptr);
    std::string small;  // What goes out with one write.
    if (column.leaf().column.type == ParquetType::float_list && !gzip) {
      const auto head =
          static_cast<std::size_t>(position) + pages[0].head.size() + pages[0].levels.size();
      small.assign((kAlignment - head % kAlignment) % kAlignment, '\0');
    }
    const std::int64_t begin = position + static_cast<std::int64_t>(small.size());
    std::vector<parquet::PlacedPage> placed;
    for (const EncodedPage& page : pages) {
      placed.push_back({page.header, page.head.size()});
      small.append(page.head).append(page.levels);
      BALEEN_RETURN_IF_ERROR(write(small));
      BALEEN_RETURN_IF_ERROR(write(page.values));
      small.clear();
    }
    group.chunks.push_back(parquet::chunk_of(column.leaf(), codec(), begin, placed));
    return {};
  }

  Result<void> write_group() {
    if (n_rows_buffered == 0) return {};
    const std::int64_t begin = position;
    RowGroupMeta group;
    group.n_rows = n_rows_buffered;
    for (ColumnBuffer& column : columns) {
      BALEEN_RETURN_IF_ERROR(write_column(column, group));
      column.clear();
    }
    groups.push_back(std::move(group));
    n_rows_written += n_rows_buffered;
    n_rows_buffered = bytes_buffered = 0;
    BALEEN_FAILPOINT("PARQUET_AFTER_GROUP_WRITE");
    return save(begin);
  }

  /// Makes the row group that begins at `begin` safe, so that a later writer goes on behind it.
  Result<void> save(std::int64_t begin) {
    if (!checkpoint) return {};
    BALEEN_RETURN_IF_ERROR(sync());
    if (groups.size() == 1) begin = 0;  // The magic belongs to the first.
    BALEEN_ASSIGN_OR_RETURN(const std::optional<std::string> next,
                            parquet::chained(chain, file, begin, position));
    if (!next) return fail(ErrorCode::io_error, "{} became shorter", path.string());
    chain = *next;
    BALEEN_RETURN_IF_ERROR(parquet::save_checkpoint(
        *checkpoint, {.identity = identity,
                      .n_row_groups = static_cast<std::int64_t>(groups.size()),
                      .n_rows = n_rows_written,
                      .size_bytes = position,
                      .chain = chain}));
    BALEEN_FAILPOINT("PARQUET_AFTER_CHECKPOINT");
    return {};
  }

  /// What could not be synced is thrown away: the kernel may have dropped it, and another fsync would not say so.
  Result<void> sync() {
    Result<void> synced = core::sync_file(file);
    if (synced.ok()) return synced;
    if (checkpoint) (void)remove_parquet_checkpoint(*checkpoint).ok();  // The first error counts.
    (void)core::remove_file(path).ok();
    return std::move(synced).error().context(path.string());
  }

  /// How many of the rows from `first` on still go into this row group; 0 where it is full.
  [[nodiscard]] std::size_t n_fitting(std::span<const ParquetBatchColumn> batch,
                                      std::size_t first,
                                      std::size_t n_rows) {
    std::size_t n = 0;
    while (first + n < n_rows && n_rows_buffered < options.rows_per_group) {
      const std::int64_t bytes = row_bytes(batch, first + n);
      if (n_rows_buffered > 0 && bytes_buffered + bytes > options.group_bytes_max) break;
      bytes_buffered += bytes;
      ++n_rows_buffered;
      ++n;
    }
    return n;
  }
  [[nodiscard]] std::int64_t row_bytes(std::span<const ParquetBatchColumn> batch,
                                       std::size_t row) const {
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) bytes += columns[i].bytes_of(batch[i], row);
    return bytes;
  }

  Result<std::size_t> check(std::span<const ParquetBatchColumn> batch) const {
    if (is_finished || is_failed)
      return fail(ErrorCode::internal, "{}: rows for a Parquet file that has {}", path.string(),
                  is_failed ? "failed" : "been finished");
    if (batch.size() != columns.size())
      return fail(ErrorCode::invalid_argument, "{} columns of values for {}", batch.size(),
                  columns.size());
    const std::size_t n_values =
        std::visit([](const auto& values) { return values.size(); }, batch[0].values);
    const auto per_row = static_cast<std::size_t>(std::max(columns[0].leaf().column.list_size, 1));
    const std::size_t n_rows = n_values / per_row;
    for (std::size_t i = 0; i < columns.size(); ++i)
      BALEEN_RETURN_IF_ERROR(columns[i].check(batch[i], static_cast<std::int64_t>(n_rows)));
    for (std::size_t row = 0; row < n_rows; ++row)
      if (row_bytes(batch, row) > kRowBytesMax)
        return fail(ErrorCode::invalid_argument, "row {} has more than {} bytes", row,
                    kRowBytesMax);
    const std::int64_t n_before = n_rows_written + n_rows_buffered;
    if (static_cast<std::int64_t>(n_rows) > INT32_MAX - n_before)
      return fail(ErrorCode::invalid_argument, "a Parquet file of more than {} rows", INT32_MAX);
    return n_rows;
  }

  Result<void> append(std::span<const ParquetBatchColumn> batch, std::size_t n_rows) {
    for (std::size_t first = 0; first < n_rows;) {
      const std::size_t n = n_fitting(batch, first, n_rows);
      for (std::size_t i = 0; i < columns.size() && n > 0; ++i)
        columns[i].append(batch[i], first, n);
      first += n;
      const bool is_full = n == 0 || n_rows_buffered == options.rows_per_group;
      if (is_full) BALEEN_RETURN_IF_ERROR(write_group());
    }
    return {};
  }

  Result<void> write_footer(const ParquetMetadata& metadata) {
    parquet::FileMeta meta;
    for (const ColumnBuffer& column : columns) meta.leaves.push_back(column.leaf());
    meta.n_rows = n_rows_written;
    for (const auto& [key, value] : metadata)
      meta.metadata.emplace_back(core::valid_utf8(key), core::valid_utf8(value));
    meta.row_groups = std::move(groups);
    std::string bytes = parquet::footer_bytes(meta);
    groups = std::move(meta.row_groups);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size).append(parquet::kMagic);
    return write(bytes);
  }

  Result<void> finish(const ParquetMetadata& metadata) {
    BALEEN_RETURN_IF_ERROR(write_group());
    BALEEN_RETURN_IF_ERROR(write_footer(metadata));
    BALEEN_FAILPOINT("PARQUET_AFTER_FOOTER_WRITE");
    return sync();
  }
};

ParquetWriter::ParquetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetWriter::ParquetWriter(ParquetWriter&&) noexcept = default;
ParquetWriter& ParquetWriter::operator=(ParquetWriter&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
ParquetWriter::~ParquetWriter() {
  if (!state_ || state_->is_finished || state_->checkpoint) return;
  (void)core::remove_file(state_->path).ok();
}

Result<ParquetWriter> ParquetWriter::create(const std::filesystem::path& temporary,
                                            const ParquetSchema& schema,
                                            const ParquetOptions& options) {
  BALEEN_RETURN_IF_ERROR(check_schema(schema));
  BALEEN_RETURN_IF_ERROR(check_options(options));
  BALEEN_ASSIGN_OR_RETURN(core::Fd file, core::create_file(temporary));
  auto state = std::make_unique<State>();
  state->file = std::move(file);
  state->path = temporary;
  state->options = options;
  for (parquet::Leaf& leaf : parquet::leaves_of(schema))
    state->columns.emplace_back(std::move(leaf));
  if (options.compression == ParquetCompression::gzip) state->gzip.emplace(options.gzip_level);
  ParquetWriter writer(std::move(state));
  BALEEN_RETURN_IF_ERROR(writer.state_->start_anew());
  return writer;
}

Result<ParquetWriter> ParquetWriter::resume(core::Fd file,
                                            const std::filesystem::path& temporary,
                                            const ParquetSchema& schema,
                                            const ParquetOptions& options,
                                            const ParquetResume& resume) {
  BALEEN_RETURN_IF_ERROR(check_schema(schema));
  BALEEN_RETURN_IF_ERROR(check_options(options));
  auto state = std::make_unique<State>();
  state->file = std::move(file);
  state->path = temporary;
  state->options = options;
  state->checkpoint = resume.checkpoint;
  state->identity = full_identity(schema, options, resume.identity);
  for (parquet::Leaf& leaf : parquet::leaves_of(schema))
    state->columns.emplace_back(std::move(leaf));
  if (options.compression == ParquetCompression::gzip) state->gzip.emplace(options.gzip_level);
  ParquetWriter writer(std::move(state));
  BALEEN_RETURN_IF_ERROR(writer.state_->go_on());
  return writer;
}

std::int64_t ParquetWriter::n_rows() const {
  return state_->n_rows_written + state_->n_rows_buffered;
}

Result<void> ParquetWriter::append(std::span<const ParquetBatchColumn> columns) {
  BALEEN_ASSIGN_OR_RETURN(const std::size_t n_rows, state_->check(columns));
  Result<void> done = state_->append(columns, n_rows);
  state_->is_failed = !done.ok();
  return done;
}

Result<ParquetSummary> ParquetWriter::finish(const ParquetMetadata& metadata) {
  if (state_->is_finished || state_->is_failed)
    return fail(ErrorCode::internal, "{}: finished twice, or after a failure",
                state_->path.string());
  Result<void> done = state_->finish(metadata);
  state_->is_failed = !done.ok();
  if (!done.ok()) return std::move(done).error();
  state_->is_finished = true;
  return ParquetSummary{.n_rows = state_->n_rows_written,
                        .n_row_groups = static_cast<std::int64_t>(state_->groups.size()),
                        .size_bytes = state_->position};
}

Result<void> remove_parquet_checkpoint(const std::filesystem::path& checkpoint) {
  BALEEN_RETURN_IF_ERROR(core::remove_file(checkpoint));
  return core::remove_file(checkpoint.string() + ".tmp");
}

}  // namespace baleen::formats
