#include "formats/parquet_checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/json.h"
#include "core/sha256.h"

namespace baleen::formats::parquet {
namespace {

constexpr std::string_view kSchemaId = "parquet_checkpoint.v1";
/// More than any page header of ours: its statistics have at most two texts of 64 bytes.
constexpr std::size_t kHeaderBytesMax = 512;

json::object to_object(const Checkpoint& checkpoint) {
  return {{"schema_id", kSchemaId},
          {"identity", checkpoint.identity},
          {"n_row_groups", checkpoint.n_row_groups},
          {"n_rows", checkpoint.n_rows},
          {"size_bytes", checkpoint.size_bytes},
          {"chain", checkpoint.chain}};
}

std::string digest_of(const json::object& object) {
  return core::sha256_hex(core::to_canonical_json(object));
}

/// Walks the pages of our own files. Every function returns nothing where they are not as we write them.
class PageWalk {
 public:
  PageWalk(const core::Fd& file, Codec codec, std::int64_t end)
      : file_(&file), codec_(codec), end_(end) {}

  Result<std::optional<ChunkMeta>> chunk(const Leaf& leaf) {
    std::vector<PlacedPage> pages;
    std::int64_t begin = 0;
    do {
      BALEEN_ASSIGN_OR_RETURN(const std::optional<PlacedPage> placed, page());
      if (!placed) return std::optional<ChunkMeta>();
      const auto size =
          static_cast<std::int64_t>(placed->header_bytes) + placed->header.compressed_bytes;
      if (pages.empty()) begin = position_ - size;
      pages.push_back(*placed);
    } while (pages.back().header.type == PageType::dictionary && pages.size() < 2);
    if (pages.back().header.type != PageType::data) return std::optional<ChunkMeta>();
    return std::optional(chunk_of(leaf, codec_, begin, pages));
  }
  [[nodiscard]] std::int64_t position() const { return position_; }

 private:
  Result<std::optional<PlacedPage>> page() {
    std::string bytes(kHeaderBytesMax, '\0');
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, read_at(*file_, position_, bytes));
    bytes.resize(n);
    const std::size_t padding = std::min(bytes.find_first_not_of('\0'), n);
    const Result<ParsedPageHeader> parsed =
        parse_page_header(std::string_view(bytes).substr(padding));
    if (!parsed.ok()) return std::optional<PlacedPage>();
    position_ += static_cast<std::int64_t>(padding + parsed->bytes);
    if (parsed->header.compressed_bytes > end_ - position_) return std::optional<PlacedPage>();
    position_ += parsed->header.compressed_bytes;
    return std::optional(PlacedPage{parsed->header, parsed->bytes});
  }

  const core::Fd* file_;
  Codec codec_;
  std::int64_t end_;
  std::int64_t position_ = static_cast<std::int64_t>(kMagic.size());
};

}  // namespace

Result<std::size_t> read_at(const core::Fd& file, std::int64_t offset, std::span<char> bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t n = ::pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                              offset + static_cast<std::int64_t>(filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return core::errno_error(errno, "read the Parquet file");
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  return filled;
}

Result<std::optional<std::string>> chained(const std::string& chain,
                                           const core::Fd& file,
                                           std::int64_t begin,
                                           std::int64_t end) {
  constexpr std::int64_t kPieceBytes = 1 << 20;
  core::Sha256 digest;
  digest.update(chain);
  std::string piece;
  while (begin < end) {
    piece.resize(static_cast<std::size_t>(std::min(kPieceBytes, end - begin)));
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, read_at(file, begin, piece));
    if (n != piece.size()) return std::optional<std::string>();
    digest.update(piece);
    begin += static_cast<std::int64_t>(n);
  }
  return std::optional(digest.finish_hex());
}

Result<void> save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  json::object object = to_object(checkpoint);
  object["digest"] = digest_of(object);
  // One fixed name: what a crash leaves of it is overwritten by the next checkpoint.
  const std::filesystem::path temporary = path.string() + ".tmp";
  BALEEN_RETURN_IF_ERROR(core::write_file_synced(temporary, core::to_json(object)));
  return core::publish_file(temporary, path);
}

std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& path,
                                          const std::string& identity) {
  Result<json::value> parsed = core::read_json_file(path);
  if (!parsed.ok() || !parsed->is_object()) return std::nullopt;
  json::object object = std::move(*parsed).as_object();
  const std::string digest = core::get_string(object, "digest");
  object.erase("digest");
  if (digest != digest_of(object) || core::get_string(object, "schema_id") != kSchemaId ||
      core::get_string(object, "identity") != identity)
    return std::nullopt;
  return Checkpoint{.identity = identity,
                    .n_row_groups = core::get_int(object, "n_row_groups"),
                    .n_rows = core::get_int(object, "n_rows"),
                    .size_bytes = core::get_int(object, "size_bytes"),
                    .chain = core::get_string(object, "chain")};
}

Result<std::optional<std::vector<RowGroupMeta>>> read_back(const core::Fd& file,
                                                           const std::vector<Leaf>& leaves,
                                                           Codec codec,
                                                           const Checkpoint& checkpoint) {
  const std::optional<std::vector<RowGroupMeta>> nothing;
  std::vector<RowGroupMeta> groups;
  PageWalk walk(file, codec, checkpoint.size_bytes);
  std::string chain;
  std::int64_t n_rows = 0;
  for (std::int64_t i = 0; i < checkpoint.n_row_groups; ++i) {
    RowGroupMeta group;
    const std::int64_t begin = i == 0 ? 0 : walk.position();  // The magic belongs to the first.
    for (const Leaf& leaf : leaves) {
      BALEEN_ASSIGN_OR_RETURN(const std::optional<ChunkMeta> chunk, walk.chunk(leaf));
      if (!chunk) return nothing;
      group.chunks.push_back(*chunk);
    }
    group.n_rows = group.chunks[0].n_values / std::max(leaves[0].column.list_size, 1);
    n_rows += group.n_rows;
    BALEEN_ASSIGN_OR_RETURN(const std::optional<std::string> next,
                            chained(chain, file, begin, walk.position()));
    if (!next) return nothing;
    chain = *next;
    groups.push_back(std::move(group));
  }
  if (n_rows != checkpoint.n_rows || walk.position() != checkpoint.size_bytes ||
      chain != checkpoint.chain)
    return nothing;
  return std::optional(std::move(groups));
}

}  // namespace baleen::formats::parquet
