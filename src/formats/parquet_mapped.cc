#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "formats/parquet_levels.h"
#include "formats/parquet_open.h"
#include "formats/parquet_page.h"
#include "formats/parquet_reader.h"

namespace baleen::formats {

using parquet::ChunkMeta;
using parquet::HybridReader;

struct MappedFloatLists::State {
  parquet::OpenFile file;
  std::size_t leaf = 0;
  int list_size = 0;
  const char* base = nullptr;
  std::size_t mapped_bytes = 0;
  std::vector<std::span<const float>> groups;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (base != nullptr) ::munmap(const_cast<char*>(base), mapped_bytes);
  }

  [[nodiscard]] Error unsupported() const {
    return fail(ErrorCode::not_supported,
                "{}: the lists cannot be mapped (compressed, of several pages, or unaligned): read "
                "them",
                file.name);
  }
  [[nodiscard]] Error corrupt() const {
    return fail(ErrorCode::artifact_corrupt, "{}: a damaged page of lists", file.name);
  }

  Result<void> map() {
    for (const parquet::RowGroupMeta& group : file.meta.row_groups) {
      const ChunkMeta& chunk = group.chunks[leaf];
      mapped_bytes = std::max(
          mapped_bytes, static_cast<std::size_t>(chunk.data_page_offset + chunk.compressed_bytes));
    }
    if (mapped_bytes == 0) return {};
    void* mapped = ::mmap(nullptr, mapped_bytes, PROT_READ, MAP_SHARED, file.fd.get(), 0);
    if (mapped == MAP_FAILED) return core::errno_error(errno, "map " + file.name);
    base = static_cast<const char*>(mapped);
    return {};
  }

  /// Lists of `list_size` each, in runs as we write them; anything else is read the other way.
  [[nodiscard]] bool has_equal_lists(std::string_view repetition,
                                     std::string_view definition,
                                     std::int64_t n_values,
                                     std::uint32_t definition_max) const {
    HybridReader repeated(repetition, 1);
    for (std::int64_t i = 0; i < n_values;) {
      const Result<HybridReader::Run> run = repeated.next(n_values - i);
      const std::int64_t phase = i % list_size;
      if (!run.ok()) return false;
      if (run->value == 0 ? phase != 0 || (run->count > 1 && list_size > 1)
                          : phase == 0 || phase + run->count > list_size)
        return false;
      i += run->count;
    }
    HybridReader defined(definition, parquet::bit_width_of(definition_max));
    for (std::int64_t i = 0; i < n_values;) {
      const Result<HybridReader::Run> run = defined.next(n_values - i);
      if (!run.ok() || run->value != definition_max) return false;
      i += run->count;
    }
    return true;
  }

  Result<void> add_group(const parquet::RowGroupMeta& group, Verify verify) {
    const ChunkMeta& chunk = group.chunks[leaf];
    if (group.n_rows == 0) {
      groups.emplace_back();
      return {};
    }
    if (chunk.codec != parquet::Codec::uncompressed || chunk.dictionary_page_offset > 0)
      return unsupported();
    const std::string_view bytes(base + chunk.data_page_offset,
                                 static_cast<std::size_t>(chunk.compressed_bytes));
    BALEEN_ASSIGN_OR_RETURN(const parquet::ParsedPageHeader parsed,
                            parquet::parse_page_header(bytes));
    const parquet::PageHeader& header = parsed.header;
    const auto size = static_cast<std::size_t>(header.compressed_bytes);
    if (header.type != parquet::PageType::data || header.encoding != parquet::Encoding::plain ||
        header.level_encoding != parquet::Encoding::rle || header.n_values != chunk.n_values)
      return unsupported();
    if (header.compressed_bytes != header.uncompressed_bytes || parsed.bytes + size != bytes.size())
      return corrupt();
    std::string_view page = bytes.substr(parsed.bytes);
    if (verify == Verify::checksums && header.crc && parquet::crc32(0, page) != *header.crc)
      return corrupt();
    std::string_view levels[2];
    for (std::string_view& level : levels) {
      std::uint32_t level_bytes = 0;
      if (page.size() < sizeof level_bytes) return corrupt();
      std::memcpy(&level_bytes, page.data(), sizeof level_bytes);
      page.remove_prefix(sizeof level_bytes);
      if (level_bytes > page.size()) return corrupt();
      level = page.substr(0, level_bytes);
      page.remove_prefix(level_bytes);
    }
    const auto n_values = static_cast<std::size_t>(chunk.n_values);
    if (page.size() != n_values * sizeof(float)) return corrupt();
    const auto definition_max = static_cast<std::uint32_t>(file.meta.leaves[leaf].definition_max);
    if (reinterpret_cast<std::uintptr_t>(page.data()) % alignof(float) != 0 ||
        !has_equal_lists(levels[0], levels[1], chunk.n_values, definition_max))
      return unsupported();
    groups.emplace_back(reinterpret_cast<const float*>(page.data()), n_values);
    return {};
  }
};

MappedFloatLists::MappedFloatLists(std::unique_ptr<State> state) : state_(std::move(state)) {}
MappedFloatLists::~MappedFloatLists() = default;
MappedFloatLists::MappedFloatLists(MappedFloatLists&&) noexcept = default;
MappedFloatLists& MappedFloatLists::operator=(MappedFloatLists&&) noexcept = default;

Result<MappedFloatLists> MappedFloatLists::open(const std::filesystem::path& path,
                                                std::string_view column,
                                                Verify verify) {
  auto state = std::make_unique<State>();
  BALEEN_ASSIGN_OR_RETURN(state->file, parquet::open_parquet(path));
  const auto& leaves = state->file.meta.leaves;
  const auto found = std::find_if(leaves.begin(), leaves.end(), [&](const parquet::Leaf& leaf) {
    return leaf.column.name == column && leaf.column.type == ParquetType::float_list;
  });
  if (found == leaves.end())
    return fail(ErrorCode::artifact_corrupt, "{} has no column {} of lists of floats",
                state->file.name, column);
  if (!found->unsupported.empty()) return state->unsupported();
  state->leaf = static_cast<std::size_t>(found - leaves.begin());
  state->list_size = found->column.list_size;
  BALEEN_RETURN_IF_ERROR(state->map());
  for (const parquet::RowGroupMeta& group : state->file.meta.row_groups)
    BALEEN_RETURN_IF_ERROR(state->add_group(group, verify));
  return MappedFloatLists(std::move(state));
}

std::int64_t MappedFloatLists::n_rows() const { return state_->file.meta.n_rows; }
int MappedFloatLists::list_size() const { return state_->list_size; }
std::int64_t MappedFloatLists::n_row_groups() const { return std::ssize(state_->groups); }

std::span<const float> MappedFloatLists::group(std::int64_t group) const {
  BALEEN_CHECK(group >= 0 && group < n_row_groups());
  return state_->groups[static_cast<std::size_t>(group)];
}

std::int64_t MappedFloatLists::offset_of_group(std::int64_t group) const {
  const std::span<const float> values = this->group(group);
  return values.empty() ? 0 : reinterpret_cast<const char*>(values.data()) - state_->base;
}

std::span<const float> MappedFloatLists::row(std::int64_t row) const {
  BALEEN_CHECK(row >= 0 && row < n_rows());
  const auto& firsts = state_->file.first_rows;
  const auto behind = std::upper_bound(firsts.begin(), firsts.end() - 1, row);
  const auto i = static_cast<std::size_t>(behind - firsts.begin()) - 1;
  const auto n = static_cast<std::size_t>(state_->list_size);
  return state_->groups[i].subspan(static_cast<std::size_t>(row - firsts[i]) * n, n);
}

}  // namespace baleen::formats
