// Adding embedding sets to a search index. One writer at a time; what order the writes have stands in search_index.h.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "core/failpoint.h"
#include "core/file.h"
#include "core/locked_file.h"
#include "formats/checksum.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/search_index.h"
#include "recipes/bioacoustics/search_index_files.h"
#include "recipes/bioacoustics/window_times.h"

namespace baleen::bioacoustics {
namespace {

/// From how many windows directions are chosen, of how many sets.
constexpr std::int64_t kSampleWindows = 4096;
constexpr std::size_t kSampleSets = 256;
constexpr std::uint64_t kSeed = 1;
/// After so many windows what was added is made durable: a killed writer loses no more.
constexpr std::int64_t kCommitWindows = 1 << 17;

/// Some windows of each of some sets, evenly spread. Sets that cannot be read are left out: who adds them tells why.
cluster::Matrix sample_of(const std::vector<SetToIndex>& sets) {
  const std::size_t n_sets = std::min(sets.size(), kSampleSets);
  std::vector<float> values;
  std::size_t size = 0;
  for (std::size_t i = 0; i < n_sets; ++i) {
    const Result<formats::MappedFloatLists> vectors =
        formats::MappedFloatLists::open(sets[i * sets.size() / n_sets].path, "embedding");
    if (!vectors.ok() || vectors->n_rows() == 0) continue;
    const auto own_size = static_cast<std::size_t>(vectors->list_size());
    if (size == 0) size = own_size;
    if (own_size != size) continue;
    const std::int64_t n =
        std::min(vectors->n_rows(), kSampleWindows / static_cast<std::int64_t>(n_sets) + 1);
    for (std::int64_t k = 0; k < n; ++k) {
      const auto row = vectors->row(k * vectors->n_rows() / n);
      if (cluster::all_finite(row)) values.insert(values.end(), row.begin(), row.end());
    }
  }
  const std::size_t n_rows = size == 0 ? 0 : values.size() / size;
  return {std::move(values), n_rows, size};
}

/// What of an embedding set the index keeps besides its sketches; n_rows is 0 if its vectors cannot be read as they lie.
Result<IndexedSet> describe(const SetToIndex& set, const formats::MappedFloatLists* vectors) {
  IndexedSet described{set.asset_id, set.sha256, set.bytes};
  if (vectors == nullptr || vectors->n_rows() == 0) return described;
  const auto size = static_cast<std::size_t>(vectors->list_size());
  described.group_rows = static_cast<std::int64_t>(vectors->group(0).size() / size);
  for (std::int64_t group = 0; group < vectors->n_row_groups(); ++group) {
    const auto n = static_cast<std::int64_t>(vectors->group(group).size() / size);
    const bool is_last = group + 1 == vectors->n_row_groups();
    if (n == 0 || n > described.group_rows || (n < described.group_rows && !is_last))
      return IndexedSet{set.asset_id, set.sha256, set.bytes};
    described.group_offsets.push_back(vectors->offset_of_group(group));
  }
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file, formats::open_embeddings(set.path));
  BALEEN_ASSIGN_OR_RETURN(const WindowTimes times, read_window_times(file));
  described.n_rows = vectors->n_rows();
  described.end_s = times.end_s.back();
  const auto n_rows = static_cast<std::size_t>(described.n_rows);
  std::size_t n_searched = n_rows;
  while (n_searched > 0 && times.is_mostly_padding(n_searched - 1)) --n_searched;
  for (std::size_t row = 0; row < n_searched; ++row)
    if (times.is_mostly_padding(row)) return IndexedSet{set.asset_id, set.sha256, set.bytes};
  described.n_searched = static_cast<std::int64_t>(n_searched);
  return described;
}

/// The file of sketches and what sets.json will say of it.
class IndexWriter {
 public:
  explicit IndexWriter(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Goes on with what is there.
  Result<void> go_on(const SearchIndex& index) {
    manifest_ = committed_ = index.manifest();
    is_changed_ = false;
    codec_ = &index.codec();
    const std::filesystem::path path = index_files::sketches(directory_, manifest_.generation);
    file_ = core::Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file_.is_open()) return core::errno_error(errno, "open " + path.string());
    return {};
  }

  /// Begins a new generation.
  Result<void> begin(const cluster::SketchCodec& codec) {
    codec_ = &codec;
    manifest_ = IndexManifest{};
    is_changed_ = true;
    manifest_.generation = newest_generation() + 1;
    const std::vector<std::byte> header = codec.header();
    manifest_.header_bytes = static_cast<std::int64_t>(header.size());
    manifest_.record_bytes = static_cast<std::int64_t>(codec.record_bytes());
    manifest_.header_crc32 = formats::crc32(0, header);
    committed_ = manifest_;
    const std::filesystem::path path = index_files::sketches(directory_, manifest_.generation);
    BALEEN_ASSIGN_OR_RETURN(file_, core::create_file(path));
    BALEEN_RETURN_IF_ERROR(core::write_all_at(file_, header, 0));
    BALEEN_FAILPOINT("INDEX_AFTER_HEADER");
    return core::sync_directory(directory_);
  }

  /// A set whose sketches are known from an older generation.
  Result<void> move(IndexedSet set, std::span<const std::byte> records) {
    set.first_row = manifest_.n_rows;
    BALEEN_RETURN_IF_ERROR(core::write_all_at(file_, records, end()));
    manifest_.n_rows += set.n_rows;
    manifest_.sets.push_back(std::move(set));
    is_changed_ = true;
    return {};
  }

  Result<void> add(const SetToIndex& set, int n_threads) {
    const Result<formats::MappedFloatLists> vectors =
        formats::MappedFloatLists::open(set.path, "embedding");
    if (!vectors.ok() && vectors.error().code != ErrorCode::not_supported) return vectors.error();
    BALEEN_ASSIGN_OR_RETURN(IndexedSet described,
                            describe(set, vectors.ok() ? &*vectors : nullptr));
    described.first_row = manifest_.n_rows;
    std::int64_t at = end();
    for (std::size_t i = 0; i < described.group_offsets.size(); ++i) {
      const auto values = vectors->group(static_cast<std::int64_t>(i));
      const auto size = static_cast<std::size_t>(vectors->list_size());
      const auto records =
          codec_->encode(cluster::MatrixView(values, values.size() / size, size), n_threads);
      if (!records.ok() && records.error().code == ErrorCode::embedding_not_finite) {
        described = IndexedSet{set.asset_id, set.sha256, set.bytes};
        break;
      }
      if (!records.ok()) return records.error();
      BALEEN_RETURN_IF_ERROR(core::write_all_at(file_, *records, at));
      BALEEN_FAILPOINT("INDEX_AFTER_GROUP");
      described.crc32 = formats::crc32(described.crc32, *records);
      at += std::ssize(*records);
    }
    manifest_.n_rows += described.n_rows;
    manifest_.sets.push_back(std::move(described));
    is_changed_ = true;
    return {};
  }

  /// Sets of these recordings that are none of these are forgotten.
  void forget_others(const std::set<std::string_view>& assets,
                     const std::set<std::string_view>& digests) {
    const auto n = std::erase_if(manifest_.sets, [&](const IndexedSet& set) {
      return assets.contains(set.asset_id) && !digests.contains(set.sha256);
    });
    is_changed_ = is_changed_ || n > 0;
  }

  /// Makes what was added durable, and then known.
  Result<void> commit() {
    if (!is_changed_) return {};
    BALEEN_FAILPOINT("INDEX_BEFORE_SYNC");
    BALEEN_RETURN_IF_ERROR(core::sync_file(file_));
    BALEEN_FAILPOINT("INDEX_BEFORE_SETS");
    committed_ = manifest_;  // Even if this fails: the file may have its name already.
    BALEEN_RETURN_IF_ERROR(
        core::write_file_atomic(index_files::sets(directory_), manifest_.to_text()));
    BALEEN_FAILPOINT("INDEX_AFTER_SETS");
    is_changed_ = false;
    return {};
  }

  /// Gives back the space of what was not committed. No reader looks there.
  void cut() {
    manifest_ = committed_;
    if (file_.is_open() && ::ftruncate(file_.get(), end()) != 0) return;
  }

  /// Removes the files of other generations: readers keep what they have mapped.
  void remove_others() const {
    std::error_code error;
    const std::filesystem::path own = index_files::sketches(directory_, manifest_.generation);
    for (const auto& entry : std::filesystem::directory_iterator(directory_, error))
      if (generation_of(entry.path()) >= 0 && entry.path() != own)
        std::filesystem::remove(entry.path(), error);
  }

  [[nodiscard]] std::int64_t n_rows_of_sets() const {
    std::int64_t n = 0;
    for (const IndexedSet& set : manifest_.sets) n += set.n_rows;
    return n;
  }
  [[nodiscard]] const IndexManifest& manifest() const { return manifest_; }

 private:
  [[nodiscard]] std::int64_t end() const {
    return manifest_.header_bytes + manifest_.n_rows * manifest_.record_bytes;
  }
  /// -1: another file.
  static std::int64_t generation_of(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    constexpr std::string_view kBefore = "sketches.", kBehind = ".index";
    constexpr std::size_t kDigitsMax = 15;
    if (!name.starts_with(kBefore) || !name.ends_with(kBehind)) return -1;
    const std::size_t n_digits =
        name.size() - std::min(name.size(), kBefore.size() + kBehind.size());
    const std::string digits = name.substr(kBefore.size(), n_digits);
    if (n_digits == 0 || n_digits > kDigitsMax ||
        digits.find_first_not_of("0123456789") != std::string::npos)
      return -1;
    return std::stoll(digits);
  }
  [[nodiscard]] std::int64_t newest_generation() const {
    std::int64_t newest = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, error))
      newest = std::max(newest, generation_of(entry.path()));
    return newest;
  }

  const std::filesystem::path directory_;
  const cluster::SketchCodec* codec_ = nullptr;  // Of the index gone on with, or the caller's.
  core::Fd file_;
  IndexManifest manifest_;
  IndexManifest committed_;  // What readers may know.
  bool is_changed_ = false;  // Since it was committed.
};

/// The sets of an index in a file of their own, without the rows of those that were forgotten.
Result<void> move_to_new_generation(const SearchIndex& old,
                                    const IndexManifest& kept,
                                    IndexWriter& writer) {
  BALEEN_RETURN_IF_ERROR(writer.begin(old.codec()));
  const auto record_bytes = static_cast<std::size_t>(kept.record_bytes);
  for (const IndexedSet& set : kept.sets) {
    const auto first = static_cast<std::size_t>(set.first_row) * record_bytes;
    const auto size = static_cast<std::size_t>(set.n_rows) * record_bytes;
    BALEEN_RETURN_IF_ERROR(writer.move(
        set, size == 0 ? std::span<const std::byte>() : old.records().subspan(first, size)));
  }
  BALEEN_RETURN_IF_ERROR(writer.commit());
  writer.remove_others();
  return {};
}

/// Whether a set cannot be read, and not: the index cannot be written.
bool is_of_the_set(const Error& error) {
  return error.code == ErrorCode::artifact_corrupt || error.code == ErrorCode::file_not_found ||
         error.code == ErrorCode::embedding_dimensions_differ;
}

Result<IndexUpdate> add_missing(IndexWriter& writer,
                                const std::vector<SetToIndex>& sets,
                                const IndexUpdateOptions& options) {
  std::set<std::string, std::less<>> present;
  for (const IndexedSet& set : writer.manifest().sets) present.insert(set.sha256);
  IndexUpdate update;
  std::int64_t n_committed = writer.manifest().n_rows;
  const std::int64_t n_before = n_committed;
  for (const SetToIndex& set : sets) {
    if (set.sha256.empty() || present.contains(set.sha256)) continue;
    if (writer.manifest().n_rows - n_before >= options.n_windows_max) {
      update.is_complete = false;
      break;
    }
    if (const Result<void> added = writer.add(set, options.n_threads); !added.ok()) {
      if (!is_of_the_set(added.error())) return added.error();
      update.is_complete = false;  // Who compares the set itself tells what is wrong with it.
      continue;
    }
    present.insert(set.sha256);
    ++update.n_sets_added;
    if (writer.manifest().n_rows - n_committed >= kCommitWindows) {
      BALEEN_RETURN_IF_ERROR(writer.commit());
      n_committed = writer.manifest().n_rows;
    }
  }
  update.n_windows_added = writer.manifest().n_rows - n_before;
  return update;
}

}  // namespace

Result<IndexUpdate> update_search_index(const std::filesystem::path& directory,
                                        const std::vector<SetToIndex>& sets,
                                        const IndexUpdateOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(const core::Fd lock, core::open_locked(index_files::lock(directory)));
  const Result<std::shared_ptr<const SearchIndex>> old = SearchIndex::open(directory);
  if (!old.ok() && !options.is_made_anew && old.error().code != ErrorCode::file_not_found &&
      old.error().code != ErrorCode::file_corrupt)
    return old.error();
  IndexWriter writer(directory);
  std::unique_ptr<cluster::SketchCodec> codec;
  const bool is_new = !old.ok() || options.is_made_anew;
  if (is_new) {
    const cluster::Matrix sample = sample_of(sets);
    BALEEN_ASSIGN_OR_RETURN(cluster::SketchCodec fitted,
                            cluster::SketchCodec::fit(sample.view(), cluster::Metric::cosine, kSeed,
                                                      options.n_threads));
    codec = std::make_unique<cluster::SketchCodec>(std::move(fitted));
    BALEEN_RETURN_IF_ERROR(writer.begin(*codec));
  } else {
    BALEEN_RETURN_IF_ERROR(writer.go_on(**old));
  }
  std::set<std::string_view> assets, digests;
  for (const SetToIndex& set : sets) {
    assets.insert(set.asset_id);
    digests.insert(set.sha256);
  }
  writer.forget_others(assets, digests);
  const std::int64_t n_kept = writer.n_rows_of_sets();
  const std::int64_t n_forgotten = writer.manifest().n_rows - n_kept;
  if (n_forgotten > options.n_forgotten_max && n_forgotten > n_kept) {
    const IndexManifest kept = writer.manifest();
    BALEEN_RETURN_IF_ERROR(move_to_new_generation(**old, kept, writer));
  }
  Result<IndexUpdate> update = add_missing(writer, sets, options);
  if (update.ok()) {
    if (Result<void> committed = writer.commit(); !committed.ok())
      update = std::move(committed).error();
  }
  if (update.ok()) {
    writer.remove_others();
  } else {
    writer.cut();
  }
  return update;
}

}  // namespace baleen::bioacoustics
