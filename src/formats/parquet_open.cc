#include "formats/parquet_open.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "formats/parquet_checkpoint.h"

namespace baleen::formats::parquet {
namespace {

constexpr std::int64_t kTailBytes = 8;  // Length of the footer, magic.
constexpr std::int64_t kFooterBytesMax = std::int64_t{64} << 20;
constexpr std::int64_t kListSizeMax = 65'536;

Error corrupt(const OpenFile& file, std::string_view what) {
  return fail(ErrorCode::artifact_corrupt, "{}: {}", file.name, what);
}

Result<std::int64_t> size_of(const core::Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return core::errno_error(errno, "stat");
  return std::int64_t{status.st_size};
}

/// The footer's struct; `begin` becomes its place in the file.
Result<std::string> read_footer(const OpenFile& file, std::int64_t& begin) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t size, size_of(file.fd));
  std::string head(kMagic.size(), '\0');
  std::string tail(kTailBytes, '\0');
  const auto head_bytes = static_cast<std::int64_t>(kMagic.size());
  if (size < head_bytes + kTailBytes) return corrupt(file, "too short to be a Parquet file");
  BALEEN_ASSIGN_OR_RETURN(const std::size_t n_head, read_at(file.fd, 0, head));
  BALEEN_ASSIGN_OR_RETURN(const std::size_t n_tail, read_at(file.fd, size - kTailBytes, tail));
  if (n_head != head.size() || n_tail != tail.size()) return corrupt(file, "became shorter");
  if (tail.substr(4) == "PARE")
    return fail(ErrorCode::not_supported, "{}: an encrypted Parquet file", file.name);
  if (head != kMagic || tail.substr(4) != kMagic)
    return corrupt(file, "no Parquet file, or one that was never finished");
  std::uint32_t footer_bytes = 0;
  std::memcpy(&footer_bytes, tail.data(), sizeof footer_bytes);
  if (footer_bytes > size - head_bytes - kTailBytes || footer_bytes > kFooterBytesMax)
    return corrupt(file, "a footer that is longer than the file, or than 64 MiB");
  std::string footer(footer_bytes, '\0');
  begin = size - kTailBytes - std::int64_t{footer_bytes};
  BALEEN_ASSIGN_OR_RETURN(const std::size_t n, read_at(file.fd, begin, footer));
  if (n != footer.size()) return corrupt(file, "became shorter");
  return footer;
}

bool is_inside(const ChunkMeta& chunk, std::int64_t data_end) {
  const auto first = static_cast<std::int64_t>(kMagic.size());
  std::int64_t begin = chunk.data_page_offset;
  if (chunk.dictionary_page_offset > 0) begin = std::min(begin, chunk.dictionary_page_offset);
  return begin >= first && begin <= data_end && chunk.compressed_bytes <= data_end - begin;
}

/// Lists have one length if they have the same in each row group; whether that is so the levels tell when they are
/// read.
void set_list_size(FileMeta& meta, std::size_t index) {
  Leaf& leaf = meta.leaves[index];
  std::int64_t list_size = 0;
  for (const RowGroupMeta& group : meta.row_groups) {
    const std::int64_t n_values = group.chunks[index].n_values;
    if (group.n_rows == 0) continue;
    const bool is_first = list_size == 0;
    if (is_first) list_size = n_values / group.n_rows;
    if (list_size < 1 || list_size > kListSizeMax || n_values != list_size * group.n_rows)
      leaf.unsupported = "of lists of unequal lengths";
  }
  leaf.column.list_size =
      leaf.unsupported.empty() ? static_cast<int>(std::max<std::int64_t>(list_size, 0)) : 0;
}

Result<void> check_groups(OpenFile& file, std::int64_t data_end) {
  FileMeta& meta = file.meta;
  if (meta.leaves.empty()) return corrupt(file, "a table of no columns");
  std::int64_t n_rows = 0;
  for (const RowGroupMeta& group : meta.row_groups) {
    file.first_rows.push_back(n_rows);
    if (group.chunks.size() != meta.leaves.size())
      return corrupt(file, "a row group of other columns than the schema's");
    if (group.n_rows > INT32_MAX - n_rows)
      return fail(ErrorCode::not_supported, "{}: more than {} rows", file.name, INT32_MAX);
    n_rows += group.n_rows;
    for (std::size_t i = 0; i < group.chunks.size(); ++i) {
      const ChunkMeta& chunk = group.chunks[i];
      const Leaf& leaf = meta.leaves[i];
      const bool is_flat = leaf.repetition_max == 0 && leaf.unsupported.empty();
      if (!is_inside(chunk, data_end) || chunk.type != leaf.physical ||
          (is_flat && chunk.n_values != group.n_rows))
        return corrupt(file, fmt::format("column {} is not where the footer says, or of another "
                                         "type or length",
                                         leaf.column.name));
    }
  }
  file.first_rows.push_back(n_rows);
  if (n_rows != meta.n_rows) return corrupt(file, "row groups of other rows than the table");
  return {};
}

}  // namespace

Result<OpenFile> open_parquet(const std::filesystem::path& path) {
  OpenFile file;
  file.name = path.string();
  BALEEN_ASSIGN_OR_RETURN(file.fd, core::open_read(path));
  std::int64_t data_end = 0;
  BALEEN_ASSIGN_OR_RETURN(const std::string footer, read_footer(file, data_end));
  Result<FileMeta> meta = parse_footer(footer);
  if (!meta.ok()) return std::move(meta).error().context(file.name);
  file.meta = std::move(*meta);
  BALEEN_RETURN_IF_ERROR(check_groups(file, data_end));
  for (std::size_t i = 0; i < file.meta.leaves.size(); ++i)
    if (file.meta.leaves[i].repetition_max > 0) set_list_size(file.meta, i);
  return file;
}

}  // namespace baleen::formats::parquet
