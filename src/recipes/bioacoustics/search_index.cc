#include "recipes/bioacoustics/search_index.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "formats/checksum.h"
#include "recipes/bioacoustics/search_index_files.h"

namespace baleen::bioacoustics {
namespace {

constexpr int kOpenTries = 5;

Error corrupt(const std::filesystem::path& path, std::string_view why) {
  return fail(ErrorCode::file_corrupt, "read the search index {}: {}", path.string(), why);
}

}  // namespace

Result<SearchIndex::Identity> SearchIndex::identity_of(const std::filesystem::path& directory) {
  const std::filesystem::path path = index_files::sets(directory);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return core::errno_error(errno, path.string());
  return Identity{status.st_dev, status.st_ino, status.st_size,
                  std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
}

Result<std::shared_ptr<const SearchIndex>> SearchIndex::open(const std::filesystem::path& directory,
                                                             const SearchIndex* known) {
  for (int i = 0;; ++i) {
    std::shared_ptr<SearchIndex> index(new SearchIndex);
    BALEEN_ASSIGN_OR_RETURN(index->identity_, identity_of(directory));
    BALEEN_ASSIGN_OR_RETURN(const std::string text,
                            core::read_text_file(index_files::sets(directory)));
    BALEEN_ASSIGN_OR_RETURN(index->manifest_, IndexManifest::parse(text));
    const std::filesystem::path path =
        index_files::sketches(directory, index->manifest_.generation);
    if (const Result<void> mapped = index->map(path); !mapped.ok()) {
      if (mapped.error().code != ErrorCode::file_not_found) return mapped.error();
      // A new generation may have come between; then sets.json is another one, too.
      if (index->is_state_of(directory) || i >= kOpenTries) return corrupt(path, "it is gone");
      continue;
    }
    BALEEN_RETURN_IF_ERROR(index->check(known));
    BALEEN_ASSIGN_OR_RETURN(cluster::SketchCodec codec,
                            cluster::SketchCodec::parse(index->header()));
    if (codec.metric() != cluster::Metric::cosine ||
        std::cmp_not_equal(codec.header_bytes(), index->manifest_.header_bytes) ||
        std::cmp_not_equal(codec.record_bytes(), index->manifest_.record_bytes))
      return corrupt(path, "its header is of another index");
    index->codec_ = std::make_unique<cluster::SketchCodec>(std::move(codec));
    return std::shared_ptr<const SearchIndex>(std::move(index));
  }
}

SearchIndex::~SearchIndex() {
  if (base_ != nullptr) ::munmap(const_cast<std::byte*>(base_), mapped_bytes_);
}

Result<void> SearchIndex::map(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const core::Fd file, core::open_read(path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return core::errno_error(errno, path.string());
  inode_ = status.st_ino;
  const std::int64_t size = manifest_.header_bytes + manifest_.n_rows * manifest_.record_bytes;
  if (size == 0 || status.st_size < size) return corrupt(path, "it is cut off");
  void* mapped =
      ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return core::errno_error(errno, "map " + path.string());
  base_ = static_cast<const std::byte*>(mapped);
  mapped_bytes_ = static_cast<std::size_t>(size);
  ::madvise(mapped, mapped_bytes_, MADV_WILLNEED);
  for (std::size_t i = 0; i < manifest_.sets.size(); ++i) {
    by_sha256_[manifest_.sets[i].sha256] = i;
    if (manifest_.sets[i].n_rows > 0) by_row_.push_back(i);
  }
  std::ranges::sort(by_row_, {}, [this](std::size_t i) { return manifest_.sets[i].first_row; });
  return {};
}

Result<void> SearchIndex::check(const SearchIndex* known) const {
  if (known != nullptr && known->inode_ != inode_) known = nullptr;
  if (known == nullptr && formats::crc32(0, header()) != manifest_.header_crc32)
    return fail(ErrorCode::file_corrupt, "read a search index: its header is damaged");
  const auto record_bytes = static_cast<std::size_t>(manifest_.record_bytes);
  for (const std::size_t i : by_row_) {
    const IndexedSet& set = manifest_.sets[i];
    const IndexedSet* const before = known == nullptr ? nullptr : known->find(set.sha256);
    if (before != nullptr && *before == set) continue;
    const auto bytes = records().subspan(static_cast<std::size_t>(set.first_row) * record_bytes,
                                         static_cast<std::size_t>(set.n_rows) * record_bytes);
    if (formats::crc32(0, bytes) != set.crc32)
      return fail(ErrorCode::file_corrupt, "read a search index: the sketches of {} are damaged",
                  set.asset_id);
  }
  return {};
}

std::span<const std::byte> SearchIndex::header() const {
  return {base_, static_cast<std::size_t>(manifest_.header_bytes)};
}

std::span<const std::byte> SearchIndex::records() const {
  return std::span(base_, mapped_bytes_).subspan(static_cast<std::size_t>(manifest_.header_bytes));
}

const IndexedSet* SearchIndex::find(std::string_view sha256) const {
  const auto found = by_sha256_.find(sha256);
  return found == by_sha256_.end() ? nullptr : &manifest_.sets[found->second];
}

std::size_t SearchIndex::set_of_row(std::int64_t row) const {
  const auto behind = std::ranges::upper_bound(
      by_row_, row, {}, [this](std::size_t i) { return manifest_.sets[i].first_row; });
  BALEEN_CHECK(behind != by_row_.begin());
  return *(behind - 1);
}

bool SearchIndex::is_state_of(const std::filesystem::path& directory) const {
  const Result<Identity> now = identity_of(directory);
  return now.ok() && *now == identity_;
}

Result<IndexManifest> look_at_search_index(const std::filesystem::path& directory) {
  BALEEN_ASSIGN_OR_RETURN(const std::string text,
                          core::read_text_file(index_files::sets(directory)));
  BALEEN_ASSIGN_OR_RETURN(IndexManifest manifest, IndexManifest::parse(text));
  const std::filesystem::path path = index_files::sketches(directory, manifest.generation);
  const Result<std::int64_t> size = core::file_size_bytes(path);
  if (!size.ok()) return corrupt(path, "it is gone");
  if (*size < manifest.header_bytes + manifest.n_rows * manifest.record_bytes)
    return corrupt(path, "it is cut off");
  return manifest;
}

Result<std::shared_ptr<const SearchIndex>> OpenIndexes::open(
    const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find(entries_, directory, [](const Entry& entry) { return entry.first; });
  std::shared_ptr<const SearchIndex> known;
  if (found != entries_.end()) {
    if (found->second->is_state_of(directory)) {
      entries_.splice(entries_.begin(), entries_, found);
      return entries_.front().second;
    }
    known = found->second;
    entries_.erase(found);
  }
  BALEEN_ASSIGN_OR_RETURN(std::shared_ptr<const SearchIndex> index,
                          SearchIndex::open(directory, known.get()));
  entries_.emplace_front(directory, index);
  if (entries_.size() > n_max_) entries_.pop_back();
  return index;
}

}  // namespace baleen::bioacoustics
