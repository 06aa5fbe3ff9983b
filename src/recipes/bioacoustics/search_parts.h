#pragma once

/// What both ways to search are made of: comparing every vector (search.cc) and only those whose sketches are near
/// (search_by_sketch.cc). Internal to the room.

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/matrix.h"
#include "recipes/bioacoustics/search.h"

namespace baleen::bioacoustics::search_parts {

/// The windows of the example, each of length 1.
struct Query {
  cluster::Matrix vectors;  // (n, d)
  double start_s = 0, end_s = 0;
  WindowTimes times;  // Of the whole recording.
};

/// Cosine with the window of the example that is most like it: -1 to 1; 0 of a zero vector.
[[nodiscard]] double similarity_to(const Query& query, std::span<const float> vector);

/// Which rows of the example's own recording are too near to it.
[[nodiscard]] RowRange hidden_rows(const Query& query, double apart_s);

/// The best so far; the worst of them on top.
class BestHits {
 public:
  explicit BestHits(std::size_t n_max) : n_max_(n_max) {}

  void add(const SearchHit& hit);
  [[nodiscard]] bool is_full() const { return hits_.size() == n_max_; }
  /// Of the last one; only if there is any.
  [[nodiscard]] double least_similarity() const { return hits_.front().similarity; }
  [[nodiscard]] std::vector<SearchHit> take();

 private:
  std::size_t n_max_;
  std::vector<SearchHit> hits_;
};

/// Adds to `best` what is nearest in these recordings, all of which are in the index, and counts it in `result`. Times
/// of hits are left open. False, with both as they were, if sketches are not enough to be sure.
[[nodiscard]] Result<bool> search_by_sketch(const SearchIndex& index,
                                            const Query& query,
                                            const Example& example,
                                            const std::vector<EmbeddedRecording>& among,
                                            const std::vector<std::size_t>& which,
                                            const SearchOptions& options,
                                            BestHits& best,
                                            SearchResult& result);

}  // namespace baleen::bioacoustics::search_parts
