// The windows of an index that are most like an example: candidates by their sketches, nearest first, looked at themselves
// until no other can be among the best.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "core/file.h"
#include "recipes/bioacoustics/search_parts.h"

namespace baleen::bioacoustics::search_parts {
namespace {

/// So many of the nearest sketches are at hand, and so many vectors are looked at between two questions whether it is enough.
constexpr std::size_t kCandidatesMin = 4096;
constexpr std::size_t kCandidatesMax = 16'384;
constexpr std::size_t kBatch = 128;
/// Lists of candidates for so many windows of an example at a time.
constexpr std::size_t kQueriesAtOnce = 16;
constexpr std::size_t kOpenFilesMax = 64;

/// Reads single vectors from embedding sets, without parsing them.
class VectorReader {
 public:
  VectorReader(const SearchIndex& index, std::size_t size) : index_(index), vector_(size) {}

  /// Valid until the next call. ARTIFACT_CORRUPT if the file is not the one that was indexed.
  Result<std::span<const float>> read(const std::filesystem::path& path,
                                      std::size_t set,
                                      std::int64_t row) {
    const IndexedSet& described = index_.manifest().sets[set];
    BALEEN_ASSIGN_OR_RETURN(const int fd, open(path, set, described.bytes));
    const auto group = static_cast<std::size_t>(row / described.group_rows);
    const auto size = static_cast<std::int64_t>(vector_.size() * sizeof(float));
    const std::int64_t at = described.group_offsets[group] + row % described.group_rows * size;
    std::span<std::byte> rest = std::as_writable_bytes(std::span(vector_));
    while (!rest.empty()) {
      const ssize_t n = ::pread(fd, rest.data(), rest.size(), at + size - std::ssize(rest));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return core::errno_error(errno, "read " + path.string());
      if (n == 0)
        return fail(ErrorCode::artifact_corrupt, "{} is shorter than it was", path.string());
      rest = rest.subspan(static_cast<std::size_t>(n));
    }
    return std::span<const float>(vector_);
  }

 private:
  Result<int> open(const std::filesystem::path& path, std::size_t set, std::int64_t bytes) {
    if (const auto found = files_.find(set); found != files_.end()) return found->second.get();
    if (files_.size() >= kOpenFilesMax) files_.clear();
    BALEEN_ASSIGN_OR_RETURN(core::Fd file, core::open_read(path));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return core::errno_error(errno, path.string());
    if (status.st_size != bytes) {
      return fail(ErrorCode::artifact_corrupt, "{} has {} bytes, and had {} when it was indexed",
                  path.string(), static_cast<std::int64_t>(status.st_size), bytes);
    }
    return files_.emplace(set, std::move(file)).first->second.get();
  }

  const SearchIndex& index_;
  std::vector<float> vector_;
  std::unordered_map<std::size_t, core::Fd> files_;  // By set.
};

/// Which rows may be found, and whose they are.
struct Searched {
  std::vector<std::uint8_t> is_allowed;       // One for each row.
  std::vector<std::size_t> recording_of_set;  // Of those that are searched.
  std::int64_t n_windows = 0;
};

/// Which rows of a set lie in the stretch of time that is asked for.
Result<RowRange> rows_in_span(const EmbeddedRecording& recording, const IndexedSet& set) {
  if (recording.from_s <= 0 && recording.to_s >= set.end_s) return RowRange{0, set.n_searched};
  if (recording.to_s <= 0 || recording.from_s >= set.end_s) return RowRange{0, 0};
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file,
                          formats::open_embeddings(recording.embeddings));
  BALEEN_ASSIGN_OR_RETURN(const WindowTimes times, read_window_times(file));
  RowRange rows = rows_between(times, recording.from_s, recording.to_s);
  rows.second = std::min(rows.second, set.n_searched);
  rows.first = std::min(rows.first, rows.second);
  return rows;
}

Result<Searched> choose_rows(const SearchIndex& index,
                             const Query& query,
                             const Example& example,
                             const std::vector<EmbeddedRecording>& among,
                             const std::vector<std::size_t>& which,
                             double apart_s) {
  Searched searched;
  const std::vector<IndexedSet>& sets = index.manifest().sets;
  searched.is_allowed.resize(static_cast<std::size_t>(index.manifest().n_rows));
  searched.recording_of_set.resize(sets.size());
  for (const std::size_t i : which) {
    const IndexedSet& set = *index.find(among[i].sha256);
    searched.recording_of_set[static_cast<std::size_t>(&set - sets.data())] = i;
    BALEEN_ASSIGN_OR_RETURN(const RowRange rows, rows_in_span(among[i], set));
    const auto begin = searched.is_allowed.begin() + set.first_row;
    std::fill(begin + rows.first, begin + rows.second, std::uint8_t{1});
    if (among[i].asset_id == example.recording.asset_id) {
      const RowRange hidden = hidden_rows(query, apart_s);
      std::fill(begin + std::min(hidden.first, set.n_rows),
                begin + std::min(hidden.second, set.n_rows), std::uint8_t{0});
    }
    searched.n_windows += std::count(begin + rows.first, begin + rows.second, std::uint8_t{1});
  }
  return searched;
}

/// Looks at candidates themselves until it is sure that no other is better.
class Ranking {
 public:
  Ranking(const SearchIndex& index,
          const Query& query,
          const std::vector<EmbeddedRecording>& among,
          const Searched& searched,
          BestHits& best)
      : index_(index),
        query_(query),
        among_(among),
        searched_(searched),
        best_(best),
        reader_(index, query.vectors.n_columns()) {}

  /// Whether the best are among what was looked at, as far as window `q` of the example is concerned.
  /// @param candidates  Nearest first; all there are if they are fewer than `n_max`.
  Result<bool> rank(std::size_t q,
                    std::span<const cluster::SketchCandidate> candidates,
                    std::size_t n_max) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (i % kBatch == 0 && i > 0 && is_enough(candidates[i].distance)) return true;
      BALEEN_RETURN_IF_ERROR(look_at(q, candidates[i]));
    }
    return candidates.size() < n_max || is_enough(candidates.back().distance);
  }

  [[nodiscard]] std::int64_t n_looked_at() const { return std::ssize(seen_); }

 private:
  [[nodiscard]] bool is_enough(float distance) const {
    if (!best_.is_full()) return false;
    const double farthest = 1 - best_.least_similarity();
    // Equal windows have equal sketches: those behind are at best as near.
    constexpr double kNearlyEqual = 1e-6;
    if (farthest < kNearlyEqual) return true;
    return errors_.is_beyond(static_cast<double>(distance), farthest, kSketchDeviations);
  }

  Result<void> look_at(std::size_t q, const cluster::SketchCandidate& candidate) {
    if (!seen_.insert(candidate.row).second) return {};
    const std::size_t set = index_.set_of_row(candidate.row);
    const std::size_t recording = searched_.recording_of_set[set];
    const std::int64_t row = candidate.row - index_.manifest().sets[set].first_row;
    BALEEN_ASSIGN_OR_RETURN(const std::span<const float> vector,
                            reader_.read(among_[recording].embeddings, set, row));
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    const double similarity = similarity_to(query_, vector);
    best_.add({recording, row, kUnknown, kUnknown, similarity});
    const double own = query_.vectors.n_rows() == 1 ? similarity : own_similarity(q, vector);
    errors_.add(static_cast<double>(candidate.distance), 1 - own);
    return {};
  }

  /// With one window of the example.
  [[nodiscard]] double own_similarity(std::size_t q, std::span<const float> vector) const {
    const float squared = cluster::dot(vector, vector);
    if (squared == 0) return 0;
    return static_cast<double>(cluster::dot(query_.vectors.row(q), vector)) /
           std::sqrt(static_cast<double>(squared));
  }

  const SearchIndex& index_;
  const Query& query_;
  const std::vector<EmbeddedRecording>& among_;
  const Searched& searched_;
  BestHits& best_;
  VectorReader reader_;
  cluster::SketchErrors errors_;
  std::unordered_set<std::uint32_t> seen_;
};

}  // namespace

Result<bool> search_by_sketch(const SearchIndex& index,
                              const Query& query,
                              const Example& example,
                              const std::vector<EmbeddedRecording>& among,
                              const std::vector<std::size_t>& which,
                              const SearchOptions& options,
                              BestHits& best,
                              SearchResult& result) {
  if (query.vectors.n_columns() != index.codec().n_dimensions()) return false;
  BALEEN_ASSIGN_OR_RETURN(const Searched searched,
                          choose_rows(index, query, example, among, which, options.apart_s));
  cluster::SketchSearchOptions sketches{.k = options.top, .n_threads = options.n_threads};
  sketches.n_candidates = std::clamp(16 * options.top, kCandidatesMin, kCandidatesMax);
  sketches.is_allowed = searched.is_allowed;
  BestHits own(options.top);
  Ranking ranking(index, query, among, searched, own);
  const std::size_t d = query.vectors.n_columns();
  for (std::size_t first = 0; first < query.vectors.n_rows(); first += kQueriesAtOnce) {
    const std::size_t n = std::min(kQueriesAtOnce, query.vectors.n_rows() - first);
    const cluster::MatrixView asked(query.vectors.values().subspan(first * d, n * d), n, d);
    BALEEN_ASSIGN_OR_RETURN(
        const auto candidates,
        cluster::nearest_sketches(index.codec(), index.records(), asked, sketches));
    for (std::size_t q = 0; q < n; ++q) {
      BALEEN_ASSIGN_OR_RETURN(const bool is_sure,
                              ranking.rank(first + q, candidates[q], sketches.n_candidates));
      if (!is_sure) return false;
    }
  }
  for (const SearchHit& hit : own.take()) best.add(hit);
  result.n_windows += searched.n_windows;
  result.n_windows_by_sketch += searched.n_windows;
  result.n_windows_looked_at += ranking.n_looked_at();
  return true;
}

}  // namespace baleen::bioacoustics::search_parts
