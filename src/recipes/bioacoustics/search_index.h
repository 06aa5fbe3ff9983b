#pragma once

/// The search index of one owner and encoding: sketches (cluster/sketch_index.h) of embedding sets in a file that is
/// appended to, and beside it which sets they are of (docs/formats/search_index.md). A cache: everything in it can be
/// made again from the embedding sets, and what it says is held against checksums when it is opened.
///
///   DIRECTORY/sets.json           the truth: which sets, by digest, are in which rows of which file
///   DIRECTORY/sketches.G.index    the sketches of generation G
///   DIRECTORY/lock                held by the one that writes
///
/// Write order: sketches, fsync, then sets.json (atomically). Bytes behind the rows that sets.json tells of are what a killed
/// writer left; the next one overwrites them. Rows that sets.json tells of are never written again, so readers
/// need no lock: they keep what they have mapped, even if a new generation takes the file's name away.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cluster/sketch_index.h"
#include "core/result.h"

namespace baleen::bioacoustics {

/// One embedding set in an index, and where its vectors lie in its own file, so that they are found without parsing it.
struct IndexedSet {
  std::string asset_id;
  std::string sha256;          ///< Of the set's file.
  std::int64_t bytes = 0;      ///< Of the set's file.
  std::int64_t first_row = 0;  ///< Of its sketches.
  std::int64_t n_rows =
      0;  ///< 0: it has none, and must be compared itself (a NaN in it, or compressed).
  std::int64_t n_searched = 0;  ///< So many of its first windows are more than padding.
  double end_s = 0;             ///< Of its last window.
  std::int64_t group_rows = 0;  ///< Rows of a row group; the last may have fewer.
  std::vector<std::int64_t> group_offsets =
      {};                   ///< Where the vectors of each begin in the set's file.
  std::uint32_t crc32 = 0;  ///< Of its sketches.

  friend bool operator==(const IndexedSet&, const IndexedSet&) = default;
};

/// What sets.json says.
struct IndexManifest {
  std::int64_t generation = 0;
  std::int64_t header_bytes = 0, record_bytes = 0;
  std::uint32_t header_crc32 = 0;
  std::int64_t n_rows = 0;  ///< Of all sets, those that are no longer named included.
  std::vector<IndexedSet> sets;

  [[nodiscard]] std::string to_text() const;
  /// FILE_CORRUPT for what to_text() did not write, or was changed since.
  [[nodiscard]] static Result<IndexManifest> parse(std::string_view text);
};

/// An index as it was when it was opened. Thread-safe.
class SearchIndex {
 public:
  /// FILE_NOT_FOUND where there is none (yet); FILE_CORRUPT where checksums do not hold.
  /// @param known  An older state of the same index, or null: what was checked then is not checked again.
  static Result<std::shared_ptr<const SearchIndex>> open(const std::filesystem::path& directory,
                                                         const SearchIndex* known = nullptr);
  ~SearchIndex();
  SearchIndex(const SearchIndex&) = delete;
  SearchIndex& operator=(const SearchIndex&) = delete;

  [[nodiscard]] const IndexManifest& manifest() const { return manifest_; }
  [[nodiscard]] const cluster::SketchCodec& codec() const { return *codec_; }
  [[nodiscard]] std::span<const std::byte> header() const;
  /// Of all rows.
  [[nodiscard]] std::span<const std::byte> records() const;
  /// Null if it is not there.
  [[nodiscard]] const IndexedSet* find(std::string_view sha256) const;
  /// Which of manifest().sets a row belongs to; it must belong to one.
  [[nodiscard]] std::size_t set_of_row(std::int64_t row) const;
  [[nodiscard]] bool is_state_of(const std::filesystem::path& directory) const;

 private:
  /// Which file sets.json was: another one after each change.
  struct Identity {
    std::uint64_t device = 0, inode = 0;
    std::int64_t size_bytes = 0, changed_ns = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  SearchIndex() = default;
  static Result<Identity> identity_of(const std::filesystem::path& directory);
  Result<void> map(const std::filesystem::path& path);
  Result<void> check(const SearchIndex* known) const;

  Identity identity_;
  std::uint64_t inode_ = 0;  // Of the sketches.
  IndexManifest manifest_;
  std::unordered_map<std::string_view, std::size_t> by_sha256_;  // Keys are of manifest_.
  std::vector<std::size_t> by_row_;                              // Sets with rows, by first_row.
  std::unique_ptr<cluster::SketchCodec> codec_;
  const std::byte* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

/// What is in an index, without comparing the checksums of its sketches (which reads all of them). Errors as of SearchIndex::open.
[[nodiscard]] Result<IndexManifest> look_at_search_index(const std::filesystem::path& directory);

/// Indexes that stay open between searches, so that sets.json is parsed and checksums are compared only after a change.
/// Thread-safe; holds the `n_max` used last.
class OpenIndexes {
 public:
  explicit OpenIndexes(std::size_t n_max = 4) : n_max_(n_max) {}
  /// Its present state; errors as of SearchIndex::open.
  Result<std::shared_ptr<const SearchIndex>> open(const std::filesystem::path& directory);

 private:
  using Entry = std::pair<std::filesystem::path, std::shared_ptr<const SearchIndex>>;
  const std::size_t n_max_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // Guarded by mutex_; the one used last in front.
};

/// An embedding set that is to be found.
struct SetToIndex {
  std::string asset_id;
  std::string sha256;
  std::filesystem::path path;
  std::int64_t bytes = 0;
};

struct IndexUpdateOptions {
  /// No set is begun after so many windows were added.
  std::int64_t n_windows_max = INT64_MAX;
  int n_threads = 1;
  std::int64_t n_forgotten_max =
      1 << 16;  ///< Up to so many rows of forgotten sets are no reason to move the rest.
  bool is_made_anew = false;  ///< Forget what is there, other sets included.
};

struct IndexUpdate {
  std::int64_t n_sets_added = 0, n_windows_added = 0;
  bool is_complete = true;  ///< All of the sets are there now.
};

/// Adds the sets that are missing; what is damaged is made anew. A set of the same recording that is no longer named is
/// forgotten; when most rows are of forgotten sets, the rest is moved to a new generation.
/// @return CONFLICT if another process is writing; DISK_FULL, PERMISSION_DENIED and other errors of files: what was
///         added before stays.
[[nodiscard]] Result<IndexUpdate> update_search_index(const std::filesystem::path& directory,
                                                      const std::vector<SetToIndex>& sets,
                                                      const IndexUpdateOptions& options);

}  // namespace baleen::bioacoustics
