#include "recipes/bioacoustics/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "cluster/distance.h"
#include "cluster/matrix.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/vectors.h"
#include "recipes/bioacoustics/windows.h"

namespace baleen::bioacoustics {
namespace {

/// The windows of the example, each of length 1.
struct Query {
  cluster::Matrix vectors;  // (n, d)
  double start_s = 0, end_s = 0;
};

void scale_to_unit(std::span<float> vector) {
  const float length = std::sqrt(cluster::dot(vector, vector));
  if (length == 0) return;
  for (float& value : vector) value /= length;
}

/// When the windows of a recording are; the last ones may be more padding than sound.
struct Times {
  std::vector<double> start_s, end_s;
  double window_s = 0;

  [[nodiscard]] bool is_mostly_padding(std::size_t row) const {
    return bioacoustics::is_mostly_padding(static_cast<std::int64_t>(row),
                                           end_s[row] - start_s[row], window_s, kSearchedFillMin);
  }
};

Result<Times> read_times(formats::EmbeddingsFile& file) {
  Times times;
  times.window_s = file.info.window_size_s;
  times.start_s.resize(static_cast<std::size_t>(file.reader.n_rows()));
  times.end_s.resize(times.start_s.size());
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.start_s, 0, times.start_s));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.end_s, 0, times.end_s));
  return times;
}

std::vector<std::size_t> rows_of(const Example& example, const Times& times) {
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
  BALEEN_ASSIGN_OR_RETURN(const Times times, read_times(file));
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
              times.start_s[rows.front()], times.end_s[rows.front()]};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<float> vector = query.vectors.row(i);
    BALEEN_RETURN_IF_ERROR(
        file.reader.read(file.embedding, static_cast<std::int64_t>(rows[i]), vector));
    scale_to_unit(vector);
    query.end_s = std::max(query.end_s, times.end_s[rows[i]]);
  }
  return query;
}

bool is_before(const SearchHit& a, const SearchHit& b) {
  if (a.similarity != b.similarity) return a.similarity > b.similarity;
  if (a.recording != b.recording) return a.recording < b.recording;
  return a.row_index < b.row_index;
}

/// The best so far; the worst of them on top.
class BestHits {
 public:
  explicit BestHits(std::size_t n_max) : n_max_(n_max) {}

  void add(const SearchHit& hit) {
    if (hits_.size() == n_max_) {
      if (!is_before(hit, hits_.front())) return;
      std::ranges::pop_heap(hits_, is_before);
      hits_.pop_back();
    }
    hits_.push_back(hit);
    std::ranges::push_heap(hits_, is_before);
  }
  [[nodiscard]] std::vector<SearchHit> take() {
    std::ranges::sort(hits_, is_before);
    return std::move(hits_);
  }

 private:
  std::size_t n_max_;
  std::vector<SearchHit> hits_;
};

/// A stretch of rows: [first, second). Windows follow each other in time, so a stretch of time is one.
using Rows = std::pair<std::int64_t, std::int64_t>;

/// Which of them overlap with [from_s, to_s).
Rows rows_between(const Times& times, double from_s, double to_s) {
  const auto first = std::ranges::upper_bound(times.end_s, from_s) - times.end_s.begin();
  const auto last = std::ranges::lower_bound(times.start_s, to_s) - times.start_s.begin();
  return {first, std::max(first, last)};
}

/// Which windows of one recording may be found.
struct Allowed {
  Times times;
  Rows searched, hidden = {0, 0};

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
  BALEEN_ASSIGN_OR_RETURN(allowed.times, read_times(file));
  allowed.searched = rows_between(allowed.times, recording.from_s, recording.to_s);
  if (recording.asset_id == example.recording.asset_id)
    allowed.hidden = rows_between(allowed.times, query.start_s - apart_s, query.end_s + apart_s);
  return allowed;
}

double similarity_to(const Query& query, std::span<const float> vector) {
  const float squared_length = cluster::dot(vector, vector);
  if (squared_length == 0) return 0;
  float best = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < query.vectors.n_rows(); ++i)
    best = std::max(best, cluster::dot(query.vectors.row(i), vector));
  return std::clamp(static_cast<double>(best) / std::sqrt(static_cast<double>(squared_length)),
                    -1.0, 1.0);
}

}  // namespace

Result<SearchResult> search_by_example(const Example& example,
                                       const std::vector<EmbeddedRecording>& among,
                                       const SearchOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(const Query query, read_query(example));
  SearchResult result;
  result.start_s = query.start_s;
  result.end_s = query.end_s;
  result.n_example_windows = static_cast<std::int64_t>(query.vectors.n_rows());
  if (options.top == 0) return result;
  BestHits best(options.top);
  for (std::size_t i = 0; i < among.size(); ++i) {
    BALEEN_ASSIGN_OR_RETURN(const Allowed allowed,
                            allowed_rows(among[i], example, query, options.apart_s));
    BALEEN_RETURN_IF_ERROR(for_each_vector(among[i].embeddings, query.vectors.n_columns(),
                                           [&](std::int64_t row, std::span<const float> vector) {
                                             if (!allowed.has(row)) return;
                                             ++result.n_windows;
                                             const auto at = static_cast<std::size_t>(row);
                                             best.add({i, row, allowed.times.start_s[at],
                                                       allowed.times.end_s[at],
                                                       similarity_to(query, vector)});
                                           }));
  }
  result.hits = best.take();
  return result;
}

}  // namespace baleen::bioacoustics
