#include "recipes/bioacoustics/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "cluster/distance.h"
#include "cluster/matrix.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/search_parts.h"
#include "recipes/bioacoustics/vectors.h"

namespace baleen::bioacoustics {

namespace search_parts {
namespace {

bool is_before(const SearchHit& a, const SearchHit& b) {
  if (a.similarity != b.similarity) return a.similarity > b.similarity;
  if (a.recording != b.recording) return a.recording < b.recording;
  return a.row_index < b.row_index;
}

}  // namespace

double similarity_to(const Query& query, std::span<const float> vector) {
  const float squared_length = cluster::dot(vector, vector);
  if (squared_length == 0) return 0;
  float best = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < query.vectors.n_rows(); ++i)
    best = std::max(best, cluster::dot(query.vectors.row(i), vector));
  return std::clamp(static_cast<double>(best) / std::sqrt(static_cast<double>(squared_length)),
                    -1.0, 1.0);
}

RowRange hidden_rows(const Query& query, double apart_s) {
  return rows_between(query.times, query.start_s - apart_s, query.end_s + apart_s);
}

void BestHits::add(const SearchHit& hit) {
  if (hits_.size() == n_max_) {
    if (!is_before(hit, hits_.front())) return;
    std::ranges::pop_heap(hits_, is_before);
    hits_.pop_back();
  }
  hits_.push_back(hit);
  std::ranges::push_heap(hits_, is_before);
}

std::vector<SearchHit> BestHits::take() {
  std::ranges::sort(hits_, is_before);
  return std::move(hits_);
}

}  // namespace search_parts

namespace {

using search_parts::BestHits;
using search_parts::Query;

void scale_to_unit(std::span<float> vector) {
  const float length = std::sqrt(cluster::dot(vector, vector));
  if (length == 0) return;
  for (float& value : vector) value /= length;
}

std::vector<std::size_t> rows_of(const Example& example, const WindowTimes& times) {
  std::vector<std::size_t> rows;
  if (example.end_s <= example.start_s) {
    double nearest_s = 0;
    for (std::size_t row = 0; row < times.start_s.size(); ++row) {
      if (times.start_s[row] > example.start_s || times.end_s[row] <= example.start_s) continue;
      const double away_s = std::abs((times.start_s[row] + times.end_s[row]) / 2 - example.start_s);
      if (!rows.empty() && away_s >= nearest_s) continue;
      rows.assign(1, row);
      nearest_s = away_s;
    }
    return rows;
  }
  for (std::size_t row = 0; row < times.start_s.size(); ++row) {
    if (times.start_s[row] >= example.end_s || times.end_s[row] <= example.start_s) continue;
    if (!times.is_mostly_padding(row)) rows.push_back(row);
  }
  return rows;
}

Result<Query> read_query(const Example& example) {
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file,
                          formats::open_embeddings(example.recording.embeddings));
  BALEEN_ASSIGN_OR_RETURN(WindowTimes times, read_window_times(file));
  const std::vector<std::size_t> rows = rows_of(example, times);
  if (rows.empty()) {
    return fail(ErrorCode::invalid_argument,
                "the recording has no window at {:.3f} s; it ends at {:.3f} s", example.start_s,
                times.end_s.empty() ? 0.0 : times.end_s.back());
  }
  if (rows.size() > kExampleWindowsMax) {
    return fail(ErrorCode::invalid_argument,
                "the example has {} windows, at most {} are compared: name a shorter stretch of it",
                rows.size(), kExampleWindowsMax);
  }
  Query query{cluster::Matrix(rows.size(), static_cast<std::size_t>(file.info.vector_dim)),
              times.start_s[rows.front()],
              times.end_s[rows.front()],
              {}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<float> vector = query.vectors.row(i);
    BALEEN_RETURN_IF_ERROR(
        file.reader.read(file.embedding, static_cast<std::int64_t>(rows[i]), vector));
    scale_to_unit(vector);
    query.end_s = std::max(query.end_s, times.end_s[rows[i]]);
  }
  query.times = std::move(times);
  return query;
}

/// Which windows of one recording may be found.
struct Allowed {
  WindowTimes times;
  RowRange searched, hidden = {0, 0};

  [[nodiscard]] bool has(std::int64_t row) const {
    return row >= searched.first && row < searched.second &&
           (row < hidden.first || row >= hidden.second) &&
           !times.is_mostly_padding(static_cast<std::size_t>(row));
  }
};

Result<Allowed> allowed_rows(const EmbeddedRecording& recording,
                             const Example& example,
                             const Query& query,
                             double apart_s) {
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file,
                          formats::open_embeddings(recording.embeddings));
  Allowed allowed;
  BALEEN_ASSIGN_OR_RETURN(allowed.times, read_window_times(file));
  allowed.searched = rows_between(allowed.times, recording.from_s, recording.to_s);
  if (recording.asset_id == example.recording.asset_id)
    allowed.hidden = search_parts::hidden_rows(query, apart_s);
  return allowed;
}

/// Compares every window of a recording.
Result<void> compare_all(const Query& query,
                         const Example& example,
                         const std::vector<EmbeddedRecording>& among,
                         std::size_t i,
                         const SearchOptions& options,
                         BestHits& best,
                         SearchResult& result) {
  BALEEN_ASSIGN_OR_RETURN(const Allowed allowed,
                          allowed_rows(among[i], example, query, options.apart_s));
  return for_each_vector(among[i].embeddings, query.vectors.n_columns(),
                         [&](std::int64_t row, std::span<const float> vector) {
                           if (!allowed.has(row)) return;
                           ++result.n_windows;
                           const auto at = static_cast<std::size_t>(row);
                           best.add({i, row, allowed.times.start_s[at], allowed.times.end_s[at],
                                     search_parts::similarity_to(query, vector)});
                         });
}

/// Says when the hits are that were found by their sketches.
Result<void> add_times(const std::vector<EmbeddedRecording>& among, std::vector<SearchHit>& hits) {
  std::map<std::size_t, std::vector<SearchHit*>> by_recording;
  for (SearchHit& hit : hits)
    if (std::isnan(hit.start_s)) by_recording[hit.recording].push_back(&hit);
  for (auto& [recording, own] : by_recording) {
    std::ranges::sort(own, {}, &SearchHit::row_index);  // Reading on is cheap, going back is not.
    BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file,
                            formats::open_embeddings(among[recording].embeddings));
    for (SearchHit* hit : own) {
      BALEEN_RETURN_IF_ERROR(
          file.reader.read(file.start_s, hit->row_index, std::span(&hit->start_s, 1)));
      BALEEN_RETURN_IF_ERROR(
          file.reader.read(file.end_s, hit->row_index, std::span(&hit->end_s, 1)));
    }
  }
  return {};
}

/// Which of the recordings the index has; a recording that comes twice only once.
std::vector<std::size_t> indexed_of(const SearchIndex* index,
                                    const std::vector<EmbeddedRecording>& among) {
  std::vector<std::size_t> which;
  if (index == nullptr) return which;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < among.size(); ++i) {
    const IndexedSet* const set = index->find(among[i].sha256);
    if (set != nullptr && set->n_rows > 0 && seen.insert(set->sha256).second) which.push_back(i);
  }
  return which;
}

}  // namespace

Result<SearchResult> search_by_example(const Example& example,
                                       const std::vector<EmbeddedRecording>& among,
                                       const SearchOptions& options,
                                       const SearchIndex* index) {
  BALEEN_ASSIGN_OR_RETURN(const Query query, read_query(example));
  SearchResult result;
  result.start_s = query.start_s;
  result.end_s = query.end_s;
  result.n_example_windows = static_cast<std::int64_t>(query.vectors.n_rows());
  if (options.top == 0) return result;
  BestHits best(options.top);
  std::vector<std::size_t> indexed = indexed_of(index, among);
  if (!indexed.empty()) {
    const Result<bool> is_sure = search_parts::search_by_sketch(*index, query, example, among,
                                                                indexed, options, best, result);
    // Comparing all finds out whether something is wrong with the sets themselves.
    if (!is_sure.ok() || !*is_sure) indexed.clear();
  }
  for (std::size_t i = 0, next = 0; i < among.size(); ++i) {
    if (next < indexed.size() && indexed[next] == i) {
      ++next;
    } else {
      BALEEN_RETURN_IF_ERROR(compare_all(query, example, among, i, options, best, result));
    }
  }
  result.hits = best.take();
  BALEEN_RETURN_IF_ERROR(add_times(among, result.hits));
  return result;
}

}  // namespace baleen::bioacoustics
